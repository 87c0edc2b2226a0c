"""One vector from a sequence."""

from typing import Literal

import keras
from keras import ops

from seqzoo.layers.attention.self_attention_pooling import SelfAttentionPooling
from seqzoo.ops.gather import gather
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

    A row with no real step gives zeros, except for `last`, which is returned as it is. Rows that
    hold several sequences give a vector of each.

    Args:
        kind: See above.
        units: Width of the hidden layer of `"attention"`.
        hops: Means that `"attention"` takes.

    Call arguments:
        values: Float tensor `(B, T, features)`.
        mask: Boolean `(B, T)`, True on real steps.
        last: Float tensor `(B, width)` or None; with segments `(B, T, width)`, at each step that
            of its sequence.
        segment_ids: Int `(B, T)`, where rows hold several sequences.
        segments: Int `(B, G)`, the ids of those of which a vector is made; 0 is none, of zeros.

    Returns:
        Float tensor `(B, …)`; with segments `(B, G, …)`.

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

    def call(self, values, mask=None, last=None, segment_ids=None, segments=None):
        mask = attached_mask(mask, values)
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")
        kinds = ("last", "mean", "max") if self.kind == "concat" else (self.kind,)
        if segment_ids is not None:
            joined = _joined(mask, segment_ids, segments)
            if self.attention is not None:
                return self.attention(values, mask=mask, joined=joined)[0]
            values = ops.where(mask[..., None], values, ops.zeros_like(values))
            pooled = [
                _POOL_SEGMENTS[k](values if k != "last" or last is None else last, joined)
                for k in kinds
            ]
        elif self.attention is not None:
            return self.attention(values, mask=mask)[0]
        else:
            pooled = [
                last if k == "last" and last is not None else _POOL[k](values, mask) for k in kinds
            ]
        return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)

    def compute_mask(self, values, mask=None, last=None, segment_ids=None, segments=None):
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


# The same of the sequences of rows that hold several. `joined` is boolean `(B, G, T)`, True where a
# real step is one of a sequence.


def _joined(mask, segment_ids, segments):
    if segments is None:
        raise ValueError(
            "Rows of several sequences give a vector of each. Received: `segment_ids` and no "
            "`segments`. Give the ids `(B, G)` of the sequences of each row, 0 where there is none."
        )
    ids = ops.where(mask, ops.cast(segment_ids, "int32"), 0)[:, None, :]
    segments = ops.cast(segments, "int32")[:, :, None]
    return ops.logical_and(ids == segments, segments != 0)


def _last_steps(values, joined):
    rows, _, time = ops.shape(joined)
    last = ops.max(ops.where(joined, ops.arange(1, time + 1, dtype="int32"), 0), axis=2)  # 0: none
    starts = ops.arange(rows, dtype="int32")[:, None] * time
    flat = ops.reshape(values, (rows * time, *values.shape[2:]))
    picked = gather(flat, starts + ops.maximum(last - 1, 0))
    return ops.where((last > 0)[..., None], picked, ops.zeros_like(picked))


def _means(values, joined):
    share = ops.cast(joined, values.dtype)
    count = ops.sum(share, axis=2, keepdims=True)
    return ops.matmul(share, values) / ops.maximum(count, ops.ones_like(count))


def _max_steps(values, joined):
    rows, sequences, time = ops.shape(joined)
    lowest = ops.cast(lowest_score(values.dtype), values.dtype)
    real = ops.any(joined, axis=1)
    of_step = ops.cast(ops.argmax(ops.cast(joined, "int32"), axis=1), "int32")  # (B, T)
    of_step = of_step + ops.arange(rows, dtype="int32")[:, None] * sequences
    flat = ops.reshape(ops.where(real[..., None], values, lowest), (rows * time, values.shape[-1]))
    highest = ops.segment_max(flat, ops.reshape(of_step, (-1,)), rows * sequences)
    highest = ops.reshape(highest, (rows, sequences, values.shape[-1]))
    return ops.where(ops.any(joined, axis=2)[..., None], highest, ops.zeros_like(highest))


_POOL_SEGMENTS = {"last": _last_steps, "mean": _means, "max": _max_steps}
