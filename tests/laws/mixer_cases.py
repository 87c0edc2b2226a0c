"""The rows of the mixer laws: what each row of the registry is called on, and its equations.

A new mixer is a row of `MIXERS`. Options that the tiny width asks for, and other variants of the
same mixer, stand here; its equations in NumPy are written from the paper, in float64, in the files
that `REFERENCES` is joined from.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from derivatives import randomize
from mixer_references_attention import REFERENCES as ATTENTION_REFERENCES
from mixer_references_diagonal import REFERENCES as DIAGONAL_REFERENCES
from mixer_references_matrix import REFERENCES as MATRIX_REFERENCES

from seqzoo.layers.mixers import MIXERS, make_mixer

BATCH, TIME, FEATURES = 4, 7, 8
# Where the real steps of each row stand: all, on the right, with holes, nowhere.
MASK = np.array(
    [[1, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0]],
    "bool",
)

OPTIONS: dict[str, dict[str, Any]] = {}
"""By row, the options where the defaults do not fit `FEATURES`."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {}
"""By row, the name in `MIXERS` and the options: other forms of a mixer that hold the same laws."""

OPTIONS |= {"attention": {"num_heads": 4}}
VARIANTS |= {
    "attention, grouped": ("attention", {"num_heads": 4, "num_kv_heads": 2, "positions": "rotary"}),
    "attention, window": ("attention", {"num_heads": 2, "window": 3, "positions": "alibi"}),
    "attention, capped": (
        "attention",
        {"num_heads": 2, "soft_cap": 2.0, "positions": "relative", "use_bias": False},
    ),
}

VARIANTS |= {
    "mamba, biased": (
        "mamba",
        {"expansion": 1.5, "state_units": 3, "rank": 2, "kernel_size": 2, "use_bias": True},
    ),
    "rg_lru, by heads": (
        "rg_lru",
        {"units": 10, "num_heads": 2, "kernel_size": 3, "use_bias": False},
    ),
    "slstm, short": ("slstm", {"num_heads": 2, "kernel_size": 2}),
    "recurrent, wider": ("recurrent", {"cell": "gru", "units": 10}),
    "min_gru, wide": ("min_gru", {"expansion": 1.5, "kernel_size": 1, "use_bias": False}),
}

# Chunks are shorter than the sequences, so that states are carried from one to the next.
OPTIONS |= {
    "gated_delta": {"num_heads": 2, "chunk_length": 3},
    "gated_linear": {"num_heads": 2, "rank": 3, "chunk_length": 3},
    "mamba2": {"num_heads": 2, "state_units": 5, "chunk_length": 3},
    "mlstm": {"num_heads": 2, "chunk_length": 3},
    "retention": {"num_heads": 2, "chunk_length": 3},
    "rwkv7": {"num_heads": 2, "rank": 3, "chunk_length": 3},
    "ttt_linear": {"num_heads": 2, "mini_batch": 3},
    "ttt_mlp": {"num_heads": 4, "mini_batch": 4, "kernel_size": 3},
}
VARIANTS |= {
    "gated_delta, negative": (
        "gated_delta",
        {"num_heads": 2, "negative_eigenvalues": True, "key_units": 3, "value_units": 5},
    ),
    "gated_delta, plain": ("gated_delta", {"num_heads": 4, "decay": False, "chunk_length": 4}),
    "gated_delta, product": (
        "gated_delta",
        {"num_heads": 2, "householder_steps": 2, "kernel_size": 3, "chunk_length": 5},
    ),
}

REFERENCES: dict[str, Callable] = {
    **ATTENTION_REFERENCES,
    **DIAGONAL_REFERENCES,
    **MATRIX_REFERENCES,
}
"""By row, `reference(layer, inputs)`: the outputs `(T, features)` for `(T, features)`, in NumPy."""

ROWS = {name: (name, OPTIONS.get(name, {})) for name in MIXERS} | VARIANTS


def normal(*shape):
    return np.random.default_rng(shape).normal(size=shape)


@functools.cache
def made(row, dtype="float64"):
    """Returns the mixer of a row, with random weights. No test may change it."""
    name, options = ROWS[row]
    mixer = make_mixer(name, dtype=dtype, **options)
    mixer(normal(1, 2, FEATURES))
    return randomize(mixer)
