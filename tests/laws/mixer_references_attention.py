"""Self-attention in NumPy, one query after the other, from the papers."""

import math

import numpy as np

from seqzoo.layers import ALiBi, RelativePositions, RotaryPositions


def self_attention(mixer, inputs):
    """Vaswani et al., 2017; Su et al., 2021; Press et al., 2022; Raffel et al., 2020."""
    weights = {w.name: np.asarray(w.numpy() if hasattr(w, "numpy") else w) for w in mixer.weights}
    heads, shared = mixer.num_heads, mixer.num_kv_heads or mixer.num_heads
    units = mixer.head_units or inputs.shape[1] // heads
    projected = inputs @ weights["kernel"] + weights.get("bias", 0.0)
    projected = projected.reshape(len(inputs), heads + 2 * shared, units)
    results = np.zeros((len(inputs), heads, units))
    for t in range(len(inputs)):
        for h in range(heads):
            group = h // (heads // shared)
            scores, values = [], []
            for s in range(t + 1):
                if mixer.window is not None and t - s >= mixer.window:
                    continue
                query, key = projected[t, h], projected[s, heads + group]
                if isinstance(mixer.positions, RotaryPositions):
                    query, key = turned(query, t), turned(key, s)
                score = query @ key / math.sqrt(units)
                if mixer.soft_cap is not None:
                    score = mixer.soft_cap * np.tanh(score / mixer.soft_cap)
                if isinstance(mixer.positions, ALiBi):
                    score -= 2.0 ** (-8.0 * (h + 1) / heads) * (t - s)
                if isinstance(mixer.positions, RelativePositions):
                    score += weights["table"][t - s, h]  # distances below 16 have own buckets
                scores.append(score)
                values.append(projected[s, heads + shared + group])
            weight = np.exp(np.array(scores) - max(scores))
            results[t, h] = weight / weight.sum() @ np.array(values)
    flat = results.reshape(len(inputs), -1)
    return flat @ weights["output_kernel"] + weights.get("output_bias", 0.0)


def turned(vector, position):
    half = len(vector) // 2
    numbers = vector[:half] + 1j * vector[half:]
    numbers = numbers * np.exp(1j * position * 10000.0 ** (-np.arange(half) / half))
    return np.concatenate([numbers.real, numbers.imag])


REFERENCES = {
    "attention": self_attention,
    "attention, grouped": self_attention,
    "attention, window": self_attention,
    "attention, capped": self_attention,
}
