"""Unaligned many-to-many: a source sequence in, a target sequence out."""

from __future__ import annotations

from typing import Any

import keras

from seqzoo.encoders.encoder import symbolic_inputs
from seqzoo.heads.copying import Copying
from seqzoo.heads.mixture import Mixture
from seqzoo.heads.tokens import Tokens
from seqzoo.preprocessing.copying import CopyingPairs
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.search.step import Step, alignment_of
from seqzoo.tasks.request import InitialDecodingState
from seqzoo.tasks.sampled_feeding import SampledFeeding


@keras.saving.register_keras_serializable(package="seqzoo")
class Seq2Seq(SampledFeeding):
    """An encoder, a decoder and a head: translation and what is like it.

    Args:
        encoder: Makes `Encoded` of source ids; see `seqzoo.encoders`.
        decoder: Makes hidden states of it and the target so far; see `seqzoo.decoders`.
        preprocessor: `TextPairs` with adapted tokenizers, or None where users feed tensors
            `{"source_ids", "target_ids"}` themselves. `CopyingPairs` where the head copies.
        head: Makes logits of hidden states; None is `Tokens` without label smoothing, or
            `Mixture` for a decoder with hard attention. With `Copying` the decoder attends, and
            answers may hold words of the source that are in no vocabulary.
        search: The search that is used where none is given; None is `Greedy()`.
        tie_embeddings: Whether the head uses the weights of the decoder's embedding.
        share_embeddings: Whether the encoder, a `BlockEncoder`, uses it too: both sides have one
            vocabulary then, and embeddings of one width.

    Call arguments:
        x: Dict of `source_ids` `(B, S)` and `target_ids` `(B, T)`, which begin with the start id;
            and, where rows hold several pairs, `source_segments` and `target_segments` of the same
            shapes, the numbers of the pairs from 1 on, 0 on padding.

    Returns:
        Logits `(B, T, vocabulary_size)`; of a head that copies what it returns.

    Raises:
        ValueError: if the parts do not fit together.

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(260, embedding_dim=4, units=5)
        >>> decoder = sz.decoders.RecurrentDecoder(260, embedding_dim=4, units=6)
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer())
        >>> translator = sz.Seq2Seq(encoder, decoder, text)
        >>> x = {"source_ids": np.array([[7, 8, 3]]), "target_ids": np.array([[2, 9]])}
        >>> tuple(translator(x).shape)
        (1, 2, 260)
        >>> len(translator.generate(["Guten Morgen."], search=sz.Greedy(max_length=4)))
        1
    """

    def __init__(
        self,
        encoder,
        decoder,
        preprocessor: TextPairs | None = None,
        head=None,
        search: Any = None,
        tie_embeddings: bool = False,
        share_embeddings: bool = False,
        **kwargs,
    ):
        mixes = hasattr(decoder, "observe_by")
        if head is None:
            head = (Mixture if mixes else Tokens)(decoder.vocabulary_size)
        if mixes != isinstance(head, Mixture):
            raise ValueError(
                "A decoder with hard attention and the head `Mixture` belong together. Received: "
                f"{type(decoder).__name__} and {type(head).__name__}. Leave out `head`, or change "
                "one of them."
            )
        super().__init__(head, preprocessor, search, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.tie_embeddings = tie_embeddings
        self.share_embeddings = share_embeddings
        if mixes:
            decoder.observe_by(head)
        if tie_embeddings:
            head.tie(decoder.embedding)
        if share_embeddings:
            self._check_shared()
            encoder.share_embedding(decoder.embedding)
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        for part, side in (("encoder", "source"), ("decoder", "target"), ("head", "target")):
            self._check_size(part, side)
        self._check_copying()
        source_ids = symbolic_inputs(self.encoder)
        encoded = self.encoder(source_ids)
        self._outputs(symbolic_inputs(self.decoder), encoded, source_ids)
        self.built = True

    @property
    def _copies(self) -> bool:
        return isinstance(self.head, Copying)

    def _check_copying(self):
        preprocessor, decoder = self.preprocessor, self.decoder
        if preprocessor is not None and self._copies != isinstance(preprocessor, CopyingPairs):
            raise ValueError(
                "A head that copies needs the ids of `CopyingPairs`, and no other head can read "
                f"them. Received: {type(self.head).__name__} and {type(preprocessor).__name__}."
            )
        for name in ("attention", "alignments"):  # of recurrent decoders, and of those of blocks
            if self._copies and not getattr(decoder, name, True):
                raise ValueError(
                    f"A head that copies needs the weights of an attention. Received: a decoder "
                    f"with {name}={getattr(decoder, name)}."
                )

    def _check_shared(self):
        if not hasattr(self.encoder, "share_embedding"):
            raise ValueError(
                "`share_embeddings` is for a `BlockEncoder`. Received: "
                f"{type(self.encoder).__name__}. Set it to False."
            )
        sizes = [
            (each.embedding.input_dim, each.embedding.output_dim)
            for each in (self.encoder, self.decoder)
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(
                "`share_embeddings` needs embeddings of one size, vocabulary and width, on both "
                f"sides. Received: {sizes[0]} in the encoder and {sizes[1]} in the decoder. Use "
                "one tokenizer for both sides, or set it to False."
            )

    def _check_size(self, part: str, side: str):
        if self.preprocessor is None:
            return
        required = getattr(self.preprocessor, side).vocabulary_size
        size = getattr(self, part).vocabulary_size
        if size != required:
            raise ValueError(
                f"The {part} has a vocabulary of {size} tokens and the {side} tokenizer one of "
                f"{required}. Make the {part} with vocabulary_size={required}."
            )

    def call(self, x, training=False):
        if "source_segments" in x:
            return self._call_packed(x, training)
        source_ids = x["source_ids"]
        encoded = self.encoder(self.known(source_ids), training=training)
        ids = x["target_ids"]
        if training:
            ids = self.fed(ids, encoded, source_ids)
        return self._outputs(ids, encoded, source_ids, training=training)

    def _call_packed(self, x, training):
        if training and self.scheduled_sampling is not None:
            raise ValueError(
                "Scheduled sampling feeds a decoder its own tokens, one example a row. Received: "
                "rows of several (`packed`). Leave out one of them."
            )
        source_ids = x["source_ids"]
        segments = {"segment_ids": x["source_segments"], "training": training}
        encoded = self.encoder(self.known(source_ids), **segments)
        segments = {"segment_ids": x["target_segments"], "training": training}
        return self._outputs(x["target_ids"], encoded, source_ids, **segments)

    def _outputs(self, token_ids, encoded, source_ids, **options):
        """Returns the head's outputs for previous tokens `(B, T)`."""
        if not self._copies:
            return self.head(self.decoder(token_ids, encoded, **options))
        known = self.known(token_ids)
        hidden, weights = self.decoder(known, encoded, return_reads=True, **options)
        return self.head(hidden, reads=(weights, source_ids))

    def known(self, token_ids):
        return self.head.known(token_ids) if self._copies else token_ids

    def encode(self, inputs):
        return self.encoder(self.known(inputs))

    def begin(self, inputs, search) -> InitialDecodingState:
        start = super().begin(inputs, search)
        if not self._copies:
            return start
        return start._replace(memory=(start.memory, self.head.copyable(inputs)))

    def step(self, width: int = 1) -> Step:
        if not self._copies:
            return super().step(width)
        decoder_step, log_probs = self.decoder.stepper(), self.head.stepper(width)

        def step(token_ids, state, memory):
            memory, copyable = memory
            hidden, state = decoder_step(self.known(token_ids), state, memory)
            return log_probs(hidden, (alignment_of(state), copyable)), state

        return step

    def source_tokens(self, text: str) -> list[str]:
        """Returns the readable tokens of a source text, the end token included."""
        raw = self.preprocessor.as_raw([text])
        ids = self.preprocessor.source_ids(raw)
        tokens = self.preprocessor.source_tokens(ids, *self.copied_words(raw, whole=True))
        return [token.decode("utf-8") for token in tokens.numpy()[0]]

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "tie_embeddings": self.tie_embeddings,
            "share_embeddings": self.share_embeddings,
        }
