"""The decoder that reads one source position at each step, summed over all choices of them."""

from typing import Any, Literal

import keras
from keras import ops

from seqzoo.decoders.recurrent import RecurrentDecoder
from seqzoo.decoders.segments import segment_inputs
from seqzoo.encoders.encoder import Encoded
from seqzoo.heads.mixture import Mixture, PositionStates
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.masks import hold_last_real, where_real
from seqzoo.ops.monotonic import LOWEST, next_log_weights
from seqzoo.ops.recurrence.plan import scan


@keras.saving.register_keras_serializable(package="seqzoo")
class HardAttentionDecoder(keras.layers.Layer):
    """Reads exactly one source position at each step, and sums over all ways to choose them.

    A stack of cells runs over the tokens so far. With its output h and the source position s_j,

        r_j = tanh(W [h; s_j] + b)                                 the hidden state at j
        P(a = j | a before = i) = exp(h · U s_j), normalised over all positions from i on

    and the head, a `Mixture`, makes P(token) = sum over j of w_j P(token | r_j). The weights
    w_j = P(a = j | tokens so far) are those of the forward algorithm, in logarithms: what each
    position gave to the tokens so far tells where reading is. So the sum of the log-probs of the
    tokens of a target is that of all alignments that never go back, exactly, in training and in
    every search.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted.
        embedding_dim: Positive int.
        units: Positive int. Width of the states and of the hidden states.
        layers: Positive int.
        cell: A name in `layers.cells.CELLS`.
        monotonic: Whether reading never goes back. Else each step chooses among all positions,
            whatever was read before (Wu et al., 2018).
        bridge: See `RecurrentDecoder`.
        dropout: See `RecurrentDecoder`.

    Call arguments:
        token_ids: `(N, T)`, the start token and the target tokens but the last; N is B or K * B.
        encoded: `Encoded` of B examples, from an encoder.
        mask: See `Decoder`; None means that all steps are real.
        segment_ids: See `RecurrentDecoder`.
        return_reads: Whether to return the weights too.

    Returns:
        `PositionStates` of hidden states `(N, T, S, hidden_size)` and log-weights `(N, T, S)`:
        those of `step` run over the tokens. With `return_reads`, a tuple of these and the weights
        `(N, T, S)`.

    Raises:
        ValueError: for a prompt, which it cannot read; without a `Mixture`; and for segment ids
            with an encoder that cannot tell its examples apart.

    Reference: Wu and Cotterell, 2019, https://arxiv.org/abs/1905.06319

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(20, embedding_dim=4, units=5)
        >>> decoder = sz.decoders.HardAttentionDecoder(30, embedding_dim=4, units=6)
        >>> decoder.observe_by(sz.heads.Mixture(30))
        >>> encoded = encoder(np.array([[3, 4, 0], [5, 6, 7]]))
        >>> hidden, log_weights = decoder(np.array([[2, 8], [2, 9]]), encoded)
        >>> tuple(hidden.shape), tuple(log_weights.shape)
        ((2, 2, 3, 6), (2, 2, 3))
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int = 256,
        units: int = 512,
        layers: int = 1,
        cell: str = "lstm",
        monotonic: bool = True,
        bridge: Literal["dense", "copy", "zero"] = "dense",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.layers = layers
        self.cell = cell
        self.monotonic = monotonic
        self.bridge = bridge
        self.dropout = dropout
        sizes = {"embedding_dim": embedding_dim, "units": units, "layers": layers, "cell": cell}
        plain = {"attention": None, "readout": "none", "dtype": self.dtype_policy}
        self.history = RecurrentDecoder(
            vocabulary_size, **sizes, bridge=bridge, dropout=dropout, name="history", **plain
        )
        self.drop = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.supports_masking = True
        self._make_observer = None

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.units

    @property
    def embedding(self):
        """The embedding of the tokens."""
        return self.history.embedding

    def observe_by(self, head: Mixture) -> None:
        """Lets the head tell how probable tokens were at each position. `Seq2Seq` calls it."""
        if not head.built:
            head.build((None, self.hidden_size))
        self._make_observer = head.observer

    def build(self, token_ids_shape, encoded_shape):
        encoded = Encoded(*encoded_shape)
        self.history.build(token_ids_shape, encoded_shape)
        width = encoded.outputs[-1]
        shapes = {"history": (self.units, self.units), "place": (width, self.units)}
        self.history_kernel, self.place_kernel = (
            self.add_weight(shape, name=f"{name}_kernel") for name, shape in shapes.items()
        )
        self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.score_kernel = self.add_weight((width, self.units), name="score_kernel")
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the tokens of a full call."""
        return self.history.input_specs()

    def start(self, encoded, batch_size, max_length, width=1, prompt_ids=None, prompt_mask=None):
        """Returns the initial state and what `step` reads; for the arguments see `Decoder`.

        Returns:
            The state, a dict of leaves `(B * width, ...)`, and the memory, leaves `(B, ...)`.
        """
        if prompt_ids is not None:
            raise ValueError(
                "A decoder with hard attention reads no prompt. Received: `prompt_ids`. Leave them "
                "out, or force a prefix in the search."
            )
        encoded = Encoded(*encoded)
        history, _ = self.history.start(encoded, batch_size, max_length, width)
        memory = self._memory(encoded)
        keys, _, mask = memory
        log_weights = ops.repeat(self._first_log_weights(mask), width, axis=0)
        at_positions = ops.repeat(ops.zeros_like(keys), width, axis=0)
        state = {"history": history, "at_positions": at_positions, "log_weights": log_weights}
        return state | {"alignment": ops.zeros_like(log_weights)}, memory

    def step(self, token_ids, state, memory):
        """Takes tokens `(N,)` to `PositionStates` `(N, S, ...)` and the next state."""
        return self.stepper()(token_ids, state, memory)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        advance, observe, weights = (
            self.history.stepper(),
            self._observer(),
            self._history_weights(),
        )

        def step(token_ids, state, memory):
            observed = observe(token_ids, state["at_positions"])
            history, of_history = advance(token_ids, state["history"], ())
            at_positions, scores = self._read(history[:, None], memory, *weights)
            at_positions, mask = at_positions[:, 0], self._by_row(memory[2], token_ids)
            log_weights = self._next(observed, scores[:, 0], state["log_weights"], mask)
            state = {
                "history": of_history,
                "at_positions": at_positions,
                "log_weights": log_weights,
            }
            state["alignment"] = ops.exp(log_weights)
            return PositionStates(at_positions, log_weights), state

        return step

    def call(
        self,
        token_ids,
        encoded,
        mask=None,
        segment_ids=None,
        return_reads=False,
        training=False,
    ):
        encoded = Encoded(*encoded)
        memory = self._memory(encoded)
        rows = {"mask": mask, "segment_ids": segment_ids}
        history = self.history(token_ids, encoded, **rows, training=training)
        at_positions, scores = self._read(history, memory, *self._history_weights())
        at_positions = self.drop(at_positions, training=training)
        inputs = {"observed": self._observed(token_ids, at_positions, mask), "scores": scores}
        inputs = {name: ops.transpose(leaf, (1, 0, 2)) for name, leaf in inputs.items()}
        if mask is not None:
            inputs["real"] = ops.transpose(ops.cast(mask, "bool"))
        if segment_ids is not None:
            inputs |= segment_inputs(segment_ids, encoded, attends=True, initial_cells=None)
        log_weights = self._scanned(inputs, self._by_row(memory[2], token_ids), training)
        hidden = PositionStates(at_positions, log_weights)
        return (hidden, ops.exp(log_weights)) if return_reads else hidden

    def _memory(self, encoded: Encoded) -> tuple:
        """Returns what the hidden states and the scores take of the source, and its mask."""
        keys = affine(encoded.outputs, self._cast(self.place_kernel), self._cast(self.bias))
        return keys, affine(encoded.outputs, self._cast(self.score_kernel)), encoded.mask

    def _history_weights(self):
        return (self._cast(self.history_kernel),)

    def _read(self, history, memory, kernel):
        """Returns hidden states `(N, T, S, units)` and scores `(N, T, S)` of cells' outputs."""
        keys, score_keys, _ = memory
        (rows, steps, _), (examples, positions, _) = ops.shape(history), ops.shape(keys)
        queries = rows_per_example(rows, examples) * steps
        grouped = ops.reshape(history, (examples, queries, self.units))  # (N, T, U) -> (B, K*T, U)
        scores = ops.matmul(grouped, ops.transpose(score_keys, (0, 2, 1)))
        hidden = ops.tanh(affine(grouped, kernel)[:, :, None] + keys[:, None])
        hidden = ops.reshape(hidden, (rows, steps, positions, self.units))
        return hidden, ops.reshape(scores, (rows, steps, positions))

    def _observer(self):
        if self._make_observer is None:
            raise ValueError(
                "A decoder with hard attention needs the head `Mixture`, which says how probable "
                "tokens were at each position. Received: none. Give both to `Seq2Seq`, or call "
                "`observe_by(head)`."
            )
        return self._make_observer()

    def _observed(self, token_ids, at_positions, mask):
        """Returns for each step `(N, T, S)` how probable its token was at each position before."""
        following = ops.cast(token_ids, "int32")[:, 1:]
        if mask is not None:  # the next real token
            nothing = ops.zeros_like(token_ids[:, :1], dtype="float32")
            values = ops.cast(ops.transpose(token_ids), "float32")[..., None]
            held = hold_last_real(values, nothing, ops.transpose(mask), reverse=True)
            following = ops.cast(ops.transpose(held[1:, :, 0]), "int32")
        following = ops.pad(following, [[0, 0], [0, 1]])
        observed = self._observer()(following, at_positions)
        if mask is not None:  # at the last real step
            held = ops.transpose(observed, (1, 0, 2))
            held = hold_last_real(held, ops.zeros_like(held[0]), ops.transpose(mask))
            observed = ops.transpose(held, (1, 0, 2))
        return ops.pad(observed[:, :-1], [[0, 0], [1, 0], [0, 0]])

    def _scanned(self, inputs, mask, training):
        """Returns the log-weights `(N, T, S)` of all steps, under the mask `(N, S)`."""
        first = self._first_log_weights(mask)

        def step(inputs_t, log_weights, constants, project):
            first, mask = constants
            before = log_weights
            if "starts" in inputs_t:
                before = where_real(inputs_t["starts"], first, before)
            readable = inputs_t.get("joined", mask)
            new = self._next(inputs_t["observed"], inputs_t["scores"], before, readable)
            return where_real(inputs_t["real"], new, log_weights) if "real" in inputs_t else new

        log_weights, _ = scan(step, first, inputs, {}, (first, mask), training=training)
        return ops.transpose(log_weights, (1, 0, 2))

    def _next(self, observed, scores, log_weights, mask):
        """Returns the log-weights `(N, S)` of the next step."""
        scores = ops.cast(scores, log_weights.dtype)
        if not self.monotonic:
            lowest = ops.cast(LOWEST, scores.dtype)
            return ops.log_softmax(ops.where(mask, scores, lowest), axis=-1)
        observed = ops.cast(observed, log_weights.dtype)
        return next_log_weights(scores, ops.log_softmax(log_weights + observed, axis=-1), mask)

    def _first_log_weights(self, mask):
        """Returns the log-weights before the first step, which may read from any position on."""
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        is_first = ops.arange(ops.shape(mask)[1]) == 0
        row = ops.where(is_first, ops.cast(0.0, dtype), ops.cast(LOWEST, dtype))
        return row + ops.zeros_like(mask, dtype=dtype)

    def _by_row(self, mask, token_ids):
        """Returns the mask of examples `(B, S)` for rows `(N, S)`."""
        rows, examples = ops.shape(token_ids)[0], ops.shape(mask)[0]
        return ops.repeat(mask, rows_per_example(rows, examples), axis=0)

    def _cast(self, weight: Any):
        return ops.cast(weight, self.compute_dtype)

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "units", "layers", "cell", "monotonic")
        names += ("bridge", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
