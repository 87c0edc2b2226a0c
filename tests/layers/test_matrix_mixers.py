"""Mixers with a matrix as their state: what they refuse, and gates that leave float32."""

import numpy as np
import pytest
from derivatives import differentiate, randomize
from keras import ops

from seqzoo.layers.mixers import make_mixer

SIZES = {
    "gated_delta": ["householder_steps", "kernel_size", "chunk_length", "value_units"],
    "gated_linear": ["rank", "chunk_length"],
    "mamba2": ["state_units", "expansion", "kernel_size", "chunk_length"],
    "mlstm": ["expansion", "kernel_size", "chunk_length"],
    "retention": ["value_expansion", "chunk_length"],
    "rwkv7": ["rank", "chunk_length"],
    "ttt_linear": ["mini_batch", "kernel_size"],
    "ttt_mlp": ["mini_batch", "kernel_size"],
}


@pytest.mark.parametrize("name", SIZES)
def test_heads_that_do_not_divide_and_sizes_below_1_are_refused(name):
    for heads in (0, 5):
        with pytest.raises(ValueError, match=f"num_heads={heads}"):
            make_mixer(name, num_heads=heads).build((None, None, 8))
    for size in SIZES[name]:
        with pytest.raises(ValueError, match=f"{size}=0"):
            make_mixer(name, num_heads=2, **{size: 0}).build((None, None, 8))


@pytest.mark.parametrize("bias", [-100.0, 100.0])
def test_input_gates_of_an_mlstm_may_leave_the_range_of_float32(bias):
    """exp(100) is infinite in float32; in float64 it is not."""
    inputs = np.random.default_rng(0).normal(size=(2, 5, 8))
    outputs = {}
    for dtype in ("float32", "float64"):
        mixer = make_mixer("mlstm", num_heads=2, chunk_length=2, dtype=dtype)
        mixer.build((None, None, 8))
        randomize(mixer)
        gates = np.asarray(ops.convert_to_numpy(mixer.gate_bias))
        mixer.gate_bias.assign(gates + np.array([bias, bias, 0.0, 0.0]))
        found, gradients = differentiate(
            lambda mixer=mixer, dtype=dtype: mixer(inputs.astype(dtype))[0],
            {},
            mixer.trainable_variables,
        )
        assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
        outputs[dtype] = found[0]
    np.testing.assert_allclose(outputs["float32"], outputs["float64"], rtol=2e-3, atol=2e-3)
