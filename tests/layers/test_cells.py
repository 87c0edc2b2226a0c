"""What is special to single cells: how they begin, where they are stable, published values."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.layers import (
    Bidirectional,
    ChronoInitializer,
    CoupledLSTMCell,
    GRUCell,
    IndRNNCell,
    LayerNormGRUCell,
    LRUCell,
    LSTMCell,
    MinGRUCell,
    MinLSTMCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
    Recurrent,
    RGLRUCell,
    SimpleRNNCell,
)
from seqzoo.layers.cells import CELLS, LinearCell, make_cell
from seqzoo.ops.recurrence import plan

FEATURES, UNITS = 3, 4
LINEAR = [name for name, kind in CELLS.items() if issubclass(kind, LinearCell)]


def built(cell, features=FEATURES):
    cell.build((None, features))
    return cell


def summed_gradients(layer, inputs, variables=()):
    """Returns the outputs, and the gradients of their sum by the inputs and the variables."""

    def summed(leaves):
        outputs = layer(leaves[0])
        return ops.sum(outputs), outputs

    return gradients_of(summed, [inputs], variables)


def test_peepholes_give_the_value_that_tensorflow_addons_publishes():
    # tensorflow_addons/rnn/tests/peephole_lstm_cell_test.py, where `ones` holds for peepholes too
    cell = PeepholeLSTMCell(5, kernel_initializer="ones")
    inputs = ops.one_hot([1, 2, 3, 4], 4)
    output, _ = cell(inputs, cell.get_initial_state(batch_size=4))
    expected = np.repeat([[0.417551], [0.417551], [0.417551], [0.0]], 5, axis=1)
    np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-6)


def test_chrono_spreads_the_gates_over_the_requested_times():
    cell = built(LSTMCell(1000, bias_initializer=ChronoInitializer(100, seed=1)))
    i, f, g, o = np.split(np.asarray(cell.bias), 4)
    times = np.exp(f)
    assert 1 <= times.min() < 3
    assert 97 < times.max() <= 99
    assert abs(np.mean(times) - 50) < 3
    np.testing.assert_array_equal(i, -f)
    assert not np.any(g)
    assert not np.any(o)


@pytest.mark.parametrize(
    ("make", "signs"),
    [
        (CoupledLSTMCell, [1, 0, 0]),
        (GRUCell, [1, 0, 0]),
        (LayerNormGRUCell, [1, 0, 0, 0]),
        (MinGRUCell, [-1, 0]),
        (MinLSTMCell, [1, -1, 0]),
        (ProjectedLSTMCell, [-1, 1, 0, 0]),
    ],
)
def test_chrono_knows_the_gates_of_each_cell(make, signs):
    # The longer the gates stay as they begin, the less of an old state is lost in a step.
    cell = built(make(UNITS, bias_initializer=ChronoInitializer(1000, seed=1)))
    bias = np.asarray(cell.bias)
    first = bias[0] if bias.ndim == 2 else bias
    found = [np.sign(part[0]) for part in np.split(first, len(signs))]
    assert found == signs
    assert bias.ndim == 1 or not np.any(bias[1])


@pytest.mark.parametrize("make", [LSTMCell, CoupledLSTMCell, GRUCell, MinGRUCell, MinLSTMCell])
def test_a_memory_with_chrono_outlasts_one_without(make):
    def share_left(**options):
        """The share of the memory that is left after 20 steps of nothing."""
        layer = Recurrent(make(50, kernel_initializer="zeros", **options), return_state=True)
        layer.cell.build((None, FEATURES))
        if hasattr(layer.cell, "recurrent_kernel"):
            layer.cell.recurrent_kernel.assign(np.zeros(layer.cell.recurrent_kernel.shape))
        ones = [np.ones((1, size)) for size in layer.cell.state_size]
        zeros = [np.zeros((1, size)) for size in layer.cell.state_size]
        inputs = np.zeros((1, 20, FEATURES))
        one, other = (layer(inputs, initial_state=state)[-1] for state in (ones, zeros))
        return np.mean(np.asarray(one - other))

    assert share_left(bias_initializer=ChronoInitializer(1000, seed=1)) > 0.8 > 0.1 > share_left()


def test_chrono_comes_back_from_its_config_and_draws_anew_for_each_direction():
    layer = Bidirectional(LSTMCell(UNITS, bias_initializer=ChronoInitializer(9)))
    layer(np.zeros((1, 2, FEATURES)))
    assert layer.backward_cell.bias_initializer.max_steps == 9
    assert np.any(layer.forward_cell.bias != layer.backward_cell.bias)


def test_chrono_is_refused_where_it_makes_no_sense():
    with pytest.raises(ValueError, match=r"at least 2\. Received: max_steps=1"):
        ChronoInitializer(1)
    with pytest.raises(ValueError, match="a SimpleRNNCell has none"):
        built(SimpleRNNCell(UNITS, bias_initializer=ChronoInitializer(9)))


def test_an_lru_begins_on_its_ring_and_keeps_the_size_of_its_inputs():
    cell = built(LRUCell(UNITS, state_units=1000, r_min=0.6, r_max=0.9, max_phase=0.5))
    sizes = np.exp(-np.exp(np.asarray(cell.nu_log)))
    phases = np.exp(np.asarray(cell.theta_log))
    assert 0.6 <= sizes.min() < 0.61
    assert 0.89 < sizes.max() <= 0.9
    assert abs(np.mean(sizes**2) - (0.6**2 + 0.9**2) / 2) < 0.02
    assert 0 < phases.min() < 0.01
    assert 0.49 < phases.max() <= 0.5
    np.testing.assert_allclose(np.exp(cell.gamma_log), np.sqrt(1 - sizes**2), rtol=1e-4)
    whole = built(LRUCell(UNITS, state_units=1000))
    assert all(np.isfinite(weight).all() for weight in whole.get_weights())


def test_an_rg_lru_begins_with_open_decays_from_nine_tenths_on():
    cell = built(RGLRUCell(1000))
    open_decays = (1 / (1 + np.exp(np.asarray(cell.decay_logit, "float64")))) ** 8
    assert 0.9 <= open_decays.min() < 0.901
    assert 0.998 < open_decays.max() <= 0.9991


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("size", [-1e4, -200.0, 200.0, 1e4])
def test_gates_that_are_wide_open_or_shut_have_finite_gradients(name, size):
    layer = Recurrent(make_cell(name, UNITS), return_sequences=True)
    inputs = ops.ones((1, 5, FEATURES))
    layer(inputs)
    places = np.arange(layer.cell.kernel.shape[1])
    shut = places % UNITS >> places // UNITS & 1  # each pair of gates in all four ways
    layer.cell.kernel.assign(np.repeat([size * (1 - 2 * shut)], FEATURES, axis=0))
    outputs, gradients = summed_gradients(layer, inputs, layer.trainable_variables)
    assert np.isfinite(outputs).all()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", LINEAR)
def test_in_half_precision_a_memory_lasts_as_in_single(name):
    inputs = np.zeros((1, 2000, FEATURES), "float32")
    inputs[:, 0] = 1.0
    keras.utils.set_random_seed(1)
    single = Recurrent(make_cell(name, UNITS), return_state=True)
    single(inputs)
    half = Recurrent(make_cell(name, UNITS, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    half(inputs)
    if name in ("min_gru", "min_lstm"):  # these remember for long only where they are told to
        signs = [sign * 7.0 for sign in single.cell.memory_signs]
        single.cell.bias.assign(np.repeat(signs, UNITS))
    half.set_weights(single.get_weights())
    found, (expected, *_) = np.asarray(half(inputs), "float32"), single(inputs)
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.02)


def test_an_indrnn_begins_with_a_past_of_weight_0_to_1():
    cell = built(IndRNNCell(1000))
    assert 0 <= np.min(cell.recurrent_kernel) < 0.01
    assert 0.99 < np.max(cell.recurrent_kernel) <= 1
    own = built(IndRNNCell(2, recurrent_initializer="ones"))
    np.testing.assert_array_equal(own.recurrent_kernel, np.ones(2))


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("options", [{}, {"zoneout": 0.3}, {"gradient_steps": 3}])
def test_a_linear_cell_loops_over_steps_only_where_it_must(name, options, monkeypatch):
    loops = []
    plain = plan.Kernel("plain", lambda loop: True, lambda *_: loops.append(1) or 1 / 0)
    monkeypatch.setattr(plan, "KERNELS", (*plan.KERNELS[:-1], plain))
    for kind in (Recurrent, Bidirectional):
        layer = kind(make_cell(name, UNITS), **options)
        with contextlib.suppress(ZeroDivisionError):
            layer(np.zeros((1, 2, FEATURES)))
    assert len(loops) == (2 if options else 0)


@pytest.mark.parametrize("name", LINEAR)
def test_cut_gradients_are_those_of_chunks(name):
    inputs = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(2, 4, FEATURES)))
    cell = make_cell(name, UNITS, dtype="float64")
    cut = Recurrent(cell, gradient_steps=2, dtype="float64")
    whole = Recurrent(cell, dtype="float64")
    for layer in (cut, whole):
        layer(inputs)
    (one, (gradient,)), (other, (full,)) = (summed_gradients(f, inputs) for f in (cut, whole))
    np.testing.assert_allclose(one, other, atol=1e-13)
    np.testing.assert_allclose(gradient[:, 2:], full[:, 2:], atol=1e-13)
    assert np.all(gradient[:, :2] == 0)
    assert np.any(full[:, :2] != 0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", LINEAR)
def test_no_steps_leave_the_first_states(name, reverse):
    layer = Recurrent(make_cell(name, UNITS), reverse, return_sequences=True, return_state=True)
    first = [np.full((2, size), i + 1.0, "float32") for i, size in enumerate(layer.cell.state_size)]
    for mask in (None, np.zeros((2, 0), "bool")):
        outputs, *final = layer(np.zeros((2, 0, FEATURES)), mask=mask, initial_state=first)
        assert outputs.shape == (2, 0, UNITS)
        np.testing.assert_array_equal(final, first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ProjectedLSTMCell(2, memory_units=0), "Received: memory_units=0"),
        (lambda: LRUCell(2, state_units=0), "Received: state_units=0"),
        (lambda: LRUCell(2, r_min=0.9, r_max=0.5), r"r_min=0\.9, r_max=0\.5"),
        (lambda: LRUCell(2, max_phase=0.0), r"max_phase=0\.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        built(make())


def test_a_projected_memory_is_four_times_as_wide_unless_told_otherwise():
    assert ProjectedLSTMCell(UNITS).state_size == [UNITS, 4 * UNITS]
    cell = built(ProjectedLSTMCell(UNITS, memory_units=7))
    assert cell.state_size == [UNITS, 7]
    assert [tuple(weight.shape) for weight in cell.weights] == [(3, 28), (4, 28), (28,), (7, 4)]
