"""The transitions of a conditional random field, as a layer."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seqzoo.ops import crf
from seqzoo.ops.masks import real_first

Pair = Sequence[int | None]


@keras.saving.register_keras_serializable(package="seqzoo")
class CRF(keras.layers.Layer):
    """Scores sequences of tags by their steps and by which tag follows which.

    The score of tags y for potentials P is the sum of P[t, y_t] over the steps, of
    transitions[y_s, y_t] over neighbours, and of starts[y_first] and ends[y_last].

    Args:
        tag_count: Positive int.
        forbidden: Pairs of tag ids of which the second may not follow the first. None as the
            first is the start of a sequence, None as the second its end. See
            `preprocessing.tag_schemes.forbidden_pairs`.
        learned: Whether starts, transitions and ends are learned; otherwise they only forbid.

    Call arguments:
        potentials: Float tensor `(B, T, tag_count)`.
        mask: Boolean `(B, T)`, True on real steps; any mask is legal.

    Returns:
        The potentials, float32 at least, with `starts` added at the first real step of each row and
        `ends` at the last one. Pass them, with `mask`, to the functions of `seqzoo.ops.crf` and to
        the methods of the layer.

    Reference: Lample et al., 2016, https://arxiv.org/abs/1603.01360

    Example:
        >>> crf = sz.layers.CRF(3, forbidden=[(0, 2)])  # tag 2 never follows tag 0
        >>> potentials, mask = np.zeros((2, 4, 3), "float32"), np.ones((2, 4), bool)
        >>> keras.ops.shape(crf(potentials, mask))
        (2, 4, 3)
    """

    def __init__(
        self, tag_count: int, forbidden: Sequence[Pair] = (), learned: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        self.tag_count = tag_count
        self.forbidden = forbidden
        self.learned = learned
        self.supports_masking = True

    def build(self, potentials_shape):
        count = self.tag_count
        if count < 1 or potentials_shape[-1] != count:
            raise ValueError(
                "`tag_count` must be positive and the last size of the potentials. Received: "
                f"tag_count={count} and potentials of shape {tuple(potentials_shape)}."
            )
        self._forbidden_masks = _forbidden_masks(self.forbidden, count)
        initializer = keras.initializers.RandomUniform(-0.1, 0.1)
        shapes = {"transitions": (count, count), "starts": (count,), "ends": (count,)}
        if self.learned:
            for name, shape in shapes.items():
                setattr(self, name, self.add_weight(shape, initializer, name=name))
        self.built = True

    def call(self, potentials, mask=None):
        wide = keras.backend.result_type(potentials.dtype, "float32")
        potentials = ops.cast(potentials, wide)
        if mask is None:
            mask = ops.ones(ops.shape(potentials)[:2], dtype="bool")
        _, ranks = real_first(ops.cast(mask, "bool"))
        count = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        first, last = ops.equal(ranks, 0), ops.equal(ranks, count - 1)
        for is_edge, scores in ((first, self._scores("starts")), (last, self._scores("ends"))):
            added = ops.where(is_edge[..., None], ops.cast(scores, wide), 0)
            potentials = ops.maximum(potentials + added, crf.FORBIDDEN)
        return potentials

    def _scores(self, name: str):
        is_forbidden = self._forbidden_masks[name]
        scores = getattr(self, name) if self.learned else ops.zeros(is_forbidden.shape)
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        return ops.where(is_forbidden, crf.FORBIDDEN, ops.cast(scores, wide))

    def transition_scores(self):
        """Returns the transitions `(tag_count, tag_count)`; forbidden ones are -1e9."""
        return self._scores("transitions")

    def log_likelihood(self, potentials, tags, mask):
        """Returns the log-probability `(B,)` of tags `(B, T)`, from potentials of a call."""
        moves = self.transition_scores()
        score = crf.sequence_score(potentials, tags, moves, mask)
        return score - crf.log_partition(potentials, moves, mask)

    def compute_mask(self, potentials, mask=None):
        return mask

    def get_config(self):
        return super().get_config() | {
            "tag_count": self.tag_count,
            "forbidden": [list(pair) for pair in self.forbidden],
            "learned": self.learned,
        }


def _forbidden_masks(forbidden: Sequence[Pair], count: int) -> dict[str, np.ndarray]:
    """Returns for each kind of weights which of them are forbidden, as booleans."""
    masks = {
        "transitions": np.zeros((count, count), bool),
        "starts": np.zeros(count, bool),
        "ends": np.zeros(count, bool),
    }
    for first, second in forbidden:
        if first is None:
            masks["starts"][second] = True
        elif second is None:
            masks["ends"][first] = True
        else:
            masks["transitions"][first, second] = True
    return masks
