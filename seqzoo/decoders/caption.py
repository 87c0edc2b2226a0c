"""The recurrent decoder with the additions of image captioning."""

import keras
from keras import ops

from seqzoo.decoders.bridge import source_state_shapes
from seqzoo.decoders.recurrent import RecurrentDecoder
from seqzoo.decoders.recurrent_step import advance_stack
from seqzoo.encoders.encoder import Encoded
from seqzoo.layers.attention.attention import Memory
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.recurrence.scan import apply_projections


@keras.saving.register_keras_serializable(package="seqzoo")
class CaptionDecoder(RecurrentDecoder):
    """A `RecurrentDecoder` with what the literature of captioning adds.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted.
        first_input: Whether the cells read a projection of the encoder's state before the first
            token, instead of a bridge (Vinyals et al., 2015). For decoders without attention.
        gate_context: Whether the context is scaled by sigmoid(w · h + b), one number for each
            step, where h is the query (Xu et al., 2015, section 4.2.1).
        even_reading: Adds to the model's loss this multiple of (1 - sum over time of the
            weights)², a mean over the source steps and the captions of a replica: each source
            step should be read as much as the others ("doubly stochastic attention", likewise).
        **kwargs: The other arguments of `RecurrentDecoder`.

    For call arguments and results see `RecurrentDecoder`.

    Raises:
        ValueError: if the options exclude each other.
    References: Vinyals et al., 2015, https://arxiv.org/abs/1411.4555; Xu et al., 2015,
    https://arxiv.org/abs/1502.03044, which sums where this takes means.

    Token ids `(B, T)` and an `Encoded` become hidden states `(B, T, hidden_size)`.

    Example:
        >>> encoder = sz.encoders.FeatureEncoder(places=4, width=6, units=5)
        >>> decoder = sz.decoders.CaptionDecoder(30, embedding_dim=4, units=6, gate_context=True)
        >>> tuple(decoder(np.array([[2, 8, 9]]), encoder(np.ones((1, 4, 6), "float32"))).shape)
        (1, 3, 6)
    """

    def __init__(
        self,
        vocabulary_size: int,
        first_input: bool = False,
        gate_context: bool = False,
        even_reading: float = 0.0,
        **kwargs,
    ):
        if first_input:
            kwargs["bridge"] = "zero"
        super().__init__(vocabulary_size, **kwargs)
        self.takes_first_input = first_input
        self.gate_context = gate_context
        self.even_reading = even_reading
        if first_input and self.attention is not None:
            raise ValueError(
                "`first_input` is for decoders without attention. Received: attention="
                f"{self.attention!r}. Set `attention` to None or leave out `first_input`."
            )
        if self.attention is None and (gate_context or even_reading):
            raise ValueError(
                "`gate_context` and `even_reading` need attention. Received: attention=None."
            )
        own = {"dtype": self.dtype_policy}
        if first_input:
            self.first_input = keras.layers.Dense(self.embedding_dim, name="first_input", **own)
        if gate_context:
            self.gate = keras.layers.Dense(1, name="gate", **own)

    def build(self, token_ids_shape, encoded_shape):
        super().build(token_ids_shape, encoded_shape)
        if self.takes_first_input:
            shapes = source_state_shapes(Encoded(*encoded_shape), self.bridge)
            self.first_input.build(shapes[-1][0])
        if self.gate_context:
            self.gate.build((None, self.units))

    def initial_cells(self, states):
        cells = super().initial_cells(states)
        return (
            self._read_first(self.first_input(states[-1][0]), cells)
            if self.takes_first_input
            else cells
        )

    @property
    def _segment_initial_cells(self):
        return self.initial_cells if self.takes_first_input else super()._segment_initial_cells

    def _read_first(self, picture, states):
        """Returns the states of the cells after an input `(N, embedding_dim)` that is no token."""
        projected = affine(picture, *self._embedded_projection())
        weights, undropped = self._extra_weights()["cells"], [1.0] * (self.layers - 1)
        project = apply_projections(self._projections())
        return advance_stack(self.cells, projected, undropped, states, project, weights)

    def _projections(self):
        if not self.gate_context:
            return super()._projections()
        cast = self.cells[0].cast
        return super()._projections() | {"gate": (cast(self.gate.kernel), cast(self.gate.bias))}

    def _read(self, query, state, constants, project, inputs_t):
        reads = super()._read(query, state, constants, project, inputs_t)
        if self.gate_context:
            reads["context"] = reads["context"] * ops.sigmoid(project("gate", query))
        return reads

    def after_steps(self, states, real, memory, joined):
        if self.even_reading:
            unevenness = _unevenness(states["alignment"], real, Memory(*memory).mask, joined)
            self.add_loss(self.even_reading * unevenness)

    def get_config(self):
        return super().get_config() | {
            "first_input": self.takes_first_input,
            "gate_context": self.gate_context,
            "even_reading": self.even_reading,
        }


def _unevenness(alignments, real, mask, joined):
    """Returns how unevenly the source was read: the mean of (1 - sum of a step's weights)².

    Args:
        alignments: Weights `(T, N, S)`.
        real: Boolean `(N, T)`; what was read at padding does not count, nor a row of it alone.
        mask: Boolean `(B, S)`; only real steps of the source count.
        joined: See `RecurrentDecoder.after_steps`; steps of the source that belong to an example
            without a real step do not count.
    """
    dtype = keras.backend.result_type(alignments.dtype, "float32")
    real = ops.transpose(ops.cast(real, dtype))[:, :, None]  # (T, N, 1)
    read = ops.sum(ops.cast(alignments, dtype) * real, axis=0)
    times = rows_per_example(ops.shape(real)[1], ops.shape(mask)[0])
    counted = ops.repeat(ops.cast(mask, dtype), times, axis=0)  # (N, S)
    reading = real if joined is None else real * ops.cast(joined, dtype)
    counted = counted * ops.max(reading, axis=0, initial=0)
    return ops.sum(counted * ops.square(1 - read)) / ops.maximum(ops.sum(counted), 1)
