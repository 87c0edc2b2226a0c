"""What published language models share."""

from __future__ import annotations

from typing import Any

from seqzoo.decoders.language import LanguageDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.importing.weight_table import Row, logit_kernel, vocabulary
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.tasks.language_model import LanguageModel

_MAX_WINDOW = 1024


def language_model(
    encoder: BlockEncoder, tokenizer: Any, positions: int, tied: bool
) -> LanguageModel:
    """Returns the task of an encoder.

    A text begins with the start token, and where the model has none, with the end token.

    Args:
        encoder: Of causal blocks.
        tokenizer: A `PublishedTokenizer`.
        positions: Tokens that the model was trained on at once.
        tied: Whether the logits use the embedding.
    """
    missing = [own for own in range(4) if tokenizer.original_ids[own] < 0]
    return LanguageModel(
        LanguageDecoder(encoder),
        RunningText(
            tokenizer,
            end_tokens=tokenizer.start_id in missing,
            window_length=min(positions, _MAX_WINDOW),
        ),
        Tokens(tokenizer.vocabulary_size, impossible=missing, use_bias=False),
        tie_embeddings=tied,
    )


def token_rows(task: LanguageModel, embedding: str, logits: str, tokenizer: Any) -> list[Row]:
    """Returns the rows of the embedding and, where it is another, of the kernel of the logits."""
    rows = [vocabulary(task.encoder.embedding.embeddings, embedding, tokenizer)]
    if not task.tie_embeddings:
        rows.append(logit_kernel(task.head.kernel, logits, tokenizer))
    return rows
