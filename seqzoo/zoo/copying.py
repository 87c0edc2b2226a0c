"""Models that copy words of the source."""

from __future__ import annotations

from typing import Any

from seqzoo.decoders.recurrent import RecurrentDecoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.heads.copying import Copying
from seqzoo.preprocessing.copying import CopyingPairs
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.zoo.sizes import Size, sized


def see_2017(
    text: Tokenizer,
    units: int | None = None,
    embedding_dim: int | None = None,
    attention: str = "coverage",
    coverage_loss: float = 0.0,
    dropout: float = 0.0,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds the pointer-generator, which summarises and copies names that it has never seen.

    A bidirectional LSTM reads the text; an LSTM with additive attention and coverage writes the
    summary, each word from the vocabulary or from the text. As in the code of the paper, what was
    read at a step enters the next one.

    Args:
        text: Adapted tokenizer of texts and summaries, of words.
        units: Width of the decoder and of each direction of the encoder; None is 128, the paper's
            256.
        embedding_dim: Width of both embeddings; None is 64, the paper's 128.
        attention: A name in `layers.attention.ATTENTIONS`; the paper has additive first, and
            coverage in the last training steps.
        coverage_loss: See `Copying`.
        dropout: See `RecurrentEncoder`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: See, Liu and Manning, 2017, https://arxiv.org/abs/1704.04368
    Differs from the paper: see `Copying`; each side has its own embedding.

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["call Ada now", "Ada"])
        >>> model = sz.zoo.see_2017(words, units=8, embedding_dim=4)
        >>> model.count_params()
        2320
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(128, 64), paper=(256, 128))
    sizes = {"embedding_dim": embedding_dim, "units": units, "dropout": dropout}
    return Seq2Seq(
        encoder=RecurrentEncoder(text.vocabulary_size, direction="both", **sizes),
        decoder=RecurrentDecoder(
            text.vocabulary_size, attention=attention, input_feeding=True, **sizes
        ),
        preprocessor=CopyingPairs(text, max_source_length, max_target_length),
        head=Copying(text.vocabulary_size, coverage_loss),
        search=search,
    )
