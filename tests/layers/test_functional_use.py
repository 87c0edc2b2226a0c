"""Layers, encoders, decoders and heads inside models that users build themselves."""

from functools import partial

import keras
import numpy as np
import pytest

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Tokens
from seqzoo.layers import Bidirectional, LSTMCell, Recurrent
from seqzoo.layers.attention import ATTENTIONS, make_attention

BATCH, TIME, SOURCE, UNITS, FEATURES, VOCABULARY = 3, 4, 5, 6, 7, 11
RNG = np.random.default_rng(0)
SOURCE_IDS = RNG.integers(1, VOCABULARY, size=(BATCH, SOURCE)).astype("int32")
SOURCE_IDS[0, 3:] = SOURCE_IDS[1, :2] = SOURCE_IDS[2] = 0
TARGET_IDS = RNG.integers(1, VOCABULARY, size=(BATCH, TIME)).astype("int32")
DECODERS = {
    "bahdanau": {"attend_from": "previous", "readout": "maxout", "cell": "gru"},
    "luong": {"attention": "general", "input_feeding": True, "bridge": "copy", "layers": 2},
}


def recurrent_model(dtype):
    """Both ways over masked token ids, and backward from a state that another layer left."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, FEATURES, mask_zero=True, dtype=dtype)(ids)
    x, *state = Bidirectional(LSTMCell(UNITS, dtype=dtype), dtype=dtype)(x)
    cell = LSTMCell(2 * UNITS, dtype=dtype)
    x = Recurrent(cell, reverse=True, dtype=dtype)(x, initial_state=state)
    return keras.Model(ids, keras.layers.Dense(1, dtype="float32")(x))


def attention_model(dtype):
    """Every attention, one after the other on one source."""
    x = query = keras.Input((None, UNITS), name="query")
    values = keras.Input((None, UNITS), name="values")
    mask = keras.Input((None,), dtype="bool", name="mask")
    for name in ATTENTIONS:
        context, weights, _ = make_attention(name, UNITS + 1, dtype=dtype)(x, values, mask=mask)
        x = keras.layers.Add(dtype=dtype)([x, context])
    outputs = keras.layers.Concatenate(dtype="float32")([x, weights])
    return keras.Model({"query": query, "values": values, "mask": mask}, outputs)


def translation_model(name, dtype):
    """Encoder, decoder and head, three layers of a model."""
    options = DECODERS[name]
    sizes = {"embedding_dim": FEATURES, "units": UNITS, "dtype": dtype}
    sizes |= {key: options[key] for key in ("cell", "layers") if key in options}
    direction = "forward" if "bridge" in options else "both"
    source, target = (keras.Input((None,), dtype="int32", name=n) for n in ("source", "target"))
    encoded = RecurrentEncoder(VOCABULARY, direction=direction, **sizes)(source)
    hidden = RecurrentDecoder(VOCABULARY, **options | sizes)(target, encoded)
    logits = Tokens(VOCABULARY, impossible=(), dtype="float32")(hidden)
    return keras.Model({"source": source, "target": target}, logits)


ATTENTION_INPUTS = {
    "query": RNG.normal(size=(BATCH, TIME, UNITS)).astype("float32"),
    "values": RNG.normal(size=(BATCH, SOURCE, UNITS)).astype("float32"),
    "mask": SOURCE_IDS != 0,
}
MODELS = {"recurrent": (recurrent_model, SOURCE_IDS)}
MODELS |= {"attention": (attention_model, ATTENTION_INPUTS)}
MODELS |= {
    name: (partial(translation_model, name), {"source": SOURCE_IDS, "target": TARGET_IDS})
    for name in DECODERS
}


# "auto" is what Keras compiles with by default: here it is XLA.
@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [
        ("recurrent", "auto"),
        pytest.param("attention", False, marks=pytest.mark.slow),
        ("bahdanau", False),
    ],
)
def test_a_model_is_fitted_saved_and_loaded(name, jit_compile, tmp_path):
    make, inputs = MODELS[name]
    model = make("float32")
    before = np.asarray(model(inputs))
    model.compile("adam", "mse", jit_compile=jit_compile)
    model.fit(inputs, np.ones_like(before), batch_size=BATCH, verbose=0)
    after = np.asarray(model(inputs))
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() > 1e-4

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), after, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["attention", *(pytest.param(n, marks=pytest.mark.slow) for n in ("recurrent", "bahdanau"))],
)
def test_a_model_is_exported(name, tmp_path, tf):
    make, inputs = MODELS[name]
    model = make("float32")
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize("name", ["recurrent", "luong"])
def test_a_model_of_half_precision_loads_where_it_is_not_the_default(name, tmp_path):
    make, inputs = MODELS[name]
    model = make("mixed_bfloat16")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-2)
    for one, other in zip(model._flatten_layers(), loaded._flatten_layers(), strict=True):
        assert one.dtype_policy == other.dtype_policy


class Lazy(keras.Model):
    """A model that its first batch builds."""

    def __init__(self):
        super().__init__()
        self.attend = make_attention("concat", UNITS)
        self.run = Recurrent(LSTMCell(UNITS))

    def call(self, inputs):
        return self.run(self.attend(inputs, inputs)[0])


def test_a_model_that_is_built_within_fit_begins_as_one_that_is_built_before():
    begun, inputs = [], ATTENTION_INPUTS["values"]
    for build_before in (True, False):
        keras.utils.set_random_seed(2)
        model = Lazy()
        if build_before:
            model(inputs)
        model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
        model.fit(inputs, np.ones((BATCH, UNITS)), batch_size=BATCH, verbose=0)
        begun.append(model.get_weights())
    for one, other in zip(*begun, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.run.cell.bias[UNITS : 2 * UNITS], np.ones(UNITS))
