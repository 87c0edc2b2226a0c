"""The branch to cuDNN on JAX, with a stand-in for what Keras has: what it is given and when."""

import keras
import numpy as np
import pytest
from keras import ops

import seqzoo as sz
from seqzoo.ops.jax import cudnn as jax_cudnn
from seqzoo.ops.recurrence import plan

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "bool")


@pytest.fixture
def calls(monkeypatch):
    """Small LSTMs count as large; what Keras's function would do is done by its layer."""
    made = []
    theirs = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, use_cudnn=False)
    theirs.build(INPUTS.shape)

    def lstm(inputs, initial_state_h, initial_state_c, **more):
        made.append(more)
        if more["activation"] is not keras.activations.tanh:
            raise NotImplementedError
        assert more["mask"] is None
        assert not more["go_backwards"]
        weights = [more[name] for name in ("kernel", "recurrent_kernel", "bias")]
        state = [initial_state_h, initial_state_c]
        (outputs, *final), _ = theirs.stateless_call(
            weights, theirs.non_trainable_variables, inputs, initial_state=state
        )
        return final[0], outputs, final

    monkeypatch.setattr(jax_cudnn.backend, "lstm", lstm, raising=False)
    monkeypatch.setattr(jax_cudnn, "WIDE_UNITS", UNITS)
    monkeypatch.setattr(jax_cudnn, "MANY_VALUES", BATCH * UNITS)
    monkeypatch.setattr(jax_cudnn, "_has_gpu", lambda: True)
    monkeypatch.setattr(plan, "_cudnn_kernels", lambda: jax_cudnn)
    return made


def results(inputs=INPUTS, mask=None, **options):
    """Of a layer that may use cuDNN, and of one with the same weights that may not."""
    options = {"return_sequences": True, "return_state": True} | options
    one, other = (sz.layers.LSTM(UNITS, use_cudnn=use, **options) for use in ("auto", False))
    rng = np.random.default_rng(1)
    one.build(inputs.shape), other.build(inputs.shape)
    one.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in one.weights])
    other.set_weights(one.get_weights())
    state = [ops.convert_to_tensor(rng.normal(size=(len(inputs), UNITS)), one.compute_dtype)] * 2
    return tuple(layer(inputs, mask=mask, initial_state=state) for layer in (one, other))


@pytest.mark.parametrize("go_backwards", [False, True])
def test_a_large_lstm_runs_by_it(calls, go_backwards):
    for one, other in zip(*results(go_backwards=go_backwards), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("arguments", "requested"),
    [
        ({"mask": MASK}, 0),
        ({"inputs": INPUTS[:2]}, 0),
        ({"dtype": "float64"}, 0),
        ({"activation": "relu"}, 1),
    ],
    ids=["mask", "few rows", "float64", "activation"],
)
def test_another_call_runs_without_it(calls, arguments, requested):
    for one, other in zip(*results(**arguments), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(calls) == requested
