"""Mixers with a matrix for each head as their state, in NumPy, one step after the other.

Each function is written from its paper: the state of a head is a matrix from keys to values, and
a step multiplies it, adds to it and reads it.
"""

import math

import numpy as np


def weights_of(mixer):
    return {w.name: np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in mixer.weights}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log1p(np.exp(x))


def normalized(x, epsilon):
    return x / np.sqrt(np.mean(x**2) + epsilon)


def convolved(inputs, kernel, bias=0.0):
    """Depthwise and causal; the last row of the kernel is that of a step itself."""
    results = np.zeros_like(inputs)
    for t in range(len(inputs)):
        for j, row in enumerate(kernel):
            s = t - (len(kernel) - 1) + j
            if s >= 0:
                results[t] += row * inputs[s]
    return results + bias


def cut(x, *widths):
    return np.split(x, np.cumsum(widths)[:-1], axis=-1)


def gated_delta(mixer, inputs):
    """Yang et al., 2024, equation 10; Siems et al., 2025, for several writes a step."""
    w, heads, writes = weights_of(mixer), mixer.num_heads, mixer.householder_steps
    keys = mixer.key_units or inputs.shape[1] // heads
    values = mixer.value_units or keys
    widths = heads * keys, writes * heads * keys, writes * heads * values
    first, betas, gates, rates = cut(
        inputs @ w["kernel"], sum(widths), writes * heads, heads * values, heads * mixer.decay
    )
    queries, all_keys, all_values = cut(silu(convolved(first, w["convolution_kernel"])), *widths)
    memory = np.zeros((heads, keys, values))
    results = np.zeros((len(inputs), heads * values))
    for t in range(len(inputs)):
        read = np.zeros((heads, values))
        for h in range(heads):
            if mixer.decay:
                rate = np.exp(w["log_rate"][h]) * softplus(rates[t, h] + w["decay_bias"][h])
                memory[h] *= np.exp(-rate)
            for i in range(writes):
                k = all_keys[t].reshape(writes, heads, keys)[i, h]
                k = k / np.sqrt(k @ k + 1e-6)
                v = all_values[t].reshape(writes, heads, values)[i, h]
                beta = sigmoid(betas[t].reshape(writes, heads)[i, h])
                beta *= 2 if mixer.negative_eigenvalues else 1
                erase = np.eye(keys) - beta * np.outer(k, k)
                memory[h] = erase @ memory[h] + beta * np.outer(k, v)
            q = queries[t].reshape(heads, keys)[h]
            q = q / np.sqrt(q @ q + 1e-6) / math.sqrt(keys)
            read[h] = normalized(memory[h].T @ q, 1e-6) * w["gain"]
        results[t] = read.ravel() * silu(gates[t])
    return results @ w["output_kernel"]


def mlstm(mixer, inputs):
    """Beck et al., 2024, equations 19 to 27 without a stabiliser, in the block of figure 11."""
    w, heads, width = weights_of(mixer), mixer.num_heads, mixer.expansion * inputs.shape[1]
    units = width // heads
    x, z = cut(inputs @ w["kernel"], width, width)
    c = silu(convolved(x, w["convolution_kernel"], w["convolution_bias"]))
    memory, total = np.zeros((heads, units, units)), np.zeros((heads, units))
    results = np.zeros((len(inputs), width))
    for t in range(len(inputs)):
        both = np.stack([c[t, 4 * i : 4 * i + 4] @ m for i, m in enumerate(w["query_key_kernel"])])
        q, k = both[:, :4].ravel(), both[:, 4:].ravel()
        v = np.concatenate([x[t, 4 * i : 4 * i + 4] @ m for i, m in enumerate(w["value_kernel"])])
        gates = np.concatenate([q, k, v]) @ w["gate_kernel"] + w["gate_bias"]
        read = np.zeros((heads, units))
        for h in range(heads):
            own = slice(h * units, (h + 1) * units)
            i, f = np.exp(gates[h]), sigmoid(gates[heads + h])
            key = k[own] / math.sqrt(units)
            memory[h] = f * memory[h] + i * np.outer(key, v[own])
            total[h] = f * total[h] + i * key
            read[h] = memory[h].T @ q[own] / max(abs(total[h] @ q[own]), 1.0)
            read[h] -= read[h].mean()
            read[h] = normalized(read[h], 1e-5)
        results[t] = (read.ravel() * w["gain"] + w["skip"] * c[t]) * silu(z[t])
    return results @ w["output_kernel"]


REFERENCES = {
    **dict.fromkeys(
        ["gated_delta", "gated_delta, negative", "gated_delta, plain", "gated_delta, product"],
        gated_delta,
    ),
    "mlstm": mlstm,
}
