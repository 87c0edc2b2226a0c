"""Products by weights that are cut into parts ahead of a loop."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.ops.tensorflow.products import product_by, product_by_transpose

SHAPES = [(5, 15), (5, 12), (7, 3), (4, 4)]  # in three parts, in two, and whole
RNG = np.random.default_rng(0)

both_kernels = pytest.mark.parametrize("onednn", ["0", "1"])


@both_kernels
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leading", [(2,), (2, 6)])
def test_a_product_in_parts_is_the_product(monkeypatch, onednn, shape, leading):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    kernel, bias = RNG.normal(size=shape), RNG.normal(size=shape[1])
    inputs, upstream = RNG.normal(size=(*leading, shape[0])), RNG.normal(size=(*leading, shape[1]))
    kernel_, bias_ = tf.constant(kernel), tf.constant(bias)
    for rows in (None, 2, 99):
        forward = product_by(kernel_, rows=rows)(tf.constant(inputs))
        np.testing.assert_allclose(forward, inputs @ kernel, atol=1e-12)
    shifted = product_by(kernel_, bias_)(tf.constant(inputs))
    np.testing.assert_allclose(shifted, inputs @ kernel + bias, atol=1e-12)
    back = product_by_transpose(kernel_)(tf.constant(upstream))
    np.testing.assert_allclose(back, upstream @ kernel.T, atol=1e-12)


@pytest.mark.parametrize(("first", "expected"), [("seqzoo", "1"), ("tensorflow", None)])
def test_onednn_is_known_to_multiply_only_where_seqzoo_came_in_time(first, expected):
    code = f"import {first}, seqzoo, os; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    run = subprocess.run(
        [sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(expected)
