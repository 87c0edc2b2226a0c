"""The penalty of Pascanu et al. is what its sum says."""

import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.ops.losses import pascanu_regularizer

TIME, BATCH, UNITS = 4, 3, 5
RNG = np.random.default_rng(0)
D, SLOPES = RNG.normal(size=(2, TIME, BATCH, UNITS))
KERNEL = RNG.normal(size=(UNITS, UNITS))
MASK = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0]], "bool")


def enumerated(d, slopes, kernel, mask=None):
    total = 0.0
    for b in range(d.shape[1]):
        for t in range(1, d.shape[0]):
            if (mask is None or mask[t, b]) and np.any(d[t, b]):
                jacobian = np.diag(slopes[t, b]) @ kernel.T  # of h_t by h_{t-1}
                norm = np.linalg.norm(d[t, b] @ jacobian)
                total += (norm / np.linalg.norm(d[t, b]) - 1) ** 2
    return total / d.shape[1]


@pytest.mark.parametrize("mask", [None, MASK])
def test_it_is_the_sum_over_steps_and_the_mean_over_rows(mask):
    found = pascanu_regularizer(D, SLOPES, KERNEL, mask)
    assert float(found) == pytest.approx(enumerated(D, SLOPES, KERNEL, mask), rel=1e-12)


def test_an_orthogonal_linear_step_costs_nothing():
    orthogonal = np.linalg.qr(KERNEL)[0]
    assert float(pascanu_regularizer(D, np.ones_like(D), orthogonal)) < 1e-28
    assert float(pascanu_regularizer(D, np.ones_like(D), 3 * orthogonal)) == pytest.approx(
        4 * (TIME - 1)
    )


def test_the_size_of_the_gradients_does_not_count_even_where_squares_are_too_small():
    wanted = float(pascanu_regularizer(D, SLOPES, KERNEL))
    small, slopes, kernel = (np.float32(x) for x in (1e-30 * D, SLOPES, KERNEL))
    assert float(pascanu_regularizer(small, slopes, kernel)) == pytest.approx(wanted, rel=1e-4)


def regularized(sources):
    found = pascanu_regularizer(*sources)
    return found, found


@pytest.mark.parametrize("nothing", ["d", "slopes"])
def test_steps_without_a_gradient_and_flat_steps_have_finite_slopes(nothing):
    d, slopes = D.copy(), SLOPES.copy()
    (d if nothing == "d" else slopes)[2] = 0
    sources = [ops.convert_to_tensor(x) for x in (d, slopes, KERNEL)]
    found, (of_d, of_slopes, of_kernel) = gradients_of(regularized, sources)
    assert float(found) == pytest.approx(enumerated(d, slopes, KERNEL), rel=1e-12)
    assert np.all(of_d == 0)
    assert np.all(np.isfinite(of_slopes))
    assert np.all(np.isfinite(of_kernel))


def test_its_gradient_by_the_kernel_is_that_of_finite_differences():
    direction, step = np.random.default_rng(1).normal(size=(5, 5)), 1e-6
    sources = [ops.convert_to_tensor(x) for x in (D, SLOPES, KERNEL)]
    slope = np.sum(np.asarray(gradients_of(regularized, sources)[1][2]) * direction)
    ends = [enumerated(D, SLOPES, KERNEL + s * step * direction) for s in (1, -1)]
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)
