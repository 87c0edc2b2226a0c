"""Mixers with diagonal states and those that run cells: first values, options, errors."""

import numpy as np
import pytest
from keras import ops

from seqzoo.layers import (
    SLSTM,
    GriffinRecurrence,
    Mamba,
    MinGRU,
    Recurrent,
    RecurrentMixer,
)
from seqzoo.layers.cells import CELLS, LSTMCell, ProjectedLSTMCell

INPUTS = np.random.default_rng(0).normal(size=(2, 3, 8)).astype("float32")


def weight_of(mixer, name):
    mixer.build((None, None, 64))
    return ops.convert_to_numpy(getattr(mixer, name))


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_stands_in_a_mixer_and_gives_what_its_layer_gives(name):
    mixer = RecurrentMixer(name)
    outputs, state = mixer(INPUTS)
    layer = Recurrent(mixer.recurrent.cell, return_sequences=True)
    np.testing.assert_array_equal(outputs, layer(INPUTS))
    output, after = mixer.step(INPUTS[:, 0], state)
    assert output.shape == (2, 8)
    assert [leaf.shape for leaf in after.states] == [leaf.shape for leaf in state.states]


def test_a_cell_of_another_width_is_brought_back_and_keeps_its_options():
    mixer = RecurrentMixer(ProjectedLSTMCell(5, memory_units=7))
    outputs, state = mixer(INPUTS)
    assert outputs.shape == (2, 3, 8)
    assert [leaf.shape for leaf in state.states] == [(2, 5), (2, 7)]
    again = RecurrentMixer.from_config(mixer.get_config())
    assert (again.cell.units, again.cell.memory_units) == (5, 7)
    with pytest.raises(ValueError, match=r"this LSTMCell has its own. Received: units=4"):
        RecurrentMixer(LSTMCell(8), units=4)
    with pytest.raises(ValueError, match="Did you mean 'lstm'"):
        RecurrentMixer("lstmm")(INPUTS)


def test_mamba_begins_with_the_published_rates_and_step_sizes():
    rates = -np.exp(weight_of(Mamba(state_units=4), "rate_logit"))
    np.testing.assert_allclose(rates, -np.tile(np.arange(1, 5)[:, None], (1, 128)), rtol=1e-6)
    steps = np.log1p(np.exp(weight_of(Mamba(), "step_bias")))
    assert 0.00099 < steps.min() < 0.005
    assert 0.05 < steps.max() < 0.101
    assert weight_of(Mamba(), "step_kernel").shape == (4, 128)  # the rank is 64 / 16


def test_griffin_begins_with_slow_decays():
    decays = np.exp(-8 * np.log1p(np.exp(weight_of(GriffinRecurrence(), "decay_logit"))))
    assert 0.8999 < decays.min() < 0.92
    assert 0.98 < decays.max() < 0.9991


def test_slstm_begins_with_the_published_biases():
    bias = weight_of(SLSTM(num_heads=2), "bias")
    assert bias.shape == (4, 2, 32)
    assert not bias[[0, 2, 3]].any()
    np.testing.assert_allclose(bias[1, :, [0, -1]], [[5, 5], [-7, -7]], atol=1e-5)
    assert (np.diff(bias[1], axis=1) < 0).all()


@pytest.mark.parametrize(
    ("mixer", "message"),
    [
        (GriffinRecurrence(num_heads=3), r"`num_heads` must be a positive divisor .* 8\."),
        (GriffinRecurrence(units=6, num_heads=4), r"divisor .* 6\. Received: num_heads=4"),
        (SLSTM(num_heads=0), r"Received: num_heads=0"),
        (SLSTM(kernel_size=0), "`kernel_size` must be at least 1. Received: kernel_size=0"),
        (Mamba(state_units=0), "`state_units` must be at least 1"),
        (Mamba(rank=0), "`rank` must be at least 1"),
        (MinGRU(expansion=0.1), "`units` must be at least 1. Received: units=0"),
        (MinGRU(kernel_size=-1), "`kernel_size` must be at least 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(mixer, message):
    with pytest.raises(ValueError, match=message):
        mixer(INPUTS)
