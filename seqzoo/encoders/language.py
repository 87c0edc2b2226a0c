"""The encoder of running text: what a language model trains, and other tasks may use."""

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, segments_of, step_mask, tokens_or_vectors
from seqzoo.layers.activation_regularization import ActivationRegularization
from seqzoo.layers.cells import make_cell
from seqzoo.layers.dropped_embedding import DroppedEmbedding
from seqzoo.layers.locked_dropout import LockedDropout
from seqzoo.layers.recurrent.rnn import Recurrent


@keras.saving.register_keras_serializable(package="seqzoo")
class LanguageEncoder(keras.layers.Layer):
    """Embeds tokens and runs recurrent layers over them, forward, with regularization.

    All dropout acts in training only.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes vectors instead of
            tokens, such as frames of music, and embeds nothing.
        embedding_dim: Positive int, the width of the embeddings or vectors.
        units: Positive int. Width of the layers.
        layers: Positive int.
        cell: A name in `layers.cells.CELLS`.
        output_units: Width of the top layer; None is `units`. A head that is tied to the
            embedding needs `embedding_dim`.
        residual: Whether each layer after the first of equal width adds its inputs to its outputs.
        input_dropout: From 0 to below 1: share of the values after the embedding.
        dropout: Likewise between the layers.
        output_dropout: Likewise of the outputs.
        locked_dropout: Whether these three drop the same values at all steps (variational
            dropout), or others at each.
        embedding_dropout: Share of the words of the vocabulary that are dropped for a batch.
        weight_drop: Share of the recurrent weights that are dropped for a batch.
        ar: Weight of activation regularization, on the outputs after dropout.
        tar: Weight of temporal activation regularization, on those before it.

    Call arguments:
        inputs: Token ids `(B, S)`, or vectors `(B, S, embedding_dim)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0, and every vector.
        initial_state: Nest as `initial_state(B)` returns it, which is the default.
        segment_ids: Int `(B, S)` where rows hold several texts; see `layers.Recurrent`.

    Returns:
        `Encoded`, whose state can be the `initial_state` of the text that follows, where rows are
        of one text.

    References: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287; Merity et al., 2018,
    https://arxiv.org/abs/1708.02182

    Example:
        >>> encoder = sz.encoders.LanguageEncoder(20, embedding_dim=4, units=5)
        >>> encoded = encoder(np.array([[3, 4]]))
        >>> more = encoder(np.array([[5, 6]]), initial_state=encoded.state)  # goes on from there
        >>> tuple(more.outputs.shape)
        (1, 2, 5)
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int = 256,
        units: int = 256,
        layers: int = 1,
        cell: str = "lstm",
        output_units: int | None = None,
        residual: bool = False,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        locked_dropout: bool = False,
        embedding_dropout: float = 0.0,
        weight_drop: float = 0.0,
        ar: float = 0.0,
        tar: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.layers = layers
        self.cell = cell
        self.output_units = output_units
        self.residual = residual
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.output_dropout = output_dropout
        self.locked_dropout = locked_dropout
        self.embedding_dropout = embedding_dropout
        self.weight_drop = weight_drop
        self.ar = ar
        self.tar = tar
        self.supports_masking = True
        if layers < 1:
            raise ValueError(f"`layers` must be at least 1. Received: layers={layers}.")
        self._make_layers({"dtype": self.dtype_policy})

    def _make_layers(self, own: dict):
        self.embedding: Any = None
        if self.vocabulary_size is not None:
            self.embedding = DroppedEmbedding(
                self.vocabulary_size,
                self.embedding_dim,
                rate=self.embedding_dropout,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="embedding",
                **own,
            )
        widths = [self.units] * (self.layers - 1) + [self.hidden_size]
        self.recurrent = [
            Recurrent(
                make_cell(self.cell, width, **own),
                return_sequences=True,
                return_state=True,
                weight_drop=self.weight_drop,
                name=f"recurrent_{i}",
                **own,
            )
            for i, width in enumerate(widths)
        ]
        drop = LockedDropout if self.locked_dropout else keras.layers.Dropout
        rates = [self.input_dropout, *[self.dropout] * (self.layers - 1), self.output_dropout]
        self.drops = [drop(rate, name=f"dropout_{i}", **own) for i, rate in enumerate(rates)]
        self.slow = ActivationRegularization(tar=self.tar, name="slow", **own)
        self.small = ActivationRegularization(ar=self.ar, name="small", **own)

    @property
    def hidden_size(self) -> int:
        """Width of the outputs."""
        return self.units if self.output_units is None else self.output_units

    def build(self, inputs_shape):
        if self.embedding is not None:
            self.embedding.build(inputs_shape)
        width = self.embedding_dim
        for layer in self.recurrent:
            layer.build((None, None, width))
            width = layer.cell.output_size
        self.built = True

    carries_state = True
    """Whether a text may go on from the state of the one before, which has one size then."""

    max_positions = None
    """The longest text in tokens; None: any."""

    def initial_state(self, batch_size, max_length=0, width=1):
        """Returns zeros, for each layer the list of its states `(batch_size * width, ...)`.

        They are as large for any `max_length`.
        """
        return [layer.get_initial_state(batch_size * width) for layer in self.recurrent]

    def with_width(self, state, width):
        """Returns a state of one hypothesis an example as that of `width` equal ones."""
        return keras.tree.map_structure(lambda leaf: ops.repeat(leaf, width, axis=0), state)

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def call(self, inputs, mask=None, initial_state=None, segment_ids=None, training=False):
        mask = step_mask(inputs, mask)
        segments = segment_ids, segment_ids is not None
        outputs, state = self.run(inputs, initial_state, mask, training, *segments)
        return Encoded(outputs, state, mask, segments_of(mask, segment_ids))

    def run(
        self,
        inputs,
        state=None,
        mask=None,
        training=False,
        segment_ids=None,
        segment_states=False,
    ):
        """Reads tokens `(B, T)`, or vectors, from a state on.

        Args:
            inputs: Int tensor `(B, T)`, or vectors `(B, T, embedding_dim)`.
            state: See `initial_state`.
            mask: Boolean `(B, T)`, True on real steps; None where all are.
            training: Whether values are dropped.
            segment_ids: Int `(B, T)` where rows hold several texts; see `layers.Recurrent`.
            segment_states: See `layers.Recurrent`.

        Returns:
            The outputs `(B, T, hidden_size)` and the state after the last real step.
        """
        state = self.initial_state(ops.shape(inputs)[0]) if state is None else state
        outputs, after = self._embedded(inputs, training), []
        for i, (layer, before) in enumerate(zip(self.recurrent, state, strict=True)):
            below = self.drops[i](outputs, training=training)
            outputs, *states = layer(
                below,
                mask=mask,
                initial_state=list(before),
                training=training,
                segment_ids=segment_ids,
                segment_states=segment_states,
            )
            outputs = self._join(i, below, outputs)
            after.append(states)
        outputs = self.slow(outputs, mask=mask, training=training, segment_ids=segment_ids)
        dropped = self.drops[-1](outputs, training=training)
        return self.small(dropped, mask=mask, training=training), after

    def step(self, inputs, state):
        """Reads one token of each row, `(B,)`, or a vector, without dropout.

        Returns:
            The output `(B, hidden_size)` and the next state.
        """
        output, after = self._embedded(inputs), []
        for i, (layer, before) in enumerate(zip(self.recurrent, state, strict=True)):
            below = output
            output, states = layer.step(below, before)
            output = self._join(i, below, output)
            after.append(states)
        return output, after

    def _embedded(self, inputs, training=False):
        if self.embedding is None:
            return ops.cast(inputs, self.compute_dtype)
        return self.embedding(inputs, training=training)

    def stepper(self):
        """Returns `step`: its weights are read where they are used."""
        return self.step

    def _join(self, i: int, below, above):
        joined = self.residual and i > 0 and below.shape[-1] == above.shape[-1]
        return above + below if joined else above

    def compute_mask(self, inputs, mask=None, initial_state=None, segment_ids=None):
        # Of the outputs, which come first; the states have no time.
        return [step_mask(inputs, mask)]

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "units", "layers", "cell", "output_units")
        names += ("residual", "input_dropout", "dropout", "output_dropout", "locked_dropout")
        names += ("embedding_dropout", "weight_drop", "ar", "tar")
        return super().get_config() | {name: getattr(self, name) for name in names}
