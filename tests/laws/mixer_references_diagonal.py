"""Mixers whose state moves value by value, and those that run a cell, in NumPy, step by step."""

import cell_references
import numpy as np
from cell_references import normalized, positive, sigmoid

from seqzoo.layers.cells import CELLS


def weights_of(mixer):
    return {w.name: np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in mixer.weights}


def convolved(x, weights):
    """Each channel is summed over its own and the steps before, weighed by the kernel's rows."""
    kernel = weights["convolution_kernel"]
    padded = np.concatenate([np.zeros((len(kernel) - 1, x.shape[1])), x])
    sums = [np.sum(padded[t : t + len(kernel)] * kernel, axis=0) for t in range(len(x))]
    return np.array(sums) + weights.get("convolution_bias", 0.0)


def recurrent(mixer, inputs):
    """The equations of the cell, for one row."""
    cell = mixer.recurrent.cell
    name = next(name for name, kind in CELLS.items() if type(cell) is kind)
    cell_weights = [np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in cell.weights]
    outputs, _ = cell_references.run(
        cell_references.REFERENCES[name],
        cell_weights,
        inputs[None],
        [np.zeros((1, size)) for size in cell.state_size],
        np.ones((1, len(inputs)), "bool"),
    )
    weights = weights_of(mixer)
    if "output_kernel" not in weights:
        return outputs[0]
    return outputs[0] @ weights["output_kernel"] + weights["output_bias"]


def min_gru(mixer, inputs):
    """Feng et al., 2024, section 3.1 and appendix B."""
    weights = weights_of(mixer)
    x, h, outputs = convolved(inputs, weights), 0.0, []
    for step in x:
        z, g = np.split(step @ weights["kernel"] + weights.get("bias", 0.0), 2)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * positive(g)
        outputs.append(h @ weights["output_kernel"] + weights.get("output_bias", 0.0))
    return np.array(outputs)


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log1p(np.exp(x))


def mamba(mixer, inputs):
    """Gu and Dao, 2023, algorithm 2 and figure 3."""
    weights, n = weights_of(mixer), mixer.state_units
    u, z = np.split(inputs @ weights["kernel"] + weights.get("bias", 0.0), 2, axis=1)
    u = silu(convolved(u, weights))
    rate = -np.exp(weights["rate_logit"]).T  # (channels, states)
    h, outputs = np.zeros_like(rate), []
    for x, gate in zip(u, z, strict=True):
        parts = x @ weights["selection_kernel"]
        step = softplus(parts[: -2 * n] @ weights["step_kernel"] + weights["step_bias"])
        for channel in range(len(x)):
            decay = np.exp(step[channel] * rate[channel])
            h[channel] = decay * h[channel] + step[channel] * parts[-2 * n : -n] * x[channel]
        y = (h @ parts[-n:] + weights["skip"] * x) * silu(gate)
        outputs.append(y @ weights["output_kernel"] + weights.get("output_bias", 0.0))
    return np.array(outputs)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def griffin(mixer, inputs):
    """De et al., 2024, section 2.4 and figure 2; a = sigmoid(-L), c = 8."""
    weights = weights_of(mixer)
    u, v = np.split(inputs @ weights["kernel"] + weights.get("bias", 0.0), 2, axis=1)
    u = convolved(u, weights)
    h, outputs = 0.0, []
    for x, gate in zip(u, v, strict=True):
        r, i = [], []
        parts = np.split(x, mixer.num_heads)
        for part, kernel, bias in zip(
            parts, weights["gate_kernel"], weights["gate_bias"], strict=True
        ):
            both = np.split(sigmoid(part @ kernel + bias), 2)
            r.extend(both[0])
            i.extend(both[1])
        log_a = 8 * np.array(r) * np.log(sigmoid(-weights["decay_logit"]))
        h = np.exp(log_a) * h + np.sqrt(-np.expm1(2 * log_a)) * (np.array(i) * x)
        y = (h * gelu(gate)) @ weights["output_kernel"]
        outputs.append(y + weights.get("output_bias", 0.0))
    return np.array(outputs)


def slstm(mixer, inputs):
    """Beck et al., 2024, equations 8 to 14, without the stabiliser, which changes no result."""
    weights, heads = weights_of(mixer), mixer.num_heads
    u = silu(convolved(inputs, weights))
    h = c = n = np.zeros(inputs.shape[1])
    outputs = []
    for x_t, u_t in zip(inputs, u, strict=True):
        pre = []  # of i, f, z and o, for each head
        for head in range(heads):
            part = slice(head * len(x_t) // heads, (head + 1) * len(x_t) // heads)
            of_u = np.split(u_t[part] @ weights["gate_kernel"][head], 2)
            of_x = np.split(x_t[part] @ weights["value_kernel"][head], 2)
            of_h = np.split(h[part] @ weights["recurrent_kernel"][head], 4)
            pre.append(np.array([*of_u, *of_x]) + np.array(of_h) + weights["bias"][:, head])
        i, f, z, o = np.concatenate(pre, axis=1)
        c = sigmoid(f) * c + np.exp(i) * np.tanh(z)
        n = sigmoid(f) * n + np.exp(i)
        h = sigmoid(o) * c / n
        parts = [normalized(part) for part in np.split(h, heads)]
        outputs.append(np.concatenate(parts) * weights["gain"])
    return np.array(outputs)


REFERENCES = {
    "slstm": slstm,
    "slstm, short": slstm,
    "mamba": mamba,
    "mamba, biased": mamba,
    "rg_lru": griffin,
    "rg_lru, by heads": griffin,
    "recurrent": recurrent,
    "recurrent, wider": recurrent,
    "min_gru": min_gru,
    "min_gru, wide": min_gru,
}
