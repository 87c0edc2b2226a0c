"""A state may keep what hypotheses have said where it is, so that the way alone is reordered."""

import numpy as np
import pytest
from keras import ops
from search_tables import START, coarse_tables, next_memory, start_state, table_step
from tracing import compiled

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.search import BeamSearch, Greedy, Sample
from seqzoo.search.constraints import NoRepeatNGram
from seqzoo.search.step import Kept

END, LENGTH = 1, 6
SEARCHES = {
    "greedy": Greedy(LENGTH),
    "beam": BeamSearch(4, 3, min_length=2, max_length=LENGTH),
    "groups": BeamSearch(4, 2, stop="all", max_length=LENGTH, groups=2, diversity=0.5),
    "constrained": BeamSearch(3, 3, max_length=LENGTH, constraints=(NoRepeatNGram(2),)),
    "sample": Sample(n_samples=3, max_length=LENGTH),
}


def kept_state(batch, width):
    """Tokens that were read, `(B, T, K)`, and which are a hypothesis's own, `(N, T)`."""
    return {
        "said": Kept([ops.zeros((batch, LENGTH, width), dtype="int32")]),
        "way": ops.zeros((batch * width, LENGTH), dtype="int32"),
        "time": ops.zeros((batch * width,), dtype="int32"),
    }


def kept_step(token_ids, state, encoded):
    """`table_step`, whose memory is made anew of all that was read."""
    batch = ops.shape(encoded)[0]
    beams = rows_per_example(ops.shape(token_ids)[0], batch)
    (said,) = state["said"].leaves
    places = ops.arange(LENGTH, dtype="int32")
    now = ops.equal(places, ops.expand_dims(state["time"], 1))  # (N, T)
    own = ops.arange(ops.shape(token_ids)[0], dtype="int32") % ops.maximum(beams, 1)
    slots = ops.reshape(ops.arange(said.shape[2], dtype="int32"), (1, -1))
    mine = ops.equal(ops.expand_dims(own, 1), slots)[:, None] & now[:, :, None]  # (N, T, K)
    wide = ops.where(mine, token_ids[:, None, None], 0)
    wide = ops.reshape(wide, (batch, beams, LENGTH, said.shape[2]))
    said = said + ops.cast(ops.sum(wide, axis=1), "int32")  # JAX adds in 64 bits
    way = ops.where(now, ops.expand_dims(own, 1), state["way"])
    picked = ops.equal(way[:, :, None], slots[None])  # (N, T, K)
    read = ops.sum(ops.where(picked, ops.repeat(said, beams, axis=0), 0), axis=2)
    memory = ops.zeros_like(token_ids)
    for place in range(LENGTH - 1):
        before = state["time"] > place
        memory = ops.where(before, next_memory(memory, read[:, place]), memory)
    inner = {"memory": memory, "alignment": ops.zeros((ops.shape(token_ids)[0], 1))}
    log_probs, _ = table_step(token_ids, inner, encoded)
    return log_probs, {"said": Kept([said]), "way": way, "time": state["time"] + 1}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("way", ["eager", "graph", "XLA"])
def test_what_is_kept_is_not_reordered(name, way):
    search = SEARCHES[name]
    tables = coarse_tables(seed=3, batch=5, vocabulary=6, grain=64)
    wanted = search(table_step, start_state(5, search.width), tables, START, END)

    def run():
        return search(kept_step, kept_state(5, search.width), tables, START, END)[:4]

    found = run() if way == "eager" else compiled(run, way == "XLA")()

    assert len(np.unique(wanted.lengths)) > 2  # rows end at different steps
    for one, other in zip(found, wanted[:4], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
