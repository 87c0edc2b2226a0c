"""Mixers give what transformers and xlstm give with the same weights.

It runs where `SEQZOO_PEERS` names the Python of an environment that holds
`benchmarks/peers_transformers.txt` and `xlstm==2.0.4`.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from seqzoo.layers import MLSTM, SLSTM, GatedDelta, GriffinRecurrence, Mamba, Mamba2

PYTHON = os.environ.get("SEQZOO_PEERS")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="SEQZOO_PEERS names no Python of an environment"),
]


def of_mamba(weights):
    return {
        "kernel": weights["in_proj.weight"].T,
        "bias": weights["in_proj.bias"],
        "convolution_kernel": weights["conv1d.weight"][:, 0].T,
        "convolution_bias": weights["conv1d.bias"],
        "selection_kernel": weights["x_proj.weight"].T,
        "step_kernel": weights["dt_proj.weight"].T,
        "step_bias": weights["dt_proj.bias"],
        "rate_logit": weights["A_log"].T,
        "skip": weights["D"],
        "output_kernel": weights["out_proj.weight"].T,
        "output_bias": weights["out_proj.bias"],
    }


def of_griffin(weights):
    def gates(kind):
        names = f"rg_lru.recurrent_gate_{kind}", f"rg_lru.input_gate_{kind}"
        return np.concatenate([weights[name] for name in names], axis=-1)

    branches = "linear_x", "linear_y"
    return {
        "kernel": np.concatenate([weights[f"{name}.weight"].T for name in branches], axis=1),
        "bias": np.concatenate([weights[f"{name}.bias"] for name in branches]),
        "convolution_kernel": weights["conv_1d.weight"][:, 0].T,
        "convolution_bias": weights["conv_1d.bias"],
        "gate_kernel": gates("weight"),
        "gate_bias": gates("bias"),
        "decay_logit": weights["rg_lru.recurrent_param"],
        "output_kernel": weights["linear_out.weight"].T,
        "output_bias": weights["linear_out.bias"],
    }


def of_slstm(weights):
    def pair(first, second):  # a peer's kernel is (heads, out, in)
        kernels = [weights[f"{gate}.weight"].transpose(0, 2, 1) for gate in (first, second)]
        return np.concatenate(kernels, axis=2)

    return {
        "convolution_kernel": weights["conv1d.conv.weight"][:, 0].T,
        "convolution_bias": weights["conv1d.conv.bias"],
        "gate_kernel": pair("fgate", "igate"),  # the peer takes what it calls `fgate` for i
        "value_kernel": pair("zgate", "ogate"),
        "recurrent_kernel": weights["slstm_cell._recurrent_kernel_"].transpose(0, 2, 1),
        "bias": weights["slstm_cell._bias_"].reshape(4, 2, -1),
        "gain": 1.0 + weights["group_norm.weight"],
    }


def of_mlstm(weights):
    def blocks(part):  # a peer's kernel is (blocks, out, in)
        return weights[f"{part}_proj.weight"].transpose(0, 2, 1)

    cell = "mlstm_cell."
    gates = f"{cell}igate", f"{cell}fgate"
    return {
        "kernel": weights["proj_up.weight"].T,
        "convolution_kernel": weights["conv1d.conv.weight"][:, 0].T,
        "convolution_bias": weights["conv1d.conv.bias"],
        "query_key_kernel": np.concatenate([blocks("q"), blocks("k")], axis=2),
        "value_kernel": blocks("v"),
        "gate_kernel": np.concatenate([weights[f"{gate}.weight"].T for gate in gates], axis=1),
        "gate_bias": np.concatenate([weights[f"{gate}.bias"] for gate in gates]),
        "gain": 1.0 + weights[f"{cell}outnorm.weight"],
        "skip": weights["learnable_skip"],
        "output_kernel": weights["proj_down.weight"].T,
    }


def of_mamba2(weights):
    return {
        "kernel": weights["in_proj.weight"].T,
        "convolution_kernel": weights["conv1d.weight"][:, 0].T,
        "convolution_bias": weights["conv1d.bias"],
        "time_step_bias": weights["dt_bias"],
        "log_rate": weights["A_log"],
        "skip": weights["D"],
        "gain": weights["norm.weight"],
        "output_kernel": weights["out_proj.weight"].T,
    }


def of_gated_delta(weights):
    def parts(name, *widths):  # a peer's rows stand by heads: all parts of the first one, and so on
        rows = weights[f"{name}.weight"].reshape(2, sum(widths), -1)
        ends = np.cumsum(widths)[:-1]
        return [part.reshape(-1, part.shape[-1]).T for part in np.split(rows, ends, axis=1)]

    query, key, value, gate = parts("in_proj_qkvz", 3, 3, 5, 5)
    beta, rate = parts("in_proj_ba", 1, 1)
    return {
        "kernel": np.concatenate([query, key, value, beta, gate, rate], axis=1),
        "convolution_kernel": weights["conv1d.weight"][:, 0].T,
        "log_rate": weights["A_log"],
        "decay_bias": weights["dt_bias"],
        "gain": weights["norm.weight"],
        "output_kernel": weights["out_proj.weight"].T,
    }


PEERS = {
    "mlstm": (lambda: MLSTM(num_heads=2, chunk_length=4), of_mlstm),
    "mamba2": (lambda: Mamba2(num_heads=2, state_units=5, chunk_length=4), of_mamba2),
    "gated_delta": (
        lambda: GatedDelta(num_heads=2, key_units=3, value_units=5, chunk_length=4),
        of_gated_delta,
    ),
    "mamba": (lambda: Mamba(state_units=4, rank=3, use_bias=True), of_mamba),
    "rg_lru": (lambda: GriffinRecurrence(units=24, num_heads=2), of_griffin),
    "slstm": (lambda: SLSTM(num_heads=2), of_slstm),
}


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    path = tmp_path_factory.mktemp("peers") / "arrays.npz"
    side = Path(__file__).with_name("mixer_peers_side.py")
    subprocess.run([PYTHON, str(side), str(path)], check=True)
    return dict(np.load(path))


@pytest.mark.parametrize("name", PEERS)
def test_a_mixer_gives_what_its_peer_gives(name, arrays):
    make, weights_of = PEERS[name]
    prefix = f"{name}/weights/"
    found = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    weights, mixer = weights_of(found), make()
    mixer(arrays[f"{name}/inputs"])
    assert {weight.name for weight in mixer.weights} == set(weights)
    for weight in mixer.weights:
        weight.assign(weights[weight.name])
    outputs, _ = mixer(arrays[f"{name}/inputs"])
    np.testing.assert_allclose(outputs, arrays[f"{name}/outputs"], rtol=2e-4, atol=2e-5)
