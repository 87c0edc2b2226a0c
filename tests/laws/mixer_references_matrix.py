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


def mamba2(mixer, inputs):
    """Dao and Gu, 2024: the recurrent form of SSD, in the block of figure 6."""
    w, heads, size = weights_of(mixer), mixer.num_heads, mixer.state_units
    width = mixer.expansion * inputs.shape[1]
    z, first, dts = cut(inputs @ w["kernel"], width, width + 2 * size, heads)
    x, b, c = cut(
        silu(convolved(first, w["convolution_kernel"], w["convolution_bias"])), width, size, size
    )
    memory = np.zeros((heads, size, width // heads))
    results = np.zeros((len(inputs), width))
    for t in range(len(inputs)):
        values, read = x[t].reshape(heads, -1), np.zeros((heads, width // heads))
        for h in range(heads):
            dt = softplus(dts[t, h] + w["time_step_bias"][h])
            decay = np.exp(-np.exp(w["log_rate"][h]) * dt)
            memory[h] = decay * memory[h] + dt * np.outer(b[t], values[h])
            read[h] = c[t] @ memory[h] + w["skip"][h] * values[h]
        results[t] = normalized(read.ravel() * silu(z[t]), 1e-5) * w["gain"]
    return results @ w["output_kernel"]


def gated_linear(mixer, inputs):
    """Yang et al., 2024, section 4."""
    w, heads, features = weights_of(mixer), mixer.num_heads, inputs.shape[1]
    values = features // heads
    keys = max(values // 2, 1)
    queries, all_keys, all_values, gates, low_rank = cut(
        inputs @ w["kernel"], heads * keys, heads * keys, features, features, mixer.rank
    )
    decays = sigmoid(low_rank @ w["decay_kernel"] + w["decay_bias"]) ** (1 / 16)
    memory = np.zeros((heads, keys, values))
    results = np.zeros((len(inputs), features))
    for t in range(len(inputs)):
        read = np.zeros((heads, values))
        for h in range(heads):
            of_keys, of_values = (slice(h * n, (h + 1) * n) for n in (keys, values))
            memory[h] = np.diag(decays[t, of_keys]) @ memory[h]
            memory[h] += np.outer(all_keys[t, of_keys], all_values[t, of_values])
            read[h] = memory[h].T @ queries[t, of_keys] / math.sqrt(keys)
            read[h] = normalized(read[h] - read[h].mean(), 1e-5) * w["gain"]
        results[t] = read.ravel() * silu(gates[t] + w["gate_bias"])
    return results @ w["output_kernel"]


def retention(mixer, inputs):
    """Sun et al., 2023, equations 6 to 8."""
    w, heads, features = weights_of(mixer), mixer.num_heads, inputs.shape[1]
    keys, values = features // heads, mixer.value_expansion * features // heads
    queries, all_keys, all_values, gates = cut(
        inputs @ w["kernel"], features, features, heads * values, heads * values
    )
    pairs = keys // 2

    def turned(vector, t):
        numbers = vector[:pairs] + 1j * vector[pairs : 2 * pairs]
        numbers = numbers * np.exp(1j * t * 10000.0 ** (-np.arange(pairs) / pairs))
        return np.concatenate([numbers.real, numbers.imag, vector[2 * pairs :]])

    memory = np.zeros((heads, keys, values))
    results = np.zeros((len(inputs), heads * values))
    for t in range(len(inputs)):
        read = np.zeros((heads, values))
        for h in range(heads):
            of_keys, of_values = (slice(h * n, (h + 1) * n) for n in (keys, values))
            key = turned(all_keys[t, of_keys], t) / math.sqrt(keys)
            memory[h] = (1 - 2.0 ** (-5 - h)) * memory[h] + np.outer(key, all_values[t, of_values])
            read[h] = memory[h].T @ turned(queries[t, of_keys], t)
            read[h] = normalized(read[h] - read[h].mean(), 1e-5)
        results[t] = read.ravel() * silu(gates[t])
    return results @ w["output_kernel"]


def gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def ttt(mixer, inputs):
    """Sun et al., 2024, equations 4 to 7: a step of gradient descent a step, from finite formulas.

    The gradient of the inner loss is taken by complex steps, of the loss as it stands.
    """
    w, heads, features = weights_of(mixer), mixer.num_heads, inputs.shape[1]
    units = features // heads
    x, all_values, gates, rates = cut(inputs @ w["kernel"], features, features, features, heads)
    queries = convolved(x, w["query_kernel"], w["query_bias"])
    all_keys = convolved(x, w["key_kernel"], w["key_bias"])
    layers = sum(name.startswith("inner_") for name in w) - 2
    results = np.zeros((len(inputs), features))
    for h in range(heads):
        own = slice(h * units, (h + 1) * units)
        gain, bias = w["inner_gain"][h], w["inner_bias"][h]

        def answer(network, u, gain=gain, bias=bias):
            z = u
            for i, weight in enumerate(network):
                z = (gelu(z) if i else z) @ weight[:-1] + weight[-1]
            z = z - z.mean()
            return u + z / np.sqrt((z**2).mean() + 1e-6) * gain + bias

        network = [w[f"inner_{i}"][h] for i in range(layers)]
        totals = [np.zeros_like(weight) for weight in network]
        for t in range(len(inputs)):
            i = t % mixer.mini_batch
            rate = mixer.base_learning_rate * sigmoid(rates[t, h] + w["rate_bias"][h]) / units
            for layer, weight in enumerate(network):
                for place in np.ndindex(weight.shape):
                    moved = [m.astype(complex) for m in network]
                    moved[layer][place] += 1e-30j
                    error = answer(moved, all_keys[t, own]) - all_values[t, own]
                    totals[layer][place] += rate * (0.5 * (error**2).sum()).imag / 1e-30
            eta = max(1 / (i + 1) + w["step_offsets"][i], 0.0)
            trained = [m - eta * total for m, total in zip(network, totals, strict=True)]
            results[t, own] = answer(trained, queries[t, own])
            if i == mixer.mini_batch - 1:
                network, totals = trained, [np.zeros_like(m) for m in network]
    for t, result in enumerate(results):
        normal = normalized(result - result.mean(), 1e-6) * w["gain"] + w["bias"]
        results[t] = normal * gelu(gates[t])
    return results @ w["output_kernel"]


def rwkv7(mixer, inputs):
    """Peng et al., 2025, equations 3 to 21."""
    w, heads, features = weights_of(mixer), mixer.num_heads, inputs.shape[1]
    units = features // heads
    wkv = np.zeros((heads, units, units))  # from keys to values, as a product from the left
    results = np.zeros_like(inputs)
    before = np.zeros(features)
    for t, x in enumerate(inputs):
        of_r, of_k, of_v, of_w, of_a, of_g = (x + (before - x) * share for share in w["shares"])
        before = x
        r, k, v = (
            y @ w[f"{name}_kernel"]
            for y, name in ((of_r, "receptance"), (of_k, "key"), (of_v, "value"))
        )
        d = np.tanh(of_w @ w["decay_down"]) @ w["decay_up"] + w["decay_bias"]
        decay = np.exp(-np.exp(-0.5) * sigmoid(d))
        a = sigmoid(of_a @ w["rate_down"] @ w["rate_up"] + w["rate_bias"])
        g = sigmoid(of_g @ w["gate_down"]) @ w["gate_up"]
        removal, k = k * w["removal_scale"], k * (1 + (a - 1) * w["rate_share"])
        for h in range(heads):
            own = slice(h * units, (h + 1) * units)
            e = removal[own] / np.sqrt(removal[own] @ removal[own] + 1e-6)
            moved = np.diag(decay[own]) - np.outer(e, a[own] * e)
            wkv[h] = wkv[h] @ moved + np.outer(v[own], k[own])
            read = wkv[h] @ r[own]
            read = normalized(read - read.mean(), units * 1e-5) * w["gain"][own] + w["bias"][own]
            results[t, own] = read + (r[own] @ (w["bonus"][own] * k[own])) * v[own]
        results[t] *= g
    return results @ w["output_kernel"]


REFERENCES = {
    **dict.fromkeys(
        ["gated_delta", "gated_delta, negative", "gated_delta, plain", "gated_delta, product"],
        gated_delta,
    ),
    "gated_linear": gated_linear,
    "mamba2": mamba2,
    "mlstm": mlstm,
    "retention": retention,
    "rwkv7": rwkv7,
    "ttt_linear": ttt,
    "ttt_mlp": ttt,
}
