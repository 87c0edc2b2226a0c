"""Multi-head attention beside Keras's own, and as self-attention."""

import keras
import numpy as np
import pytest

from seqzoo.layers import MultiHeadAttention

BATCH, TIME, SOURCE, HEADS, FEATURES, VALUES = 3, 6, 5, 2, 7, 8
HEAD_UNITS = 4  # Keras takes its root in float32, which is exact for 4
RNG = np.random.default_rng(4)
QUERY = RNG.normal(size=(BATCH, TIME, FEATURES))
SEQUENCE = RNG.normal(size=(BATCH, SOURCE, FEATURES))
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]], "bool")


def keras_twin(attention, query, values):
    """Keras's layer with the weights of ours."""
    twin = keras.layers.MultiHeadAttention(
        HEADS, HEAD_UNITS, use_bias=False, output_shape=values.shape[-1:], dtype="float64"
    )
    twin(query, values)
    kernels = {weight.path.split("/")[-2]: weight for weight in twin.weights}
    for name, kernel in (
        ("query", attention.query_kernel),
        ("key", attention.key_kernel),
        ("value", attention.value_kernel),
        ("attention_output", attention.output_kernel),
    ):
        weight = kernels.pop(name)
        weight.assign(np.reshape(kernel, weight.shape))
    assert not kernels
    return twin


@pytest.mark.parametrize("causal", [False, True])
def test_context_and_weights_are_those_of_keras(causal):
    query = SEQUENCE if causal else QUERY
    values = SEQUENCE if causal else RNG.normal(size=(BATCH, SOURCE, VALUES))
    attention = MultiHeadAttention(HEADS, HEAD_UNITS, causal=causal, dtype="float64")
    context, weights, state = attention(query, values, mask=MASK)
    expected, scores = keras_twin(attention, query, values)(
        query,
        values,
        attention_mask=MASK[:, None],
        use_causal_mask=causal,
        return_attention_scores=True,
    )
    # Keras gives equal weights to all steps where a query may read none.
    readable = np.tri(SOURCE, dtype="bool") if causal else np.ones((TIME, SOURCE), "bool")
    reads = np.any(readable & MASK[:, None], axis=2)
    np.testing.assert_allclose(context[reads], expected[reads], atol=1e-12)
    np.testing.assert_allclose(weights[reads], np.mean(scores, axis=1)[reads], atol=1e-12)
    assert np.all(np.asarray(context)[~reads] == 0)
    assert (~reads).any() == causal
    assert state == ()


def test_the_future_never_affects_the_past_where_attention_is_causal():
    attention = MultiHeadAttention(HEADS, HEAD_UNITS, causal=True, dtype="float64")
    changed = SEQUENCE.copy()
    changed[:, 3:] += 1
    before, after = (np.asarray(attention(x, x)[0]) for x in (SEQUENCE, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.all(np.any(before[:, 3:] != after[:, 3:], axis=-1))


def test_causal_attention_to_a_sequence_of_another_length_is_refused():
    attention = MultiHeadAttention(HEADS, HEAD_UNITS, causal=True)
    with pytest.raises(ValueError, match=r"one length\. Received: 6 queries and 5 steps\. Set"):
        attention(QUERY, SEQUENCE)


@pytest.mark.parametrize("name", ["num_heads", "head_units"])
def test_a_size_of_zero_is_refused(name):
    sizes = {"num_heads": 2, "head_units": 3} | {name: 0}
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1. Received: {name}=0"):
        MultiHeadAttention(**sizes)(QUERY, SEQUENCE)
