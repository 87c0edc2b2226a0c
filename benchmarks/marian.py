"""A plain Marian Transformer with caches, on TensorFlow, for searches to be measured with.

Post-norm layers, sinusoids in two halves, swish: `MarianMTModel` of transformers, from whose
weights it is made. It is no part of the library, which has no Transformer yet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.ops.tensorflow.xla import traced_for_xla
from seqzoo.search import SharedCache

PAD, END = 0, 1  # the decoder starts with PAD


class Memory(NamedTuple):
    """What the decoder reads from; `B` rows in each leaf."""

    mask: tf.Tensor  # (B, 1, 1, S), 0 on real steps and -inf elsewhere
    keys: list[tf.Tensor]  # (B, H, S, D) of each layer
    values: list[tf.Tensor]


class State(NamedTuple):
    """What K hypotheses of each of B examples have generated; N = B * K.

    The keys and values of all that was ever generated stay where they are, those of a step side by
    side; `seen` tells which of them stand on a hypothesis's own way.
    """

    time: tf.Tensor  # (N,)
    seen: tf.Tensor  # (N, T, K), 0 on what is seen and -inf elsewhere
    caches: SharedCache  # keys and values of each layer, (B, H, T, K, D)


class Marian:
    """A model of the weights in a file, `{name: array}` under the names of `MarianMTModel`."""

    def __init__(self, path: str, heads: int):
        weights = np.load(path)
        self.heads = heads
        self._weights = {}
        for name in weights.files:
            array = weights[name]
            matrix = name.endswith(".weight") and array.ndim == 2 and "embed" not in name
            self._weights[name] = tf.constant(array.T if matrix else array)
        prefix = "model.decoder.layers."
        self.layers = len({name.split(".")[3] for name in weights.files if prefix in name})
        for layer in range(self.layers):
            self._join(f"{prefix}{layer}.self_attn", ("q_proj", "k_proj", "v_proj"))
            self._join(f"{prefix}{layer}.encoder_attn", ("k_proj", "v_proj"))

    def encode(self, source_ids: tf.Tensor) -> Memory:
        """Reads source ids `(B, S)`, padded with 0."""
        mask = tf.where(source_ids == PAD, -np.inf, 0.0)[:, None, None, :]
        side = "model.encoder"
        positions = self._weights[f"{side}.embed_positions.weight"][: tf.shape(source_ids)[1]]
        hidden = tf.gather(self._weights[f"{side}.embed_tokens.weight"], source_ids) + positions
        for layer in range(self.layers):
            part = f"{side}.layers.{layer}"
            query, keys, values = (
                self._split(self._linear(f"{part}.self_attn.{name}", hidden))
                for name in ("q_proj", "k_proj", "v_proj")
            )
            read = self._attend(query, keys, values, mask)
            hidden = self._add(part, "self_attn", hidden, self._merge(read))
            hidden = self._feed_forward(part, hidden)
        projected = [
            tf.split(
                self._linear(f"model.decoder.layers.{layer}.encoder_attn.joined", hidden), 2, -1
            )
            for layer in range(self.layers)
        ]
        keys, values = ([self._split(pair[i]) for pair in projected] for i in (0, 1))
        return Memory(mask, keys, values)

    def begin(self, source_ids: tf.Tensor, width: int, max_length: int) -> tuple[State, Memory]:
        """The state ahead of the first token, and what the decoder reads from."""
        return self.start(tf.shape(source_ids)[0], width, max_length), self.encode(source_ids)

    def stepper(self):
        """The step of a search."""
        return self.step

    def start(self, examples: tf.Tensor, width: int, max_length: int) -> State:
        """The state ahead of the first token, for `width` hypotheses of `max_length` at most."""
        units = self._weights["model.decoder.embed_tokens.weight"].shape[1]
        shape = (examples, self.heads, max_length, width, units // self.heads)
        # What is not seen yet may hold anything; equal caches would become one buffer.
        caches = [tf.fill(shape, float(number)) for number in range(2 * self.layers)]
        seen = tf.fill((examples * width, max_length, width), -np.inf)
        time = tf.zeros((examples * width,), "int32")
        return State(time, seen, SharedCache(caches))

    def step(self, token_ids: tf.Tensor, state: State, memory: Memory) -> tuple[LogProbs, State]:
        """The step of a search."""
        state, memory = State(*state), Memory(*memory)
        side, time = "model.decoder", state.time[0]
        position = self._weights[f"{side}.embed_positions.weight"][time]
        hidden = tf.gather(self._weights[f"{side}.embed_tokens.weight"], token_ids) + position
        examples = tf.shape(memory.mask)[0]
        seen = _see_oneself(state.seen, time, tf.shape(token_ids)[0] // examples)
        mask = tf.reshape(seen, (examples, 1, -1, seen.shape[1] * seen.shape[2]))
        caches, written = state.caches[0], []
        for layer in range(self.layers):
            part = f"{side}.layers.{layer}"
            joined = self._linear(f"{part}.self_attn.joined", hidden)
            query, *pair = self._queries(joined, examples, 3)
            pair = [_write(*each, time) for each in zip(caches[2 * layer :], pair, strict=False)]
            read = self._attend(query, *map(_flat, pair), mask)
            hidden = self._add(part, "self_attn", hidden, self._rows(read))
            query = self._linear(f"{part}.encoder_attn.q_proj", hidden)
            (query,) = self._queries(query, examples, 1)
            read = self._attend(query, memory.keys[layer], memory.values[layer], memory.mask)
            hidden = self._add(part, "encoder_attn", hidden, self._rows(read))
            hidden = self._feed_forward(part, hidden)
            written += pair
        logits = hidden @ self._weights["lm_head.weight"] + self._weights["final_logits_bias"]
        return LogProbs(logits, log_sums(logits)), State(state.time + 1, seen, SharedCache(written))

    def _join(self, part: str, names: tuple[str, ...]) -> None:
        """Makes one projection of several of the same inputs."""
        for kind in ("weight", "bias"):
            parts = [self._weights[f"{part}.{name}.{kind}"] for name in names]
            self._weights[f"{part}.joined.{kind}"] = tf.concat(parts, axis=-1)

    def _linear(self, name: str, inputs: tf.Tensor) -> tf.Tensor:
        kernel = self._weights[f"{name}.weight"]
        if inputs.shape.rank == 2:
            return inputs @ kernel + self._weights[f"{name}.bias"]
        flat = tf.reshape(inputs, (-1, kernel.shape[0])) @ kernel + self._weights[f"{name}.bias"]
        return tf.reshape(flat, (*tf.unstack(tf.shape(inputs)[:-1]), kernel.shape[1]))

    def _add(self, part: str, name: str, hidden: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
        hidden = hidden + self._linear(f"{part}.{name}.out_proj", read)
        return self._normalise(f"{part}.{name}_layer_norm", hidden)

    def _feed_forward(self, part: str, hidden: tf.Tensor) -> tf.Tensor:
        inner = tf.nn.silu(self._linear(f"{part}.fc1", hidden))
        hidden = hidden + self._linear(f"{part}.fc2", inner)
        return self._normalise(f"{part}.final_layer_norm", hidden)

    def _normalise(self, name: str, hidden: tf.Tensor) -> tf.Tensor:
        mean, variance = tf.nn.moments(hidden, axes=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + 1e-5) * self._weights[f"{name}.weight"]
        return (hidden - mean) * scale + self._weights[f"{name}.bias"]

    def _attend(self, query, keys, values, mask) -> tf.Tensor:
        scores = tf.matmul(query, keys, transpose_b=True) * keys.shape[-1] ** -0.5
        return tf.matmul(tf.nn.softmax(scores + mask), values)

    def _queries(self, rows: tf.Tensor, examples: tf.Tensor, parts: int) -> list[tf.Tensor]:
        """Rows `(B * K, parts * U)` as parts `(B, H, K, D)`."""
        size = rows.shape[1] // (parts * self.heads)
        split = tf.reshape(rows, (examples, -1, parts, self.heads, size))
        return tf.unstack(tf.transpose(split, (2, 0, 3, 1, 4)))

    def _rows(self, read: tf.Tensor) -> tf.Tensor:  # (B, H, K, D) -> (B * K, U)
        units = self.heads * read.shape[3]
        return tf.reshape(tf.transpose(read, (0, 2, 1, 3)), (-1, units))

    def _split(self, rows: tf.Tensor) -> tf.Tensor:  # (B, S, U) -> (B, H, S, D)
        batch, steps = tf.unstack(tf.shape(rows)[:2])
        split = tf.reshape(rows, (batch, steps, self.heads, rows.shape[-1] // self.heads))
        return tf.transpose(split, (0, 2, 1, 3))

    def _merge(self, rows: tf.Tensor) -> tf.Tensor:  # (B, H, S, D) -> (B, S, U)
        batch, steps = tf.shape(rows)[0], tf.shape(rows)[2]
        return tf.reshape(
            tf.transpose(rows, (0, 2, 1, 3)), (batch, steps, self.heads * rows.shape[-1])
        )


def _see_oneself(seen: tf.Tensor, time: tf.Tensor, beams: tf.Tensor) -> tf.Tensor:
    """Lets each of the K beams of an example, `(B * K, T, K)`, see what it generates now."""
    beam = tf.range(tf.shape(seen)[0]) % beams
    now = (tf.range(seen.shape[1]) == time)[:, None]
    return tf.where(now & (tf.range(seen.shape[2]) == beam[:, None])[:, None], 0.0, seen)


def _write(cache: tf.Tensor, rows: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """The cache `(B, H, T, K, D)` with rows `(B, H, k, D)`; in place where nobody else reads it."""
    _, heads, max_length, width, size = cache.shape
    rows = tf.pad(rows, ((0, 0), (0, 0), (0, width - tf.shape(rows)[2]), (0, 0)))
    rows = tf.reshape(rows, (-1, width * size))
    positions = tf.range(tf.shape(rows)[0]) * max_length + time
    flat = tf.reshape(cache, (-1, width * size))
    if traced_for_xla():  # which writes in place by itself
        written = tf.tensor_scatter_nd_update(flat, positions[:, None], rows)
    else:  # copies nothing, where the former copies all of it in a loop: 3 ms for 49 MB
        written = tf.raw_ops.InplaceUpdate(x=flat, i=positions, v=rows)
    return tf.reshape(written, (-1, heads, max_length, width, size))


def _flat(cache: tf.Tensor) -> tf.Tensor:
    """The cache as `(B, H, T * K, D)`."""
    _, heads, max_length, width, size = cache.shape
    return tf.reshape(cache, (-1, heads, max_length * width, size))
