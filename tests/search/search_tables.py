"""Step functions whose log-probs hang on the whole history, and the same by hand.

A table `(B, M, V, V)` holds, for each example, log-probs of the next token given a memory in
0..M-1 and the last token. The memory takes in each token, so the log-probs of a row are right
only if its state was reordered together with it.
"""

import numpy as np
from keras import ops

PAD, START = 0, 0
MEMORIES = 11
SOURCE = 4


def random_tables(seed, batch, vocabulary, sharpness=1.5):
    """Log-probs of random distributions, float32."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=(batch, MEMORIES, vocabulary, vocabulary))
    return (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype("float32")


def coarse_tables(seed, batch, vocabulary, impossible=0.1, grain=8):
    """Negative multiples of 1 / grain: sums are exact in float32, and ties are many."""
    rng = np.random.default_rng(seed)
    shape = (batch, MEMORIES, vocabulary, vocabulary)
    tables = -rng.integers(0, 3 * grain, size=shape).astype("float32") / grain
    tables[rng.random(shape) < impossible] = -np.inf
    tables[rng.random(shape) < impossible / 2] = np.nan
    return tables


def next_memory(memory, token):
    return (3 * memory + token + 1) % MEMORIES


def alignment_table():
    weights = np.random.default_rng(7).random((MEMORIES, SOURCE))
    return (weights / weights.sum(-1, keepdims=True)).astype("float32")


def start_state(batch, width):
    rows = batch * width
    return {"alignment": ops.zeros((rows, SOURCE)), "memory": ops.zeros((rows,), dtype="int32")}


def table_step(token_ids, state, memory):
    """The step of a search; `memory` is the table, one for each example, not for each beam."""
    batch, memories, vocabulary = ops.shape(memory)[:3]
    beams = ops.shape(token_ids)[0] // ops.maximum(batch, 1)
    examples = ops.arange(ops.shape(token_ids)[0], dtype="int32") // ops.maximum(beams, 1)
    after = next_memory(state["memory"], token_ids)
    flat = ops.reshape(memory, (batch * memories * vocabulary, vocabulary))
    log_probs = ops.take(flat, (examples * memories + after) * vocabulary + token_ids, axis=0)
    alignment = ops.take(ops.convert_to_tensor(alignment_table()), after, axis=0)
    return log_probs, {"alignment": alignment, "memory": after}


def log_probs_after(table, prefix):
    """The next log-probs after generated tokens, from the start, in float64; NaN is -inf."""
    memory, last = next_memory(0, START), START
    for last in prefix:
        memory = next_memory(memory, last)
    row = table[memory, last].astype("float64")
    return np.where(np.isnan(row), -np.inf, row)


def alignments_of(tokens):
    """The weights with which each token of a sequence was chosen."""
    memory, weights = next_memory(0, START), []
    for token in tokens:
        weights.append(alignment_table()[memory])
        memory = next_memory(memory, token)
    return np.array(weights).reshape(-1, SOURCE)
