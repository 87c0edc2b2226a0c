"""Sampling."""

import math
from dataclasses import dataclass
from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import top_sums
from seqzoo.ops.decoding.log_probs import LogProbs, values_of, without_tokens
from seqzoo.ops.decoding.noise import gumbel
from seqzoo.ops.gather import gather, pick_in_rows
from seqzoo.search.constraints.constraint import Constraint
from seqzoo.search.hypotheses import Hypotheses, best_first
from seqzoo.search.options import ExampleOptions, PerSource, check_at_least
from seqzoo.search.sequential import SequentialDecoding
from seqzoo.search.step import Step

_IMPOSSIBLE = -float("inf")
_COLDEST = 1e-3  # of an example's own temperature, so that no log-prob gets infinite
_LIKELY = 256  # tokens that hold `top_p` of the probability nearly always


@dataclass(frozen=True)
class Sample:
    """Draws each token by its probability, or by one that the options make of it.

    Log-probs are divided by `temperature`; then `top_k` keeps the k most probable tokens, `top_p`
    of these as few as hold this share of the probability, most probable first, and `min_p`
    of these the ones at least so probable, relative to the best. A score and the log-probs of
    tokens are those of the step, whatever the options, the score being their mean; sequences come
    best first.

    The noise is a hash of the row's seed, the number of the sample, the step and the token, so a
    sequence does not depend on the batch that its example came in.

    Args:
        temperature: Positive float; below 1 the probable gets more probable.
        top_k: Int; 0 keeps all tokens.
        top_p: Above 0 and at most 1; 1 keeps all tokens.
        min_p: From 0, which keeps all tokens, to 1.
        n_samples: Positive int, sequences for each example.
        seed: Int. A row's seed is this plus its index, where `ExampleOptions` has none.
        max_length: As in `Greedy`.
        constraints: As in `Greedy`.

    Call arguments: as in `Greedy`, with N = B * n_samples rows in each leaf of `state`.

    Returns:
        `Hypotheses` with N = `n_samples`.

    Raises:
        ValueError: at a call, if an option is out of its range.

    References: Fan et al., 2018, https://arxiv.org/abs/1805.04833 (top-k); Holtzman et al., 2020,
    https://arxiv.org/abs/1904.09751 (top-p); Nguyen et al., 2025,
    https://arxiv.org/abs/2407.01082 (min-p)

    The hypotheses are `(B, n_samples, T)`; see `Hypotheses`.

    Example:
        >>> table = np.log(np.array([[1, 1, 1, 2, 5]] * 4 + [[1, 1, 1, 5, 2]], "float32") / 10)
        >>> step = lambda ids, state, memory: (keras.ops.take(table, ids, axis=0), state)
        >>> search = sz.Sample(top_k=2, n_samples=2, seed=1, max_length=5)
        >>> drawn = search(step, np.zeros((2, 1)), (), start_id=2, end_id=3)
        >>> drawn.token_ids.numpy().tolist()
        [[[4, 3, 0, 0, 0], [3, 0, 0, 0, 0]]]
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    n_samples: int = 1
    seed: int = 0
    max_length: int | PerSource | None = None
    constraints: tuple[Constraint, ...] = ()

    @property
    def width(self) -> int:
        """Rows of the state for each example."""
        return self.n_samples

    def sequential(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008  it holds nothing
    ) -> SequentialDecoding:
        """The search as single steps, for texts that are shown as they grow; called alike."""
        self._check_options()
        seeds = options.seeds

        def choose(
            log_probs: LogProbs, time: Any, examples: Any, never: tuple[int, ...]
        ) -> tuple[Any, Any]:
            own = self.seed + examples if seeds is None else gather(seeds, examples)
            samples = ops.arange(self.n_samples, dtype="int32") + ops.zeros_like(own)[:, None]
            keys = ops.repeat(own, self.n_samples), ops.reshape(samples, (-1,))
            never = log_probs.not_yet_impossible(never)
            logits = without_tokens(log_probs.logits, never)
            logits = logits / self._temperature(options, examples)
            token_ids = self._choose(logits, lambda token_ids: gumbel(*keys, time, token_ids))
            chosen = values_of(log_probs, ops.expand_dims(token_ids, 1))[:, 0]
            for token in never:  # chosen only where no token is possible
                chosen = ops.where(ops.equal(token_ids, token), _IMPOSSIBLE, chosen)
            return token_ids, chosen

        return SequentialDecoding(self, choose, step, state, memory, start_id, end_id, options)

    def __call__(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008
    ) -> Hypotheses:
        return best_first(self.sequential(step, state, memory, start_id, end_id, options).run())

    def _check_options(self) -> None:
        check_at_least("n_samples", self.n_samples, 1)
        check_at_least("top_k", self.top_k, 0)
        for name, allowed, range_ in (
            ("temperature", 0 < self.temperature < math.inf, "positive and finite"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
        ):
            if not allowed:
                value = getattr(self, name)
                raise ValueError(f"`{name}` must be {range_}. Received: {name}={value!r}.")

    def _temperature(self, options: ExampleOptions, examples: Any) -> Any:
        """That of all, or those of the sequences of these examples, `(N, 1)`."""
        if options.temperature is None:
            return self.temperature
        own = gather(ops.cast(options.temperature, "float32"), examples)
        fine = (own > 0) & ops.isfinite(own)
        own = ops.where(fine, ops.maximum(own, _COLDEST), self.temperature)
        return ops.expand_dims(ops.repeat(own, self.n_samples), 1)

    def _choose(self, logits: Any, noise: Any) -> Any:
        """Token ids `(N,)`; `noise` is a function of token ids `(N, J)`."""
        if self.top_k:
            return self._choose_of_best(logits, self.top_k, noise)
        if self.top_p == 1:
            size = ops.shape(logits)[1]
            token_ids = ops.arange(size, dtype="int32") + ops.zeros_like(logits, dtype="int32")
            return _noisiest(self._probable(logits), token_ids, noise)
        size = ops.shape(logits)[1]
        few = _LIKELY if isinstance(size, int) and size > _LIKELY else size
        best = ops.top_k(logits, few)[0]
        held = ops.logsumexp(best, axis=1) - ops.logsumexp(logits, axis=1)
        return ops.cond(
            ops.all(held >= math.log(self.top_p)),
            lambda: self._choose_of_best(logits, few, noise, total=ops.logsumexp(logits, axis=1)),
            lambda: self._choose_of_best(logits, size, noise),
        )

    def _choose_of_best(self, logits: Any, k: Any, noise: Any, total: Any = None) -> Any:
        """Chooses of the k most probable tokens, which hold the share `total` of all."""
        nothing = ops.zeros_like(logits[:, :1])
        best, token_ids = top_sums(nothing, logits, k)
        total = ops.logsumexp(best, axis=1) if total is None else total
        if self.top_p < 1:
            shares = ops.exp(best - total[:, None])
            before = ops.cumsum(shares, axis=1) - shares
            first = ops.equal(ops.cumsum(ops.ones_like(before), axis=1), 1)
            best = ops.where((before < self.top_p) | first, best, _IMPOSSIBLE)
        return _noisiest(self._probable(best), token_ids, noise)

    def _probable(self, logits: Any) -> Any:
        if self.min_p == 0:
            return logits
        least = ops.max(logits, axis=1, keepdims=True) + math.log(self.min_p)
        return ops.where(logits >= least, logits, _IMPOSSIBLE)


def _noisiest(logits: Any, token_ids: Any, noise: Any) -> Any:
    """The token with the largest sum, `(N,)`: one drawn by its probability.

    Reference: Gumbel, 1954; Maddison et al., 2014, https://arxiv.org/abs/1411.0030
    """
    best = ops.argmax(logits + noise(token_ids), axis=1)
    return pick_in_rows(token_ids, ops.expand_dims(ops.cast(best, "int32"), 1))[:, 0]
