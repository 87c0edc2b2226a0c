"""Several models of one vocabulary that answer as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, as_log_probs, log_sums, written_out
from seqzoo.ops.option_names import check_known
from seqzoo.search.step import Step, alignment_of
from seqzoo.tasks.generation import GenerationTask
from seqzoo.tasks.request import InitialDecodingState

COMBINATIONS = ("linear", "log_linear")


@keras.saving.register_keras_serializable(package="seqzoo")
class Ensemble(GenerationTask):
    """Trained tasks that choose each token together, in one graph.

    The members see the same ids: the vocabularies of their preprocessors must be equal, and that
    of the first member is used. The alignment is the weighted mean of those of the members that
    align.

    Args:
        members: At least one trained `GenerationTask`.
        combine: `"linear"`: the weighted mean of the probabilities. `"log_linear"`: the
            probabilities are proportional to the weighted geometric mean.
        weights: For each member a positive number; None weighs all alike. They are scaled to add
            up to 1.
        search: The search that is used where none is given; None is that of the first member.

    Call arguments:
        x: What the members take.

    Returns:
        Log-probs `(B, T, vocabulary_size)`.

    Raises:
        ValueError: if there is no member, or the vocabularies or weights do not fit.

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> members = [sz.zoo.zaremba_2014(tokenizer, units=8, layers=1) for _ in range(2)]
        >>> ensemble = sz.Ensemble(members, combine="log_linear")
        >>> len(ensemble.generate(["ab"], search=sz.Greedy(max_length=3)))
        1
    """

    def __init__(
        self,
        members: Sequence[GenerationTask],
        combine: Literal["linear", "log_linear"] = "linear",
        weights: Sequence[float] | None = None,
        search: Any = None,
        **kwargs,
    ):
        members = list(members)
        check_known("combine", combine, COMBINATIONS)
        shares = _shares(members, weights)
        _check_vocabularies(members)
        first = members[0]
        search = first.search if search is None else search
        super().__init__(first.head, first.preprocessor, search, **kwargs)
        self.members = members
        self.combine = combine
        self.shares = shares
        self.built = True

    def call(self, x, training=False):
        of_members = [each.head.readout(each(x)) for each in self.members]
        tokens = ops.shape(of_members[0])[-1]
        rows = [written_out(as_log_probs(tf.reshape(each, [-1, tokens]))) for each in of_members]
        return tf.reshape(written_out(self._combined(rows)), tf.shape(of_members[0]))

    def fit(self, *args, **kwargs):
        """Raises an error: the members are trained one by one."""
        raise ValueError("An ensemble is not trained as one. Call `fit` of its members.")

    def _is_blank(self, raw):
        return self.members[0]._is_blank(raw)

    def _has_answer(self, inputs, is_read):
        return self.members[0]._has_answer(inputs, is_read)

    @property
    def max_positions(self) -> int | None:
        lengths = [member.max_positions for member in self.members]
        return min((length for length in lengths if length is not None), default=None)

    def begin(self, inputs, search) -> InitialDecodingState:
        starts = [InitialDecodingState(*member.begin(inputs, search)) for member in self.members]
        state = self._with_alignment([each.state for each in starts])
        return starts[0]._replace(state=state, memory=[each.memory for each in starts])

    def step(self, width: int = 1) -> Step:
        steps = [member.step(width) for member in self.members]

        def step(token_ids, state, memory):
            outputs = [
                member(token_ids, own, read)
                for member, own, read in zip(steps, state["members"], memory, strict=True)
            ]
            log_probs = [written_out(as_log_probs(each)) for each, _ in outputs]
            return self._combined(log_probs), self._with_alignment([own for _, own in outputs])

        return step

    def _combined(self, log_probs: list[Any]) -> LogProbs:
        """The log-probs of the ensemble of those of the members, `(N, V)` each."""
        pairs = list(zip(self.shares, log_probs, strict=True))
        if self.combine == "linear":
            return as_log_probs(
                ops.logsumexp(ops.stack([lp + math.log(w) for w, lp in pairs]), axis=0)
            )
        logits = sum(w * lp for w, lp in pairs)
        return LogProbs(logits, log_sums(logits))

    def _with_alignment(self, states: list[Any]) -> dict[str, Any]:
        alignments = [
            (share, alignment_of(state)) for share, state in zip(self.shares, states, strict=True)
        ]
        alignments = [(share, each) for share, each in alignments if each is not None]
        if not alignments:
            return {"members": states}
        total = sum(share for share, _ in alignments)
        return {"members": states, "alignment": sum(s / total * each for s, each in alignments)}

    def source_tokens(self, text: str) -> list[str]:
        """Returns the readable tokens of a source text, the end token included."""
        return self.members[0].source_tokens(text)

    def get_config(self):
        config = super().get_config()
        del config["head"], config["preprocessor"]
        members = [keras.saving.serialize_keras_object(member) for member in self.members]
        for member in members:
            member.pop("compile_config", None)  # they are not trained any more
        return config | {
            "members": members,
            "combine": self.combine,
            "weights": list(self.shares),
        }

    @classmethod
    def from_config(cls, config):
        members = [keras.saving.deserialize_keras_object(each) for each in config["members"]]
        return super().from_config({**config, "members": members})


def _shares(members: list[Any], weights: Sequence[float] | None) -> tuple[float, ...]:
    if not members:
        raise ValueError("`members` must hold at least one trained task. Received: none.")
    weights = [1.0] * len(members) if weights is None else list(weights)
    if len(weights) != len(members) or not all(0 < w < math.inf for w in weights):
        raise ValueError(
            f"`weights` must be positive numbers, one for each of the {len(members)} members. "
            f"Received: {weights}."
        )
    return tuple(float(w) for w in np.array(weights) / sum(weights))


def _check_vocabularies(members: list[Any]) -> None:
    for index, member in enumerate(members[1:], start=1):
        for side in ("source", "target"):
            one, other = (
                getattr(getattr(each, "preprocessor", None), side, None)
                for each in (members[0], member)
            )
            if getattr(one, "vocabulary", None) != getattr(other, "vocabulary", None):
                raise ValueError(
                    f"The members of an ensemble must have one {side} vocabulary. Received: that "
                    f"of member {index} differs from that of member 0. Train them with the same "
                    "tokenizers."
                )
