"""The recurrent decoder, with or without attention."""

from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from seqzoo.decoders.bridge import BRIDGES, Bridge, source_state_shapes, source_states
from seqzoo.decoders.decoder import before_last, repeat_rows
from seqzoo.decoders.recurrent_step import advance_stack, initial_read, read
from seqzoo.encoders.encoder import Encoded, token_ids_spec
from seqzoo.layers.attention import make_attention
from seqzoo.layers.cells import make_cell
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.masks import where_real
from seqzoo.ops.option_names import check_known
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Project, Projections, apply_projections, within

READOUTS = ("tanh", "maxout", "none")


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
        vocabulary_size: Positive int, padding (id 0) counted.
        embedding_dim: Positive int.
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
        token_ids: `(B, T)`, the start token and the target tokens but the last.
        encoded: `Encoded`, from an encoder.

    Returns:
        Hidden states `(B, T, hidden_size)`: those of `step` run over the tokens.

    References: Sutskever et al., 2014, https://arxiv.org/abs/1409.3215; Bahdanau et al., 2015,
    https://arxiv.org/abs/1409.0473; Luong et al., 2015, https://arxiv.org/abs/1508.04025
    """

    def __init__(
        self,
        vocabulary_size: int,
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
        _check_options(self)
        own = {"dtype": self.dtype_policy}
        self.embedding = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="embedding",
            **own,
        )
        self.cells = [make_cell(cell, units, **own) for _ in range(layers)]
        self.attend = None if attention is None else make_attention(attention, units, **own)
        self.cross = Bridge(bridge, [cell.state_size for cell in self.cells], name="bridge", **own)  # pyright: ignore[reportArgumentType]
        self.drop = keras.layers.Dropout(dropout, name="dropout", **own)
        self.seed_generator = keras.random.SeedGenerator()

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.units // 2 if self.readout == "maxout" else self.units

    def build(self, token_ids_shape, encoded_shape):
        encoded = Encoded(*encoded_shape)
        context = encoded.outputs[-1] if self.attend is not None else 0
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
        """Returns shape and type of the tokens of a full call."""
        return {"token_ids": token_ids_spec()}

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
        state = {"cells": self.cross(source_states(encoded))}
        memory = ()
        if self.attend is not None:
            memory = self.attend.memory(encoded.outputs, encoded.mask)
            state |= initial_read(self.attend, memory)
            if self.input_feeding:
                del state["context"]
                state["feed"] = ops.zeros_like(state["cells"][0][0])
        return state, memory

    def _read_prompt(self, token_ids, mask, state, memory):
        """Returns the state after the tokens `(B, P)` that are real under the mask."""
        projected = affine(self.embedding(ops.transpose(token_ids)), *self._embedded_projection())
        inputs = (projected, self._dropout_masks(*ops.shape(projected)[:2], training=False))

        def advance(inputs_t, state, constants, project):
            inputs_t, real = inputs_t
            return where_real(real, self._advance(inputs_t, state, constants, project), state)

        inputs, constants = (inputs, ops.transpose(mask)), (memory, self._extra_weights())
        return scan(advance, state, inputs, self._projections(), constants)[1]

    def step(self, token_ids, state, memory):
        """Takes tokens `(N,)` to hidden states `(N, hidden_size)` and the next state."""
        return self.stepper()(token_ids, state, memory)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        project = apply_projections(self._projections() | {"embedded": self._embedded_projection()})
        extra_weights = self._extra_weights()

        def step(token_ids, state, memory):
            embedded = self.embedding(token_ids)
            inputs = (project("embedded", embedded), [1.0] * (self.layers - 1))
            state = self._advance(inputs, state, (memory, extra_weights), project)
            return self._hidden(state, embedded), state

        return step

    def call(self, token_ids, encoded, training=False):
        batch, time = ops.shape(token_ids)
        examples = ops.shape(Encoded(*encoded).mask)[0]
        width = rows_per_example(batch, examples)
        state, memory = self.start(encoded, examples, time, width)
        embedded = self.drop(self.embedding(ops.transpose(token_ids)), training=training)
        projected = affine(embedded, *self._embedded_projection())
        inputs = (projected, self._dropout_masks(time, batch, training))
        constants = (memory, self._extra_weights())
        advance = partial(self._advance, training=training)
        states, _ = scan(
            advance, state, inputs, self._projections(), constants, owner=self, training=training
        )
        self.after_steps(states, token_ids, memory)
        hidden = ops.transpose(self._hidden(states, embedded), (1, 0, 2))  # (T, B, U) -> (B, T, U)
        return self.drop(hidden, training=training)

    def after_steps(self, states, token_ids, memory):
        """Called with the states after all steps of a full call: a subclass may add a loss."""

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
        projected, masks = inputs_t
        _, weights = constants
        reads = {}
        if self._attends_first:
            reads = self._read(state["cells"][-1][0], state, constants, project)
            projected = projected + project("fed", reads["context"])
        elif self.input_feeding:
            projected = projected + project("fed", state["feed"])
        cells = advance_stack(
            self.cells, projected, masks, state["cells"], project, weights["cells"], training
        )
        if self.attend is not None and not self._attends_first:
            reads = self._read(cells[-1][0], state, constants, project)
        if self.input_feeding:
            both = ops.concatenate([cells[-1][0], reads.pop("context")], axis=-1)
            reads["feed"] = ops.tanh(project("readout", both))
        return {"cells": cells, **reads}

    def _read(self, query, state, constants, project):
        memory, weights = constants
        project, weights = within(project, "attention"), weights["attention"]
        return read(self.attend, query, memory, state["attention"], project, weights)

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
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "units": self.units,
            "layers": self.layers,
            "cell": self.cell,
            "attention": self.attention,
            "attend_from": self.attend_from,
            "input_feeding": self.input_feeding,
            "bridge": self.bridge,
            "readout": self.readout,
            "dropout": self.dropout,
        }


def _check_options(decoder: RecurrentDecoder) -> None:
    """Raises ValueError for options that are unknown or exclude each other."""
    check_known("attend_from", decoder.attend_from, ("previous", "current"))
    check_known("bridge", decoder.bridge, BRIDGES)
    check_known("readout", decoder.readout, READOUTS)
    if decoder.layers < 1:
        raise ValueError(f"`layers` must be at least 1. Received: layers={decoder.layers}.")
    if decoder.readout == "maxout" and decoder.units < 2:
        raise ValueError(
            f"A maxout readout needs at least 2 units. Received: units={decoder.units}."
        )
    if decoder.attention is not None and decoder.readout == "none":
        raise ValueError("Attention needs a readout. Set `readout` to 'tanh' or 'maxout'.")
    current = decoder.attention is not None and decoder.attend_from == "current"
    if decoder.input_feeding and not (current and decoder.readout == "tanh"):
        raise ValueError(
            "`input_feeding` needs attention, attend_from='current' and readout='tanh'. "
            f"Received: attention={decoder.attention!r}, attend_from={decoder.attend_from!r}, "
            f"readout={decoder.readout!r}."
        )
