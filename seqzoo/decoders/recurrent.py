"""The recurrent decoder, with or without attention."""

from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from seqzoo.decoders.bridge import Bridge, source_state_shapes, source_states
from seqzoo.decoders.decoder import before_last, repeat_rows, reversible_embedding
from seqzoo.decoders.recurrent_options import check_options
from seqzoo.decoders.recurrent_step import advance_stack, initial_read, read, training_inputs
from seqzoo.decoders.segments import packed_step, segment_inputs, without_states
from seqzoo.encoders.encoder import Encoded, step_mask, tokens_or_vectors
from seqzoo.layers.attention import make_attention
from seqzoo.layers.cells import make_cell
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Project, Projections, apply_projections, within


@keras.saving.register_keras_serializable(package="seqzoo")
class RecurrentDecoder(keras.layers.Layer):
    """Runs a stack of cells over the tokens so far, and reads from the source at each step.

    With the embedded token e, the top output h, the context c and the hidden result r, a step is

        c = attend(h before), h = cells(e, c)       attend_from "previous" (Bahdanau)
        h = cells(e), c = attend(h)                 attend_from "current" (Luong)
        h = cells(e, r before), c = attend(h)       the same with input feeding

    and r is tanh(W [h; c]) (`"tanh"`), a maxout of pairs of W [h; c; e] (`"maxout"`) or h
    (`"none"`).

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes values instead of
            tokens, and embeds nothing.
        embedding_dim: Positive int, the width of the embeddings or of the values.
        units: Positive int. Width of the states and of the attention.
        layers: Positive int.
        cell: A name in `layers.cells.CELLS`.
        attention: A name in `layers.attention.ATTENTIONS`, or None.
        attend_from: See above.
        input_feeding: See above. Needs attention from the current state and a tanh readout.
        bridge: How the initial states are made; see `Bridge`.
        readout: See above. Without attention, c is left out.
        dropout: From 0 to 1: the share of the values set to 0 after the embedding, between
            layers and in the hidden states.

    Call arguments:
        token_ids: `(N, T)`, the start token and the target tokens but the last, or values
            `(N, T, embedding_dim)`; N is B, or K * B where each example has K rows, side by side.
        encoded: `Encoded` of B examples, from an encoder.
        mask: See `Decoder`; None means that all steps are real.
        segment_ids: See `Decoder`. Each example begins in the states that the encoder, given
            segment ids too, returns for it, or in those of the mean of its outputs.
        return_reads: Whether to return the weights of the attention too.

    Returns:
        Hidden states `(N, T, hidden_size)`: those of `step` run over the tokens. With
        `return_reads`, a tuple of these and the weights `(N, T, S)`, 0 on padding.

    Raises:
        ValueError: if `segment_ids` come with an encoder that cannot tell its examples apart, or
            weights are requested of a decoder without attention.

    References: Sutskever et al., 2014, https://arxiv.org/abs/1409.3215; Bahdanau et al., 2015,
    https://arxiv.org/abs/1409.0473; Luong et al., 2015, https://arxiv.org/abs/1508.04025

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(20, embedding_dim=4, units=5)
        >>> decoder = sz.decoders.RecurrentDecoder(30, embedding_dim=4, units=6, input_feeding=True)
        >>> encoded = encoder(np.array([[3, 4, 0], [5, 6, 7]]))
        >>> hidden, weights = decoder(np.array([[2, 8], [2, 9]]), encoded, return_reads=True)
        >>> tuple(hidden.shape), tuple(weights.shape)
        ((2, 2, 6), (2, 2, 3))
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int = 256,
        units: int = 512,
        layers: int = 1,
        cell: str = "lstm",
        attention: str | None = "additive",
        attend_from: Literal["previous", "current"] = "current",
        input_feeding: bool = False,
        bridge: Literal["dense", "copy", "zero"] = "dense",
        readout: Literal["tanh", "maxout", "none"] = "tanh",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.layers = layers
        self.cell = cell
        self.attention = attention
        self.attend_from = attend_from
        self.input_feeding = input_feeding
        self.bridge = bridge
        self.readout = readout
        self.dropout = dropout
        check_options(self)
        own = {"dtype": self.dtype_policy}
        self.embedding = reversible_embedding(vocabulary_size, embedding_dim, **own)
        self.cells = [make_cell(cell, units, **own) for _ in range(layers)]
        self.attend = None if attention is None else make_attention(attention, units, **own)
        self.cross = Bridge(bridge, [cell.state_size for cell in self.cells], name="bridge", **own)  # pyright: ignore[reportArgumentType]
        self.drop = keras.layers.Dropout(dropout, name="dropout", **own)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.units // 2 if self.readout == "maxout" else self.units

    def build(self, token_ids_shape, encoded_shape):
        encoded = Encoded(*encoded_shape)
        context = encoded.outputs[-1] if self.attend is not None else 0
        if self.embedding is not None:
            self.embedding.build(token_ids_shape)
        self.cross.build(source_state_shapes(encoded, self.bridge))
        fed = context if self._attends_first else self.units * self.input_feeding
        self.cells[0].build((None, self.embedding_dim + fed))
        for cell in self.cells[1:]:
            cell.build((None, self.units))
        if self.attend is not None:
            self.attend.build((None, None, self.units), encoded.outputs)
        if self.readout != "none":
            embedded, width = (self.embedding_dim, 2) if self.readout == "maxout" else (0, 1)
            self.readout_kernel = self.add_weight(
                shape=(self.units + context + embedded, self.hidden_size * width),
                name="readout_kernel",
            )
            self.readout_bias = self.add_weight(
                shape=(self.readout_kernel.shape[1],), initializer="zeros", name="readout_bias"
            )
        self.built = True

    @property
    def _attends_first(self) -> bool:
        return self.attend is not None and self.attend_from == "previous"

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the tokens or values of a full call."""
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def start(self, encoded, batch_size, max_length, width=1, prompt_ids=None, prompt_mask=None):
        """Returns the initial state and what `step` reads; for the arguments see `Decoder`.

        Returns:
            The state, a dict of leaves `(B * width, ...)`, and the `Memory` of the attention,
            B rows, or () without attention.
        """
        state, memory = self.initial_state(Encoded(*encoded))
        if prompt_ids is not None:
            mask = before_last(prompt_ids, prompt_mask)
            state = self._read_prompt(prompt_ids, mask, state, memory)
        return repeat_rows(state, width), memory

    def initial_state(self, encoded: Encoded) -> tuple:
        """Returns the state before the first token and the memory, B rows each."""
        state = {"cells": self.initial_cells(source_states(encoded))}
        memory = ()
        if self.attend is not None:
            memory = self.attend.memory(encoded.outputs, encoded.mask)
            state |= initial_read(self.attend, memory)
            if self.input_feeding:
                del state["context"]
                state["feed"] = ops.zeros_like(state["cells"][0][0])
        return state, memory

    def initial_cells(self, states) -> list[list]:
        """Returns the states of the cells before the first token, of `source_states`."""
        return self.cross(states)

    def _read_prompt(self, token_ids, mask, state, memory):
        """Returns the state after the tokens `(B, P)` that are real under the mask."""
        embedded = self._embedded(ops.swapaxes(token_ids, 0, 1))
        inputs = self._step_inputs(embedded, training=False) | {"real": ops.transpose(mask)}
        advance, constants = packed_step(self._advance), (memory, self._extra_weights())
        return scan(advance, state, inputs, self._projections(), constants)[1]

    def _embedded(self, token_ids):
        """Returns the embeddings of tokens; values as they are."""
        return (
            self.cells[0].cast(token_ids) if self.embedding is None else self.embedding(token_ids)
        )

    def step(self, token_ids, state, memory):
        """Takes tokens `(N,)` or values to hidden states `(N, hidden_size)` and the next state."""
        return self.stepper()(token_ids, state, memory)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        project = apply_projections(self._projections() | {"embedded": self._embedded_projection()})
        extra_weights = self._extra_weights()

        def step(token_ids, state, memory):
            embedded = self._embedded(token_ids)
            dropout_masks = [1.0] * (self.layers - 1)
            inputs = {"projected": project("embedded", embedded), "dropout_masks": dropout_masks}
            state = self._advance(inputs, state, (memory, extra_weights), project)
            return self._hidden(state, embedded), state

        return step

    def call(
        self, token_ids, encoded, mask=None, segment_ids=None, return_reads=False, training=False
    ):
        if return_reads and self.attend is None:
            raise ValueError(
                "`return_reads` is for decoders with attention. Received: attention=None. Leave "
                "it out, or make the decoder with attention."
            )
        encoded, mask = Encoded(*encoded), attached_mask(mask, token_ids)
        rows, time = ops.shape(token_ids)[:2]
        examples = ops.shape(encoded.mask)[0]
        first = encoded if segment_ids is None else without_states(encoded)
        state, memory = self.start(first, examples, time, rows_per_example(rows, examples))
        embedded = self.drop(self._embedded(ops.swapaxes(token_ids, 0, 1)), training=training)
        inputs = self._step_inputs(embedded, training)
        inputs |= training_inputs(self.attend, token_ids, memory) if training else {}
        if mask is not None:
            inputs["real"] = ops.transpose(ops.cast(mask, "bool"))
        if segment_ids is not None:
            attends = self.attend is not None
            inputs |= segment_inputs(segment_ids, encoded, attends, self._segment_initial_cells)
        advance = partial(self._advance, training=training)
        advance = packed_step(advance) if inputs.keys() & {"real", "starts"} else advance
        weights = self._projections(), (memory, self._extra_weights())
        states, _ = scan(advance, state, inputs, *weights, owner=self, training=training)
        real = step_mask(token_ids, mask)
        self.after_steps(states, real, memory, inputs.get("joined"))
        hidden = ops.transpose(self._hidden(states, embedded), (1, 0, 2))  # (T, N, U) -> (N, T, U)
        hidden = self.drop(hidden, training=training)
        if not return_reads:
            return hidden
        weights = ops.transpose(states["alignment"], (1, 0, 2))
        return hidden, ops.where(real[..., None], weights, 0) if mask is not None else weights

    def after_steps(self, states, real, memory, joined):
        """Called after a full call, with states `(T, N, ...)` and real steps `(N, T)`.

        A subclass may add a loss. `joined` is that of `segment_inputs`, or None.
        """

    def _step_inputs(self, embedded, training):
        """Returns what steps take of embedded tokens `(T, N, embedding_dim)`, by name."""
        steps, rows, _ = ops.shape(embedded)
        dropout_masks = self._dropout_masks(steps, rows, training)
        projected = affine(embedded, *self._embedded_projection())
        return {"projected": projected, "dropout_masks": dropout_masks}

    @property
    def _segment_initial_cells(self):
        """`initial_cells` where it depends on what the encoder returns, or None."""
        return None if self.bridge == "zero" else self.initial_cells

    def _dropout_masks(self, time, batch, training):
        """Returns what the outputs of each layer but the top are multiplied by, `(T, B, U)`."""
        ones = ops.ones((time, batch, self.units), dtype=self.compute_dtype)
        rate = self.dropout if training else 0.0
        return [
            keras.random.dropout(ones, rate, seed=self.seed_generator) if rate else ones
            for _ in self.cells[1:]
        ]

    def _embedded_projection(self):
        """Returns the projection of the embedded tokens into the gates of the first cell."""
        return self._input_kernels()[0], *self.cells[0].input_bias()

    def _extra_weights(self):
        """Returns the weights of a step that are no named projection."""
        weights: dict[str, Any] = {"cells": [cell.extra_weights() for cell in self.cells]}
        if self.attend is not None:
            weights["attention"] = self.attend.extra_weights()
        return weights

    def _input_kernels(self):
        """Returns the kernels of the first cell for embedded tokens and for the other inputs."""
        cell = self.cells[0]
        return ops.split(cell.cast(cell.kernel), [self.embedding_dim], axis=0)

    def _projections(self) -> Projections:
        """The named projections of a step."""
        projections = {
            f"cell_{i}/{name}": parts
            for i, cell in enumerate(self.cells)
            for name, parts in cell.projections().items()
        }
        if self._attends_first or self.input_feeding:
            projections["fed"] = (self._input_kernels()[1],)
        for i, cell in enumerate(self.cells[1:], start=1):
            projections[f"input_{i}"] = (cell.cast(cell.kernel), *cell.input_bias())
        if self.attend is not None:
            projections |= {
                f"attention/{name}": parts for name, parts in self.attend.projections().items()
            }
        if self.input_feeding:
            projections["readout"] = self._readout_projection()
        return projections

    def _readout_projection(self):
        cast = self.cells[0].cast
        return cast(self.readout_kernel), cast(self.readout_bias)

    def _advance(self, inputs_t, state, constants, project: Project, training=False):
        """Returns the state after one step; `constants` are what the attention reads with."""
        projected, masks = inputs_t["projected"], inputs_t["dropout_masks"]
        reads, (_, weights) = {}, constants
        if self._attends_first:
            reads = self._read(state["cells"][-1][0], state, constants, project, inputs_t)
            projected = projected + project("fed", reads["context"])
        elif self.input_feeding:
            projected = projected + project("fed", state["feed"])
        cells = advance_stack(
            self.cells, projected, masks, state["cells"], project, weights["cells"], training
        )
        if self.attend is not None and not self._attends_first:
            reads = self._read(cells[-1][0], state, constants, project, inputs_t)
        if self.input_feeding:
            both = ops.concatenate([cells[-1][0], reads.pop("context")], axis=-1)
            reads["feed"] = ops.tanh(project("readout", both))
        return {"cells": cells, **reads}

    def _read(self, query, state, constants, project, inputs_t):
        memory, weights = constants
        project, weights = within(project, "attention"), weights["attention"]
        return read(self.attend, query, memory, state["attention"], project, weights, inputs_t)

    def _hidden(self, state, embedded):
        """Returns the hidden states of states `(..., features)`."""
        if self.input_feeding:
            return state["feed"]
        parts = [state["cells"][-1][0]]
        if self.readout == "none":
            return parts[0]
        parts += [state["context"]] if self.attend is not None else []
        parts += [embedded] if self.readout == "maxout" else []
        project = affine(ops.concatenate(parts, axis=-1), *self._readout_projection())
        if self.readout == "tanh":
            return ops.tanh(project)
        pairs = ops.reshape(project, (*ops.shape(project)[:-1], self.hidden_size, 2))
        return ops.maximum(pairs[..., 0], pairs[..., 1])

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "units", "layers", "cell", "attention")
        names += ("attend_from", "input_feeding", "bridge", "readout", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
