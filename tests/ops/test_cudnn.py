"""The branch to cuDNN, with a stand-in for it: what it is given and when it is taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo.ops.tensorflow import cudnn as tensorflow_cudnn
from seqzoo.training import probe_states

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
RIGHT_PADDED = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "bool")
HOLES = np.array([[1, 0, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "bool")
EMPTY = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "bool")


@pytest.fixture
def calls(monkeypatch):
    """A GPU that is not there, and functions that do what Keras's do there; the calls of them."""
    made = []

    def stand_in(kind):
        options = {"return_sequences": True, "return_state": True, "use_cudnn": False}
        theirs = [
            getattr(keras.layers, kind.upper())(UNITS, go_backwards=backwards, **options)
            for backwards in (False, True)
        ]
        for layer in theirs:
            layer.build(INPUTS.shape)

        def run(inputs, kernel, recurrent_kernel, bias, mask, go_backwards, **more):
            made.append(kind)
            if more["activation"] is not keras.activations.tanh or bias is None:
                raise NotImplementedError
            assert more["return_sequences"]
            assert more.get("reset_after", True)
            layer = theirs[go_backwards]
            names = ("initial_state_h", "initial_state_c", "initial_state")
            states = [more[name] for name in names if name in more]
            if mask is not None:
                inputs = tf.where(mask[..., None], inputs, np.nan)  # it must not read them
            weights, others = [kernel, recurrent_kernel, bias], layer.non_trainable_variables
            (outputs, *final), _ = layer.stateless_call(
                weights, others, inputs, mask=mask, initial_state=states
            )
            if mask is not None:
                kept = mask[:, ::-1] if go_backwards else mask
                outputs = tf.where(kept[..., None], outputs, tf.zeros_like(outputs))
            return final[0], outputs, final

        return run

    real = tf.config.list_logical_devices

    def devices(kind=None):
        return ["GPU:0"] if kind == "GPU" else real(kind)

    monkeypatch.setattr(tf.config, "list_logical_devices", devices)
    for kind in ("lstm", "gru"):
        monkeypatch.setattr(tensorflow_cudnn.backend, kind, stand_in(kind))
    return made


def layers(name, **options):
    """One layer that may use cuDNN and one that may not, with the same weights."""
    one, other = (
        getattr(sz.layers, name)(
            UNITS, return_sequences=True, return_state=True, use_cudnn=use, **options
        )
        for use in ("auto", False)
    )
    for layer in (one, other):
        layer.build(INPUTS.shape)
    rng = np.random.default_rng(1)
    one.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in one.weights])
    other.set_weights(one.get_weights())
    return one, other


def given_cells(layer, name, **options):
    """A layer around the cell of its name, and one that may not use cuDNN, of the same weights."""
    one, other = (
        getattr(sz.layers, layer)(getattr(sz.layers, f"{name}Cell")(UNITS), **options)
        for _ in range(2)
    )
    for each in (one, other):
        each.build(INPUTS.shape)
    other.set_weights(one.get_weights())
    return one, other


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, RIGHT_PADDED])
def test_it_is_taken_where_it_accepts_the_call(calls, name, go_backwards, mask):
    one, other = layers(name, go_backwards=go_backwards)
    states = [tf.random.normal((BATCH, UNITS)) for _ in one.cell.state_size]
    arguments = {"mask": mask, "initial_state": states}
    assert_same(one(INPUTS, **arguments), other(INPUTS, **arguments))
    assert calls == [name.lower()]


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("mask", [None, RIGHT_PADDED, HOLES])
def test_both_directions_run_by_it(calls, monkeypatch, name, mask):
    one, other = given_cells("Bidirectional", name)
    found = one(INPUTS, mask=mask)
    assert len(calls) == (0 if mask is HOLES else 2)
    monkeypatch.setattr(tensorflow_cudnn, "may_run", lambda *_: False)
    assert_same(found, other(INPUTS, mask=mask))


def test_a_layer_of_a_cell_uses_it_and_one_of_a_derived_cell_does_not(calls, monkeypatch):
    one, other = given_cells("Recurrent", "GRU", reverse=True, return_sequences=True)
    found = one(INPUTS)
    given_cells("Recurrent", "PeepholeLSTM")[0](INPUTS)
    given_cells("Bidirectional", "CoupledLSTM")[0](INPUTS)
    assert calls == ["gru"]
    monkeypatch.setattr(tensorflow_cudnn, "may_run", lambda *_: False)
    assert_same([found], [other(INPUTS)])


@pytest.mark.parametrize("layer", ["Recurrent", "Bidirectional"])
def test_probes_see_the_states_on_a_gpu_too(calls, layer):
    one, _ = given_cells(layer, "LSTM")
    with tf.GradientTape() as tape, probe_states(tape) as probed:
        one(INPUTS)
    assert len(probed) == (2 if layer == "Bidirectional" else 1)
    assert not calls


@pytest.mark.parametrize("layer", ["Recurrent", "Bidirectional"])
def test_a_layer_that_may_not_use_it_does_not(calls, layer):
    one, _ = given_cells(layer, "LSTM")
    one.use_cudnn = False
    one(INPUTS)
    assert not calls


@pytest.mark.parametrize("mask", [HOLES, EMPTY])
def test_another_mask_runs_without_it(calls, mask):
    one, other = layers("LSTM")
    assert_same(one(INPUTS, mask=mask), other(INPUTS, mask=mask))
    assert not calls


@pytest.mark.parametrize("mask", [RIGHT_PADDED, HOLES])
def test_a_graph_decides_when_it_runs(calls, mask):
    one, other = layers("LSTM")
    graph = tf.function(lambda mask: one(INPUTS, mask=mask))
    assert_same(graph(mask), other(INPUTS, mask=mask))


@pytest.mark.parametrize(
    "options", [{"activation": "relu"}, {"use_bias": False}], ids=["activation", "no bias"]
)
def test_a_call_that_it_refuses_runs_without_it(calls, options):
    one, other = layers("LSTM", **options)
    assert_same(one(INPUTS), other(INPUTS))
    assert calls == ["lstm"]


def test_xla_and_dropout_run_without_it(calls):
    one, _ = layers("GRU")
    tf.function(lambda: one(INPUTS), jit_compile=True)()
    one, _ = layers("GRU", recurrent_dropout=0.5)
    one(INPUTS, training=True)
    assert not calls
    one(INPUTS)
    assert calls == ["gru"]


def test_without_a_gpu_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(tensorflow_cudnn.backend, "lstm", None)
    one, other = layers("LSTM")
    assert_same(one(INPUTS), other(INPUTS))
