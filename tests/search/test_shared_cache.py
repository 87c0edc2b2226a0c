"""A shared cache of all tokens that were read stays as it is: an index into it is reordered."""

import numpy as np
import pytest
from keras import ops
from search_tables import START, coarse_tables, next_memory, start_state, table_step
from tracing import compiled

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.search import BeamSearch, Greedy, Sample, SharedCache
from seqzoo.search.constraints import NoRepeatNGram

END, LENGTH = 1, 6
SEARCHES = {
    "greedy": Greedy(LENGTH),
    "beam": BeamSearch(4, 3, min_length=2, max_length=LENGTH),
    "groups": BeamSearch(4, 2, stop="all", max_length=LENGTH, groups=2, diversity=0.5),
    "constrained": BeamSearch(3, 3, max_length=LENGTH, constraints=(NoRepeatNGram(2),)),
    "sample": Sample(n_samples=3, max_length=LENGTH),
}


def cached_state(batch, width):
    """Tokens that were read, `(B, T, K)`, and which are a hypothesis's own, `(N, T)`."""
    return {
        "read": SharedCache([ops.zeros((batch, LENGTH, width), dtype="int32")]),
        "way": ops.zeros((batch * width, LENGTH), dtype="int32"),
        "time": ops.zeros((batch * width,), dtype="int32"),
    }


def cached_step(token_ids, state, memory):
    """`table_step`, whose memory is made anew of all that was read."""
    batch = ops.shape(memory)[0]
    beams = rows_per_example(ops.shape(token_ids)[0], batch)
    (cache,) = state["read"].leaves
    places = ops.arange(LENGTH, dtype="int32")
    now = ops.equal(places, ops.expand_dims(state["time"], 1))  # (N, T)
    own = ops.arange(ops.shape(token_ids)[0], dtype="int32") % ops.maximum(beams, 1)
    slots = ops.reshape(ops.arange(cache.shape[2], dtype="int32"), (1, -1))
    mine = ops.equal(ops.expand_dims(own, 1), slots)[:, None] & now[:, :, None]  # (N, T, K)
    wide = ops.where(mine, token_ids[:, None, None], 0)
    wide = ops.reshape(wide, (batch, beams, LENGTH, cache.shape[2]))
    cache = cache + ops.cast(ops.sum(wide, axis=1), "int32")  # JAX adds in 64 bits
    way = ops.where(now, ops.expand_dims(own, 1), state["way"])
    picked = ops.equal(way[:, :, None], slots[None])  # (N, T, K)
    read = ops.sum(ops.where(picked, ops.repeat(cache, beams, axis=0), 0), axis=2)
    digest = ops.zeros_like(token_ids)
    for place in range(LENGTH - 1):
        before = state["time"] > place
        digest = ops.where(before, next_memory(digest, read[:, place]), digest)
    inner = {"memory": digest, "alignment": ops.zeros((ops.shape(token_ids)[0], 1))}
    log_probs, _ = table_step(token_ids, inner, memory)
    return log_probs, {"read": SharedCache([cache]), "way": way, "time": state["time"] + 1}


@pytest.mark.one_of_each
@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("way", ["eager", "graph", "XLA"])
def test_a_shared_cache_is_not_reordered(name, way):
    search = SEARCHES[name]
    tables = coarse_tables(seed=3, batch=5, vocabulary=6, grain=64)
    expected = search(table_step, start_state(5, search.width), tables, START, END)

    def run():
        return search(cached_step, cached_state(5, search.width), tables, START, END)[:4]

    found = run() if way == "eager" else compiled(run, way == "XLA")()

    assert len(np.unique(expected.lengths)) > 1  # rows end at different steps
    for one, other in zip(found, expected[:4], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
