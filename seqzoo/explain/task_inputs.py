"""What a task reads of one raw input: the model inputs, and the tokens that a picture labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from seqzoo.layers.block_stack import BlockStack
from seqzoo.preprocessing.byte_pairs import BytePairTokenizer, byte_characters
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.labelled_text import LabelledText
from seqzoo.preprocessing.masked_text import MASK
from seqzoo.preprocessing.tagged_subwords import TaggedSubwords
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import MaskedLanguageModel
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.tagger import Tagger

_SHOWN_BYTES = {" ": "␣", "\n": "↵", "\t": "⇥"}  # as tokenizers of words and characters have them
_MAX_TOKENS = 512  # of a text: what is drawn of it grows with their square


class TaskInputs(NamedTuple):
    """What a task reads of one raw input.

    Attributes:
        tokens: Readable tokens by the part that reads them, "encoder" or "decoder".
        run: By the same names, in the order in which they are called, functions that let the part
            read its tokens, outside of training and of any graph.
    """

    tokens: dict[str, list[str]]
    run: dict[str, Callable[[], Any]]


def read_input(task: Any, example: Any) -> TaskInputs:
    """Reads a raw input as the task would.

    Args:
        task: A task that reads text.
        example: A text; of a `Tagger` a list of tokens too; of a `Seq2Seq` a pair of source and
            target too: for a source alone, the target is what the task answers.

    Raises:
        ValueError: if the task reads no text, or the text has no token or too many.
    """
    kinds = (
        (Seq2Seq, _of_seq2seq),
        (LanguageModel, _of_language_model),
        (MaskedLanguageModel, _of_masked_language_model),
        (Tagger, _of_tagger),
    )
    read = next((read for kind, read in kinds if isinstance(task, kind)), None)
    preprocessor = getattr(task, "preprocessor", None)
    if read is None and isinstance(preprocessor, LabelledText):
        read = _of_labelled_text
    if read is None or preprocessor is None:
        raise ValueError(
            f"`task` must read text. Received: a {type(task).__name__}"
            f"{'' if preprocessor is not None else ' without a preprocessor'}. Give a classifier, "
            "tagger, translator or language model of texts."
        )
    inputs = read(task, example)
    for part, tokens in inputs.tokens.items():
        stack = block_stacks(task).get(part)
        positions = _MAX_TOKENS if stack is None else stack.max_positions or _MAX_TOKENS
        if len(tokens) > min(positions, _MAX_TOKENS):
            raise ValueError(
                f"The text must have at most {min(positions, _MAX_TOKENS)} tokens for the {part}. "
                f"Received: {len(tokens)} tokens. Shorten it."
            )
    return inputs


def block_stacks(task: Any) -> dict[str, BlockStack]:
    """Returns the stacks of blocks of a task by the part that they stand in."""
    parts = {name: getattr(task, name, None) for name in ("encoder", "decoder")}
    if isinstance(task, LanguageModel):
        parts = {"decoder": task.encoder}
    stacks = {name: getattr(part, "stack", None) for name, part in parts.items()}
    return {name: stack for name, stack in stacks.items() if isinstance(stack, BlockStack)}


def check_text(example: Any) -> str:
    """Returns a text.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(example, str):
        raise ValueError(f"`example` must be one text. Received: {example!r}. Give a str.")
    return example


def readable(tokens: tf.Tensor, tokenizer: Any) -> list[str]:
    """Returns the first row of a tokenizer's readable tokens `(1, T)`, with spaces seen."""
    found = [token.decode("utf-8") for token in tokens.numpy()[0]]
    if isinstance(tokenizer, BytePairTokenizer):
        shown = str.maketrans({byte_characters()[ord(b)]: s for b, s in _SHOWN_BYTES.items()})
        found = [token.translate(shown) for token in found]
    return found


def require_tokens(count: int, ends: int = 0) -> None:
    """Raises ValueError unless there are tokens beside so many that every text has."""
    if count <= ends:
        raise ValueError("The text has no token. Give a text with words.")


def source_and_target(task: Seq2Seq, example: Any) -> tuple[str, str]:
    """Returns a source and its target, which is what the task answers where it is not given."""
    if not isinstance(example, str) and isinstance(example, Sequence) and len(example) == 2:
        source, target = (check_text(text) for text in example)
        return source, target
    source = check_text(example)
    return source, task.generate([source])[0]


def _of_seq2seq(task: Seq2Seq, example: Any) -> TaskInputs:
    source, target = source_and_target(task, example)
    preprocessor: Any = task.preprocessor
    raw = as_strings([source])
    x, _, _ = preprocessor(raw, as_strings([target]))
    source_ids, target_ids = x["source_ids"], x["target_ids"]
    words = task.copied_words(raw, whole=True)
    tokens = {
        "encoder": readable(preprocessor.source_tokens(source_ids, *words), preprocessor.source),
        "decoder": readable(preprocessor.target_tokens(target_ids, *words), preprocessor.target),
    }
    require_tokens(len(tokens["encoder"]), 1)
    run = {
        "encoder": lambda: task.encode(source_ids),
        "decoder": lambda: task.decoder(task.known(target_ids), task.encode(source_ids)),
    }
    return TaskInputs(tokens, run)


def _of_language_model(task: LanguageModel, example: Any) -> TaskInputs:
    preprocessor: Any = task.preprocessor
    ids = preprocessor.prompt_ids(preprocessor.as_raw([check_text(example)]))
    tokens = readable(preprocessor.target_tokens(ids), preprocessor.target)
    require_tokens(len(tokens), 1)
    return TaskInputs({"decoder": tokens}, {"decoder": lambda: task.decoder(ids)})


def masked_ids(task: MaskedLanguageModel, example: Any) -> tuple[tf.Tensor, list[str]]:
    """Returns the ids `(1, T)` of a text that may hold masks, and its readable tokens."""
    preprocessor: Any = task.preprocessor
    ids = preprocessor.prompt_ids(preprocessor.as_raw([check_text(example)]))
    is_mask = tf.equal(ids, preprocessor.mask_id)
    shown = preprocessor.target_tokens(tf.where(is_mask, Tokenizer.unknown_id, ids))
    tokens = readable(tf.where(is_mask, MASK, shown), preprocessor.target)
    require_tokens(len(tokens), 1)
    return ids, tokens


def _of_masked_language_model(task: MaskedLanguageModel, example: Any) -> TaskInputs:
    ids, tokens = masked_ids(task, example)
    return TaskInputs({"encoder": tokens}, {"encoder": lambda: task.encoder(ids)})


def _of_tagger(task: Tagger, example: Any) -> TaskInputs:
    preprocessor: Any = task.preprocessor
    tokens = preprocessor.tokens(example) if isinstance(example, str) else list(example)
    require_tokens(len(tokens))
    x = preprocessor.prepare(preprocessor.as_raw([tokens]))
    if isinstance(preprocessor, TaggedSubwords):
        if x["inputs"].shape[1] > 1:
            raise ValueError(
                f"A sentence must have at most {preprocessor.max_length} subwords, which are read "
                f"together. Received: {len(tokens)} words of more. Leave some out."
            )
        tokenizer = preprocessor.tokenizer
        tokens = readable(tokenizer.tokens(x["inputs"][:, 0]), tokenizer)
    return TaskInputs({"encoder": tokens}, {"encoder": lambda: task(x)})


def _of_labelled_text(task: Any, example: Any) -> TaskInputs:
    preprocessor = task.preprocessor
    encoded = preprocessor.encode_inputs(preprocessor.as_raw([check_text(example)]))
    tokenizer = preprocessor.tokenizer
    tokens = readable(tokenizer.tokens(encoded.to_tensor()), tokenizer)
    require_tokens(len(tokens))
    x = preprocessor.pack_inputs(encoded)
    return TaskInputs({"encoder": tokens}, {"encoder": lambda: task(x)})
