"""A checkpoint with all of its parts, small."""

import random

import numpy as np

from seqzoo.training.checkpoint_files import Checkpoint


def make_checkpoint(step):
    kind, keys, *rest = np.random.RandomState(3).get_state()
    state = {
        "step": step,
        "epoch": 0,
        "batch": step,
        "stopped": False,
        "made_by": {},
        "data": {},
        "variables": [["kernel", [2, 3]], ["bias", []]],
        "random": {"python": random.Random(3).getstate(), "numpy": [kind, keys.tolist(), *rest]},
        "tables": [[["1", "0.5"]]],
        "early_stopping": {},
        "plateau": {},
    }
    kernel = np.asfortranarray(np.arange(6, dtype="float32").reshape(2, 3) + step)
    return Checkpoint(state, [kernel, np.ones((), "int64")], [], [np.zeros((0, 2))])
