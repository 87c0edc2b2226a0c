"""The equations of the attentions in NumPy, one query and one memory step at a time."""

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


REFERENCES = {
    "additive": additive,
    "concat": concat,
    "dot": dot,
    "general": general,
    "scaled_dot": scaled_dot,
}


def attend(score, weights, query, values, mask):
    """Returns context `(features,)` and weights `(S,)` of one query."""
    shares = np.zeros(len(values))
    for s in np.flatnonzero(mask):
        shares[s] = np.exp(score(weights, query, values[s]))
    if mask.any():
        shares /= shares.sum()
    return shares @ values, shares
