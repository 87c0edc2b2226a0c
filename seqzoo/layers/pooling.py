"""One vector from a sequence."""

from typing import Literal

import keras
from keras import ops

from seqzoo.layers.attention.self_attention_pooling import SelfAttentionPooling
from seqzoo.ops.masks import attached_mask, lowest_score, mean_of_real
from seqzoo.ops.option_names import check_known

POOLINGS = ("last", "mean", "max", "attention", "concat")
PoolingKind = Literal["last", "mean", "max", "attention", "concat"]


@keras.saving.register_keras_serializable(package="seqzoo")
class Pooling(keras.layers.Layer):
    """Makes one vector of the real steps of a sequence.

    - `"last"`: the final state, given as `last`; without it, the last real step;
    - `"mean"` and `"max"` of the real steps;
    - `"attention"`: a weighted mean, see `SelfAttentionPooling`;
    - `"concat"`: last, mean and max side by side (Howard and Ruder, 2018, section 3.3,
      https://arxiv.org/abs/1801.06146).

    A row with no real step gives zeros, except for `last`, which is returned as it is.

    Args:
        kind: See above.
        units: Width of the hidden layer of `"attention"`.
        hops: Means that `"attention"` takes.

    Call arguments:
        values: Float tensor `(B, T, features)`.
        mask: Boolean `(B, T)`, True on real steps.
        last: Float tensor `(B, width)` or None.

    Returns:
        Float tensor `(B, …)`.

    Example:
        >>> values = np.array([[[1.0], [3.0], [9.0]]], "float32")
        >>> mask = np.array([[True, True, False]])
        >>> pooled = sz.layers.Pooling("concat")(values, mask=mask)  # last, mean and max
        >>> pooled.numpy().tolist()
        [[3.0, 2.0, 3.0]]
    """

    def __init__(self, kind: PoolingKind = "concat", units: int = 64, hops: int = 1, **kwargs):
        super().__init__(**kwargs)
        check_known("kind", kind, POOLINGS)
        self.kind = kind
        self.units = units
        self.hops = hops
        self.attention = None
        if kind == "attention":
            self.attention = SelfAttentionPooling(units, hops, dtype=self.dtype_policy)

    def build(self, values_shape, last_shape=None):
        if self.attention is not None:
            self.attention.build(values_shape)
        self.built = True

    def call(self, values, mask=None, last=None):
        mask = attached_mask(mask, values)
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")
        if self.attention is not None:
            return self.attention(values, mask=mask)[0]
        kinds = ("last", "mean", "max") if self.kind == "concat" else (self.kind,)
        pooled = [
            last if k == "last" and last is not None else _POOL[k](values, mask) for k in kinds
        ]
        return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)

    def compute_mask(self, values, mask=None, last=None):
        return None  # the result has no steps

    def get_config(self):
        return super().get_config() | {"kind": self.kind, "units": self.units, "hops": self.hops}


def _last_step(values, mask):
    steps = ops.arange(1, ops.shape(mask)[1] + 1, dtype="int32")
    last = ops.max(ops.where(mask, steps, 0), axis=1, keepdims=True, initial=0)  # 0: no real step
    is_last = ops.logical_and(ops.equal(steps, last), mask)
    return ops.sum(ops.where(is_last[..., None], values, ops.zeros_like(values)), axis=1)


def _max_step(values, mask):
    lowest = ops.cast(lowest_score(values.dtype), values.dtype)
    highest = ops.max(ops.where(mask[..., None], values, lowest), axis=1)
    return ops.where(ops.any(mask, axis=1, keepdims=True), highest, ops.zeros_like(highest))


_POOL = {"last": _last_step, "mean": mean_of_real, "max": _max_step}
