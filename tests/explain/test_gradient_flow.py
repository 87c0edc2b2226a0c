"""The flow of gradients is that of a loop over Keras's cells, and its diagnosis is right."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tiny_tasks import make_translator, reversal_pairs

from seqzoo.explain import gradient_flow, plot_gradient_flow
from seqzoo.explain.gradient_flow import spectral_radius
from seqzoo.layers import Bidirectional, GRUCell, LSTMCell, Recurrent, SimpleRNNCell
from seqzoo.ops.recurrence import scan as scans

BATCH, TIME, FEATURES, UNITS, CLASSES = 3, 6, 4, 5, 2
KERAS_CELLS = {
    SimpleRNNCell: keras.layers.SimpleRNNCell,
    LSTMCell: keras.layers.LSTMCell,
    GRUCell: keras.layers.GRUCell,
}
FULL = np.ones((BATCH, TIME), "bool")
HOLES = np.array([[1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], "bool")
X = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))

every_cell = pytest.mark.parametrize("kind", KERAS_CELLS)
every_mask = pytest.mark.parametrize("mask", [FULL, HOLES], ids=["full", "holes"])


def make_model(layer, pick=lambda outputs: outputs):
    """A model in float64 of one layer and a dense one; `pick` takes what the layer returns."""
    x, mask = keras.Input((TIME, FEATURES), dtype="float64"), keras.Input((TIME,), dtype="bool")
    head = keras.layers.Dense(CLASSES, dtype="float64", name="head")
    model = keras.Model([x, mask], head(pick(layer(x, mask=mask))))
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.weights])
    return model


def run(kind, cell, x, mask, backward=False):
    """Runs Keras's cell with the weights of another; returns the states after each step."""
    reference = KERAS_CELLS[kind](UNITS, dtype="float64")
    reference.build((None, FEATURES))
    reference.set_weights([w.numpy() for w in (cell.kernel, cell.recurrent_kernel, cell.bias)])
    states = [tf.zeros((BATCH, size), "float64") for size in cell.state_size]
    history = [None] * TIME
    for t in reversed(range(TIME)) if backward else range(TIME):
        _, new = reference(tf.constant(x[:, t]), states)
        states = [
            tf.identity(tf.where(mask[:, t, None], n, s)) for n, s in zip(new, states, strict=True)
        ]
        history[t] = states
    return history


def expected_norms(tape, loss, history, mask):
    """Mean over the real rows of the norm of the gradient by all states of a step together."""
    flat = tape.gradient(loss, history, unconnected_gradients="zero")
    means = []
    for t, parts in enumerate(flat):
        norms = np.linalg.norm(np.concatenate(parts, axis=1), axis=1)
        means.append(norms[mask[:, t]].mean() if mask[:, t].any() else np.nan)
    return np.array(means)


def squares(y, outputs):
    return (outputs - y) ** 2


def apply_head(model, values):
    kernel, bias = model.get_layer("head").get_weights()
    return values @ kernel + bias


@pytest.mark.one_of_each
@every_cell
@every_mask
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_the_gradient_of_a_loss_is_that_of_a_loop_over_cells(
    kind, mask, backward, return_sequences
):
    cell = kind(UNITS, dtype="float64")
    layer = Recurrent(
        cell, reverse=backward, return_sequences=return_sequences, name="r", dtype="float64"
    )
    model = make_model(layer)
    y = np.random.default_rng(1).normal(size=model([X, mask]).shape)

    (flow,) = gradient_flow(model, [X, mask], y, loss=squares).layers

    with tf.GradientTape() as tape:
        history = run(kind, cell, X, mask, backward)
        last = history[0 if backward else -1][0]
        outputs = tf.stack([states[0] for states in history], 1) if return_sequences else last
        loss = tf.reduce_mean(squares(y, apply_head(model, outputs)))
    np.testing.assert_allclose(flow.norms, expected_norms(tape, loss, history, mask), rtol=1e-9)
    assert flow.name == "r"
    assert np.nanmax(flow.norms) > 1e-3


@every_cell
@every_mask
def test_without_a_target_it_is_what_a_cell_itself_hands_back(kind, mask):
    layer = Bidirectional(kind(UNITS, dtype="float64"), name="both", dtype="float64")
    model = make_model(layer, pick=lambda outputs: outputs[0])

    flows = gradient_flow(model, [X, mask]).layers

    assert [flow.name for flow in flows] == ["both/forward", "both/backward"]
    for flow, cell in zip(flows, (layer.forward_cell, layer.backward_cell), strict=True):
        backward = cell is layer.backward_cell
        directions = np.random.default_rng(0).normal(size=(BATCH, sum(cell.state_size)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        with tf.GradientTape() as tape:
            history = run(kind, cell, X, mask, backward)
            final = tf.concat(history[0 if backward else -1], axis=1)
            loss = tf.reduce_sum(final * np.where(mask.any(axis=1), directions.T, 0).T)
        expected = expected_norms(tape, loss, history, mask)
        np.testing.assert_allclose(flow.norms, expected, rtol=1e-9)
        first, last = (0, -1) if backward else (-1, 0)
        if mask is FULL:
            assert flow.norms[first] == pytest.approx(1)
            assert flow.norms[last] < 0.999


def test_both_directions_of_a_loss_are_those_of_loops():
    layer = Bidirectional(GRUCell(UNITS, dtype="float64"), dtype="float64")
    model = make_model(layer, pick=lambda outputs: outputs[0])
    y = np.random.default_rng(1).normal(size=(BATCH, TIME, CLASSES))

    flows = gradient_flow(model, [X, HOLES], y, squares).layers

    with tf.GradientTape(persistent=True) as tape:
        ways = [
            run(GRUCell, cell, X, HOLES, backward)
            for backward, cell in ((False, layer.forward_cell), (True, layer.backward_cell))
        ]
        outputs = [tf.concat([a[0], b[0]], axis=1) for a, b in zip(*ways, strict=True)]
        loss = tf.reduce_mean(squares(y, apply_head(model, tf.stack(outputs, axis=1))))
    for flow, history in zip(flows, ways, strict=True):
        expected = expected_norms(tape, loss, history, HOLES)
        np.testing.assert_allclose(flow.norms, expected, rtol=1e-9)


def test_the_compiled_loss_is_the_default_of_a_target_and_the_model_stays_as_it_is():
    layer = Recurrent(GRUCell(UNITS, dtype="float64"), dropout=0.5, seed=1, dtype="float64")
    model = make_model(layer)
    model.compile(loss="mse", metrics=["mae"])
    y = np.random.default_rng(1).normal(size=(BATCH, CLASSES))
    before = [v.numpy() for v in (*model.variables, *model.metrics_variables)]
    output = model([X, HOLES])

    compiled = gradient_flow(model, [X, HOLES], y)

    given = gradient_flow(model, [X, HOLES], y, loss="mse")
    np.testing.assert_allclose(compiled.layers[0].norms, given.layers[0].norms, rtol=1e-6)
    for one, other in zip((*model.variables, *model.metrics_variables), before, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model([X, HOLES]), output)


def linear_rnn(matrix, activation="linear", units=UNITS):
    """A model of one simple cell with a given recurrent matrix, and inputs of 40 steps."""
    cell = SimpleRNNCell(units, activation=activation)
    model = keras.Sequential([keras.Input((None, FEATURES)), Recurrent(cell)])
    cell.recurrent_kernel.assign(matrix)
    return model, np.random.default_rng(3).normal(size=(2, 40, FEATURES)).astype("float32")


def orthogonal(units=UNITS):
    return np.linalg.qr(np.random.default_rng(4).normal(size=(units, units)))[0]


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.5, "vanishing: the gradient loses 50 % a step; 1e-12 of what the last step gets"),
        (1.5, "exploding: the gradient grows by 50 % a step; 1e7 times what"),
        (1.0, "healthy: the gradient changes by "),
    ],
)
def test_a_multiple_of_an_orthogonal_matrix_is_known_by_its_factor(factor, said):
    (flow,) = gradient_flow(*linear_rnn(factor * orthogonal())).layers

    assert flow.factor == pytest.approx(factor, rel=1e-4)
    assert flow.spectral_radius == pytest.approx(factor, rel=1e-5)
    np.testing.assert_allclose(flow.norms, factor ** np.arange(39.0, -1, -1), rtol=1e-3)
    assert flow.steps == 40
    assert flow.diagnosis.startswith(said)


def test_an_identity_network_is_healthy():
    model, x = linear_rnn(np.eye(UNITS), activation="relu")
    model.layers[0].cell.kernel.assign(np.abs(model.layers[0].cell.kernel))

    (flow,) = gradient_flow(model, np.abs(x)).layers

    np.testing.assert_allclose(flow.norms, 1, rtol=1e-5)
    assert flow.diagnosis.startswith("healthy")


def test_rows_of_different_lengths_share_the_slope_of_their_cells():
    """The mean over rows jumps where a row ends; the slope must not."""
    x, mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    cell = SimpleRNNCell(UNITS, activation="linear")
    model = keras.Model([x, mask], Recurrent(cell)(x, mask=mask))
    cell.recurrent_kernel.assign(0.5 * orthogonal())
    lengths = np.array([3, 30])
    real = np.arange(30) < lengths[:, None]

    (flow,) = gradient_flow(model, [np.ones((2, 30, FEATURES)), real]).layers

    assert flow.factor == pytest.approx(0.5, rel=1e-4)
    assert flow.norms[2] == pytest.approx((1 + 0.5**27) / 2)


@pytest.mark.parametrize("backward", [False, True])
def test_a_slope_is_per_real_step_in_the_order_of_the_cell(backward):
    x, mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    cell = SimpleRNNCell(UNITS, activation="linear")
    model = keras.Model([x, mask], Recurrent(cell, reverse=backward)(x, mask=mask))
    cell.recurrent_kernel.assign(0.5 * orthogonal())
    real = np.arange(30)[None] % 3 == 0

    (flow,) = gradient_flow(model, [np.ones((1, 30, FEATURES)), real]).layers

    assert flow.factor == pytest.approx(0.5, rel=1e-4)
    assert flow.steps == 10
    powers = 0.5 ** np.arange(9.0, -1, -1)
    np.testing.assert_allclose(flow.norms[::3], powers[::-1] if backward else powers, rtol=1e-4)
    assert np.isnan(flow.norms[1::3]).all()


def test_steps_that_a_cut_gradient_does_not_reach_are_told():
    cell = SimpleRNNCell(UNITS, activation="linear")
    model = keras.Sequential([keras.Input((None, FEATURES)), Recurrent(cell, gradient_steps=10)])
    cell.recurrent_kernel.assign(orthogonal())

    (flow,) = gradient_flow(model, np.ones((2, 40, FEATURES))).layers

    np.testing.assert_allclose(flow.norms, [0] * 30 + [1] * 10, rtol=1e-4)
    assert flow.diagnosis.startswith("cut: 75 % of the steps get no gradient")


def test_a_loss_at_every_step_is_told_apart_from_a_far_memory():
    cell = SimpleRNNCell(UNITS, activation="linear")
    layer = Recurrent(cell, return_sequences=True)
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])
    cell.recurrent_kernel.assign(0.5 * orthogonal())
    x = np.random.default_rng(5).normal(size=(2, 40, FEATURES))
    y = np.random.default_rng(6).normal(size=(2, 40, UNITS))

    (flow,) = gradient_flow(model, x, y, squares).layers

    assert flow.diagnosis.startswith("level: ")
    assert "Leave out `y`" in flow.diagnosis
    assert gradient_flow(model, x).layers[0].diagnosis.startswith("vanishing")


def test_a_gradient_beyond_floats_is_exploding():
    model, x = linear_rnn(30.0 * orthogonal())
    (flow,) = gradient_flow(model, x).layers
    assert flow.diagnosis.startswith("exploding: the gradient is not finite")


def test_one_step_has_no_slope_and_no_step_is_refused():
    model, x = linear_rnn(orthogonal())
    (flow,) = gradient_flow(model, x[:, :1]).layers
    np.testing.assert_allclose(flow.norms, [1], rtol=1e-6)
    assert np.isnan(flow.slope)
    assert flow.diagnosis.startswith("unknown")
    for nothing in (x[:, :0], x[:0]):
        with pytest.raises(ValueError, match=r"at least one row and one step.*\b0\b"):
            gradient_flow(model, nothing)


def test_the_spectral_radius_is_the_largest_of_the_gates():
    rng = np.random.default_rng(7)
    for kind, gates in ((SimpleRNNCell, 1), (GRUCell, 3), (LSTMCell, 4)):
        for options in ({}, {"reset_after": False}) if kind is GRUCell else ({},):
            cell = kind(UNITS, **options)
            cell.build((None, FEATURES))
            kernel = rng.normal(size=(UNITS, gates * UNITS)).astype("float32")
            cell.recurrent_kernel.assign(kernel)
            squares = [kernel[:, i * UNITS : (i + 1) * UNITS] for i in range(gates)]
            wanted = max(np.abs(np.linalg.eigvals(square)).max() for square in squares)
            assert spectral_radius(cell) == pytest.approx(wanted, rel=1e-5)


def test_a_translator_shows_its_encoder_and_its_decoder():
    task, pairs = make_translator("luong_2015"), reversal_pairs(6)
    task.compile()
    own = gradient_flow(task, pairs)
    of_loss = gradient_flow(task, *zip(*pairs, strict=True))

    names = [layer.name for layer in own.layers]
    assert len(names) == 2
    assert names[-1] == f"{task.decoder.name}/cell_0"
    assert [layer.name for layer in of_loss.layers] == names
    for flow, side in zip(own.layers, (0, 1), strict=True):
        longest = max(len(pair[side].split()) for pair in pairs)
        assert flow.steps == len(flow.norms) == longest + 1  # the end token
        assert np.all(flow.norms > 0)


def test_the_loss_of_a_translator_has_the_gradient_that_its_decoder_hands_to_its_encoder():
    task, pairs = make_translator("sutskever_2014"), reversal_pairs(4)
    task.compile()
    x, y, weight = task.preprocessor(*map(tf.constant, zip(*pairs, strict=True)))
    by_tensors = gradient_flow(task, x, y, sample_weight=weight)
    by_texts = gradient_flow(task, *zip(*pairs, strict=True))
    for one, other in zip(by_tensors.layers, by_texts.layers, strict=True):
        np.testing.assert_allclose(one.norms, other.norms, rtol=1e-6)
    encoded = task.encoder(x["source_ids"])
    states = [tf.Variable(state) for state in encoded.state[0]]
    with tf.GradientTape() as tape:
        logits = task.head(task.decoder(x["target_ids"], encoded._replace(state=[states])))
        losses = keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
        loss = tf.reduce_sum(losses * weight) / tf.reduce_sum(weight)
    norms = np.linalg.norm(np.concatenate(tape.gradient(loss, states), axis=1), axis=1)
    # The encoder ends at the first token, as it reads backward; there is no attention.
    assert by_tensors.layers[0].norms[0] == pytest.approx(norms.mean(), rel=1e-4)


def test_what_has_no_recurrent_layer_or_no_loss_is_refused():
    dense = keras.Sequential([keras.Input((None, FEATURES)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"must run a `Recurrent`.*which ran none"):
        gradient_flow(dense, X)
    model, x = linear_rnn(orthogonal())
    with pytest.raises(ValueError, match=r"not compiled\. Compile it, pass `loss`"):
        gradient_flow(model, x, np.zeros((2, UNITS)))


def test_nothing_is_left_behind_after_an_error():
    model, x = linear_rnn(orthogonal())
    with pytest.raises(ValueError, match="not compiled"):
        gradient_flow(model, x, np.zeros((2, UNITS)))
    assert scans.current_hook() is None


def test_the_picture_has_a_line_for_each_cell_on_a_log_scale(tmp_path):
    model, x = linear_rnn(0.5 * orthogonal())
    flow = gradient_flow(model, x)

    (axes,) = plot_gradient_flow(flow, tmp_path / "flow.png").axes

    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), flow.layers[0].norms)
    assert list(line.get_xdata()) == list(range(1, 41))
    assert axes.get_yscale() == "log"
    assert line.get_label() == f"{flow.layers[0].name} (times 0.5 a step back)"
    assert axes.get_title() == "Gradient of the last state by the state at each step"
    assert (tmp_path / "flow.png").stat().st_size > 5000
    figure = Figure()
    assert plot_gradient_flow(flow, axes=figure.subplots()) is figure
