"""Sub-words as tokens, with SentencePiece."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from seqzoo.extras import import_tensorflow_text
from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.corpus import Texts, text_batches
from seqzoo.preprocessing.tokenizer import (
    SPECIAL_TOKENS,
    Normalization,
    Tokenizer,
)
from seqzoo.preprocessing.vocabulary_files import read_model, write_model

_SPACE = "▁"  # U+2581, which SentencePiece writes for a space
_LONGEST_LINE = 2**20  # bytes; SentencePiece would leave out a longer line in silence
_PART = 2**12  # characters of the lines that a longer text becomes


@keras.saving.register_keras_serializable(package="seqzoo")
class SubwordTokenizer(Tokenizer):
    """Splits words into frequent subwords, which are learned from the corpus.

    Subwords are trained by the `sentencepiece` package and cut in the graph by
    TensorFlow Text, so that a process which loads an exported model must import
    `tensorflow_text`. The normal form is that of `Tokenizer`, with every run of
    white space as one space and none at the ends; U+2581, SentencePiece's own
    sign for a space, counts as one. A subword that begins a word begins with it.

    Args:
        vocabulary_size: Maximum number of subwords, the four special ones counted.
            A small corpus may give fewer.
        algorithm: "unigram" (Kudo, 2018, https://arxiv.org/abs/1804.10959) or
            "bpe" (Sennrich et al., 2016, https://arxiv.org/abs/1508.07909).
        lowercase: Whether text is put in lower case.
        normalization: "nfc", "nfkc", "nfd" or None.
        model: A trained SentencePiece model in base64, instead of `adapt`.

    Takes strings `(B,)` and returns ragged ids `(B, None)`.

    Example:
        >>> tokenizer = sz.preprocessing.SubwordTokenizer(vocabulary_size=24)
        >>> tokenizer.adapt(["low lower lowest", "new newer newest", "slow slower slowest"] * 9)
        >>> tokenizer.detokenize(tokenizer.tokenize(["newest low"])).numpy().tolist()
        [b'newest low']
    """

    def __init__(
        self,
        vocabulary_size: int = 8000,
        algorithm: Literal["unigram", "bpe"] = "unigram",
        lowercase: bool = False,
        normalization: Normalization = "nfkc",
        model: str | None = None,
    ):
        super().__init__(lowercase=lowercase, normalization=normalization)
        if algorithm not in ("unigram", "bpe"):
            raise ValueError(f'`algorithm` must be "unigram" or "bpe". Received: {algorithm!r}.')
        self._largest_size = vocabulary_size
        self.algorithm = algorithm
        self.model = model
        self._pieces = None
        if model is not None:
            self._set_model(base64.b64decode(model))

    def adapt(self, texts: Texts) -> None:
        """Trains the subwords; the same corpus gives the same ones.

        Raises:
            ValueError: if the corpus holds no text, or more distinct characters
                than `vocabulary_size` can hold.
        """
        lines = [
            part
            for batch in text_batches(texts)
            for text in self.normalize(batch).numpy()
            for part in _parts(text.decode())
        ]
        characters = set().union(*lines) - {" "}
        if not characters:
            raise ValueError(
                "The corpus holds nothing but white space: no subwords can be learned."
            )
        needed = len(characters) + len(SPECIAL_TOKENS) + 1  # 1: the space
        if self._largest_size < needed:
            raise ValueError(
                f"`vocabulary_size` must be at least {needed}: the corpus has {len(characters)} "
                f"distinct characters. Received: vocabulary_size={self._largest_size}."
            )
        self._set_model(self._train(lines))

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        strings = tf.strings.regex_replace(super().normalize(strings), _SPACE, " ")
        return norm.squeeze_spaces(strings)

    def save_vocabulary(self, path: str) -> None:
        """Writes the model file of SentencePiece, with a digest. Its own tools read it too."""
        self._require_vocabulary()
        write_model(path, base64.b64decode(self.model or ""))

    @classmethod
    def load_vocabulary(cls, path: str, **settings: Any) -> SubwordTokenizer:
        """Makes a tokenizer of a SentencePiece model file and the constructor's other arguments.

        The model must have been trained with the ids of `Tokenizer`: pad 0,
        unknown 1, start 2, end 3.

        Raises:
            ValueError: if the file is damaged, or holds no such model.
        """
        model = base64.b64encode(read_model(path)).decode()
        try:
            return cls(model=model, **settings)
        except ValueError as error:
            raise ValueError(f"{path} makes no tokenizer: {error}") from error

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self._largest_size,
            "algorithm": self.algorithm,
            "model": self.model,
        }

    def _train(self, lines: list[str]) -> bytes:
        import sentencepiece
        from sentencepiece import sentencepiece_model_pb2

        file = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder:
            # `normalize` leaves nothing to do, but a model without any rule of its own makes
            # TensorFlow Text write a line to stderr whenever it is loaded.
            rules = Path(folder, "rules.tsv")
            rules.write_text(f"{ord(_SPACE):x}\t20\n")
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=file,
                model_type=self.algorithm,
                vocab_size=self._largest_size,
                hard_vocab_limit=False,
                character_coverage=1.0,
                max_sentence_length=_LONGEST_LINE,
                normalization_rule_tsv=str(rules),
                pad_id=self.pad_id,
                unk_id=self.unknown_id,
                bos_id=self.start_id,
                eos_id=self.end_id,
                unk_surface=SPECIAL_TOKENS[self.unknown_id],
                minloglevel=2,  # progress and warnings stay off stderr
            )
        model = sentencepiece_model_pb2.ModelProto.FromString(file.getvalue())
        model.normalizer_spec.ClearField("normalization_rule_tsv")  # the path of a passing file
        return model.SerializeToString(deterministic=True)

    def _set_model(self, model: bytes) -> None:
        import sentencepiece

        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise ValueError(
                f"A SentencePiece model is needed. Received {len(model)} bytes: {error}."
            ) from error
        ids = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if ids != (self.pad_id, self.unknown_id, self.start_id, self.end_id):
            raise ValueError(
                "The SentencePiece model must have the ids pad 0, unknown 1, start 2, end 3. "
                f"Received: {ids}. Train it with pad_id=0, unk_id=1, bos_id=2, eos_id=3."
            )
        learned = range(len(SPECIAL_TOKENS), processor.vocab_size())
        self._set_vocabulary([*SPECIAL_TOKENS, *map(processor.id_to_piece, learned)])
        self._tokenize, self._detokenize = subword_functions(model)
        self.model = base64.b64encode(model).decode()

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return self._tokenize(strings)

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return self._detokenize(ids)


def _parts(text: str) -> Iterator[str]:
    """Yields a text as lines for SentencePiece, a very long one in parts that end at spaces.

    Sub-words never reach over a space, so that nothing is lost; where a part has none, a word is
    cut.
    """
    if len(text.encode()) <= _LONGEST_LINE:
        yield text
        return
    start = 0
    while start < len(text):
        end = start + _PART
        if end < len(text):
            space = text.rfind(" ", start + 1, end + 1)
            end = end if space < 0 else space
        yield text[start:end].strip(" ")
        start = end


def subword_functions(model: bytes) -> tuple[Any, Any]:
    """Returns functions from strings `(N,)` to ids `(N, None)` of the model, and back.

    Each makes the model's resource in its own graph: one made outside is gone once TensorFlow
    clears its kernels, as `tf.random.set_seed` does. The resource is looked up by its name, which
    therefore is one of the model.
    """
    tensorflow_text = import_tensorflow_text()

    name = f"sentencepiece_{hashlib.sha256(model).hexdigest()[:16]}"

    def subwords():
        return tensorflow_text.SentencepieceTokenizer(model, out_type=tf.int32, name=name)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(strings):
        return subwords().tokenize(strings)

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)], autograph=False)
    def detokenize(ids):
        return subwords().detokenize(ids)

    return tokenize, detokenize
