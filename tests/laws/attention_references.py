"""The equations of the attentions in NumPy, one query of one example at a time.

Each `attend(layer, query, values, mask, readable, state)` takes which memory steps are real, which
of these the query may read and the state of the query before, None at first. It returns context
`(features,)`, weights `(S,)` and the next state.
"""

from functools import partial

import numpy as np


def additive(weights, query, value):
    query_kernel, key_kernel, scale = weights
    return np.tanh(query @ query_kernel + value @ key_kernel) @ scale[:, 0]


def concat(weights, query, value):
    query_kernel, key_kernel, scale = weights
    whole = np.concatenate([query_kernel, key_kernel])
    return np.tanh(np.concatenate([query, value]) @ whole) @ scale[:, 0]


def dot(weights, query, value):
    return query @ value


def scaled_dot(weights, query, value):
    return query @ value / np.sqrt(len(query))


def general(weights, query, value):
    return query @ (value @ weights[0])


def weights_of(scores, readable):
    """Softmax over the steps that may be read; `scores` need be defined for these alone."""
    weights = np.zeros(len(readable))
    for s in np.flatnonzero(readable):
        weights[s] = np.exp(scores[s])
    return weights / weights.sum() if readable.any() else weights


def by_score(score, layer, query, values, mask, readable, state):
    scores = [score(layer.get_weights(), query, value) for value in values]
    weights = weights_of(scores, readable)
    return weights @ values, weights, ()


def coverage(layer, query, values, mask, readable, state):
    query_kernel, key_kernel, scale, bias, coverage_kernel = layer.get_weights()
    covered = np.zeros(len(values)) if state is None else state
    scores = [
        np.tanh(query @ query_kernel + value @ key_kernel + c * coverage_kernel[0] + bias)
        @ scale[:, 0]
        for value, c in zip(values, covered, strict=True)
    ]
    weights = weights_of(scores, readable)
    return weights @ values, weights, covered + weights


def location(layer, query, values, mask, readable, state):
    query_kernel, key_kernel, scale, bias, filters, location_kernel = layer.get_weights()
    before = np.zeros(len(values)) if state is None else state
    real, scores = list(np.flatnonzero(mask)), {}
    for rank, s in enumerate(real):
        features = np.zeros(layer.filters)
        for j in range(layer.kernel_size):
            neighbour = rank + j - (layer.kernel_size - 1) // 2
            if 0 <= neighbour < len(real):
                features += before[real[neighbour]] * filters[j, 0]
        hidden = query @ query_kernel + values[s] @ key_kernel + features @ location_kernel + bias
        scores[s] = np.tanh(hidden) @ scale[:, 0]
    weights = weights_of(scores, readable)
    return weights @ values, weights, before + weights if layer.cumulative else weights


def chosen(layer, query, values, readable, state):
    """The index of the first readable step that is chosen, if any, and the next state."""
    query_kernel, key_kernel, scale, bias, gain, offset = layer.get_weights()[:6]
    before = 0 if state is None or not state.any() else int(np.argmax(state))
    onward = [s for s in np.flatnonzero(readable) if s >= before]
    for s in onward:
        hidden = np.tanh(query @ query_kernel + values[s] @ key_kernel + bias)
        score = gain * hidden @ scale[:, 0] / np.linalg.norm(scale) + offset
        if score > 0 or s == onward[-1]:
            return s, np.eye(len(values))[s]
    return None, np.eye(len(values))[before]


def monotonic(layer, query, values, mask, readable, state):
    s, state = chosen(layer, query, values, readable, state)
    weights = np.zeros(len(values)) if s is None else state
    return weights @ values, weights, state


def mocha(layer, query, values, mask, readable, state):
    query_kernel, key_kernel, bias, scale = layer.get_weights()[6:]
    s, state = chosen(layer, query, values, readable, state)
    weights = np.zeros(len(values))
    if s is not None:
        real = list(np.flatnonzero(mask))
        first = max(0, real.index(s) + 1 - layer.chunk_width)
        chunk = np.zeros(len(values), bool)
        chunk[real[first : real.index(s) + 1]] = True
        scores = np.tanh(query @ query_kernel + values @ key_kernel + bias) @ scale[:, 0]
        weights = weights_of(scores, chunk & readable)
    return weights @ values, weights, state


def multi_head(layer, query, values, mask, readable, state):
    kernels, width = layer.get_weights(), layer.head_units
    context, weights = np.zeros(values.shape[1]), np.zeros(len(values))
    for head in range(layer.num_heads):
        own = slice(head * width, (head + 1) * width)
        query_kernel, key_kernel, value_kernel = (kernel[:, own] for kernel in kernels[:3])
        q = query @ query_kernel
        scores = [q @ (value @ key_kernel) / np.sqrt(width) for value in values]
        of_head = weights_of(scores, readable)
        context += of_head @ (values @ value_kernel) @ kernels[3][own]
        weights += of_head / layer.num_heads
    return context, weights, ()


REFERENCES = {
    "additive": partial(by_score, additive),
    "concat": partial(by_score, concat),
    "coverage": coverage,
    "dot": partial(by_score, dot),
    "general": partial(by_score, general),
    "location": location,
    "mocha": mocha,
    "monotonic": monotonic,
    "multi_head": multi_head,
    "scaled_dot": partial(by_score, scaled_dot),
}
