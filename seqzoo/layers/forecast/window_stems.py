"""Layers ahead of the encoder of a window, which make fewer steps of it."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import convolve_any_rows


@keras.saving.register_keras_serializable(package="seqzoo")
class Patches(keras.layers.Layer):
    """Projects patches of a window, runs of its steps that may overlap.

    The window is extended at its end by `stride` steps of its last value, and the last patch ends
    there. First steps that fill no stride are left out.

    Args:
        units: Positive int, width of the outputs.
        patch: Positive int, steps of a patch.
        stride: Positive int, steps from a patch to the next one.

    Call arguments:
        values: Float tensor `(B, L, F)`, where L is fixed.
        mask: Boolean `(B, L)`; masked steps are read as zeros.

    Returns:
        The patches `(B, N, units)` and their mask `(B, N)`, True where a step is real; N is
        `(L - patch) // stride + 2`.

    Raises:
        ValueError: when built, if an argument is out of its range or the window holds no patch.

    Reference: Nie et al., 2023, https://arxiv.org/abs/2211.14730

    Example:
        >>> patches, mask = sz.layers.Patches(units=5, patch=4, stride=2)(np.ones((3, 8, 1)))
        >>> tuple(patches.shape), tuple(mask.shape)
        ((3, 4, 5), (3, 4))
    """

    def __init__(self, units: int, patch: int = 16, stride: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.patch = patch
        self.stride = stride
        self.supports_masking = True

    def build(self, values_shape):
        _check_positive(self, ("units", "patch", "stride"))
        patch_count(values_shape[1], self.patch, self.stride)
        width = self.patch * values_shape[2]
        self.kernel = self.add_weight((width, self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")
        self.built = True

    def call(self, values, mask=None):
        mask = _all_real(values) if mask is None else mask
        values = ops.where(mask[..., None], values, ops.zeros_like(values))
        rows = self._indices(values.shape[1])
        patches = ops.take(values, rows, axis=1)  # (B, N, patch, F)
        shape = (-1, rows.shape[0], self.patch * values.shape[2])
        kernel, bias = (ops.cast(each, self.compute_dtype) for each in (self.kernel, self.bias))
        projected = affine(ops.reshape(patches, shape), kernel, bias)
        return projected, ops.any(ops.take(mask, rows, axis=1), axis=-1)

    def _indices(self, steps):
        """The steps of each patch `(N, patch)`; behind the last one it is repeated."""
        count = patch_count(steps, self.patch, self.stride)
        starts = steps + self.stride - self.patch - self.stride * ops.arange(count - 1, -1, -1)
        return ops.minimum(starts[:, None] + ops.arange(self.patch), steps - 1)

    def compute_mask(self, values, mask=None):
        return [None, None]

    def get_config(self):
        own = {"units": self.units, "patch": self.patch, "stride": self.stride}
        return super().get_config() | own


def patch_count(steps: int | None, patch: int, stride: int) -> int:
    """Returns N, the `Patches` of a window.

    Raises:
        ValueError: if there is none.
    """
    if steps is None or steps + stride < patch:
        raise ValueError(
            f"`patch` must not be above the window and a stride. Received: patch={patch}, "
            f"stride={stride} and a window of {steps} steps."
        )
    return (steps + stride - patch) // stride + 1


@keras.saving.register_keras_serializable(package="seqzoo")
class PooledConvolutions(keras.layers.Layer):
    """Convolves a window by causal layers with ReLU, and takes the maximum of each few steps.

    Args:
        filters: Features of each convolution, from the first to the last.
        kernel: Positive int, steps that a convolution reads.
        pool: Positive int, steps of which the maximum is taken; the last ones are at the end.

    Call arguments:
        values: Float tensor `(B, L, F)`, where L is fixed.
        mask: Boolean `(B, L)`; masked steps are read as zeros.

    Returns:
        Features `(B, N, filters[-1])` and their mask `(B, N)`, True where a step is real; N is
        `L / pool`, rounded up.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Example:
        >>> stem = sz.layers.PooledConvolutions(filters=(4, 5), kernel=2, pool=2)
        >>> features, mask = stem(np.ones((3, 7, 1), "float32"))
        >>> tuple(features.shape), tuple(mask.shape)
        ((3, 4, 5), (3, 4))
    """

    def __init__(self, filters: Sequence[int] = (32, 64), kernel: int = 2, pool: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel = kernel
        self.pool = pool
        self.supports_masking = True
        self.convolutions = []

    def build(self, values_shape):
        _check_positive(self, ("kernel", "pool"))
        if not self.filters or min(self.filters) < 1:
            raise ValueError(
                "`filters` must be numbers of at least 1, one for each convolution. Received: "
                f"filters={list(self.filters)}."
            )
        width = values_shape[2]
        for i, count in enumerate(self.filters):
            convolution = keras.layers.Conv1D(
                count,
                self.kernel,
                padding="causal",
                activation="relu",
                dtype=self.dtype_policy,
                name=f"convolution_{i}",
            )
            convolution.build((None, None, width))
            self.convolutions.append(convolution)
            width = count
        self.built = True

    def call(self, values, mask=None):
        mask = _all_real(values) if mask is None else mask
        for convolution in self.convolutions:
            values = ops.where(mask[..., None], values, ops.zeros_like(values))
            values = convolve_any_rows(convolution, values)
        values = ops.where(mask[..., None], values, ops.zeros_like(values))  # a ReLU's smallest
        missing = -values.shape[1] % self.pool
        count = (values.shape[1] + missing) // self.pool
        values = ops.pad(values, [[0, 0], [missing, 0], [0, 0]])
        mask = ops.pad(mask, [[0, 0], [missing, 0]])
        values = ops.reshape(values, (-1, count, self.pool, values.shape[2]))
        mask = ops.any(ops.reshape(mask, (-1, count, self.pool)), axis=-1)
        return ops.max(values, axis=2, initial=0.0), mask  # without one, zero rows are refused

    def compute_mask(self, values, mask=None):
        return [None, None]

    def get_config(self):
        own = {"filters": list(self.filters), "kernel": self.kernel, "pool": self.pool}
        return super().get_config() | own


def _all_real(values):
    return ops.ones_like(values[..., 0], dtype="bool")


def _check_positive(layer, names):
    for name in names:
        if getattr(layer, name) < 1:
            raise ValueError(
                f"`{name}` must be at least 1. Received: {name}={getattr(layer, name)}."
            )
