"""Layers, encoders, decoders and heads inside models that users build themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Tokens
from seqzoo.layers import Bidirectional, Recurrent
from seqzoo.layers.attention import ATTENTIONS, make_attention
from seqzoo.layers.cells import CELLS, make_cell

BATCH, TIME, SOURCE, UNITS, FEATURES, VOCABULARY = 3, 4, 5, 6, 7, 11
RNG = np.random.default_rng(0)
SOURCE_IDS = RNG.integers(1, VOCABULARY, size=(BATCH, SOURCE)).astype("int32")
SOURCE_IDS[0, 3:] = SOURCE_IDS[1, :2] = SOURCE_IDS[2] = 0
TARGET_IDS = RNG.integers(1, VOCABULARY, size=(BATCH, TIME)).astype("int32")
DECODERS = {
    "bahdanau": {"attend_from": "previous", "readout": "maxout", "cell": "gru"},
    "luong": {"attention": "general", "input_feeding": True, "bridge": "copy", "layers": 2},
    "sutskever": {"attention": None, "readout": "none", "bridge": "copy", "layers": 2},
}


def recurrent_model(dtype):
    """A stack of every cell, both ways and each way, over masked token ids."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, FEATURES, mask_zero=True, dtype=dtype)(ids)
    state = None
    for name in CELLS:
        x, *_ = Bidirectional(make_cell(name, UNITS, dtype=dtype), dtype=dtype)(x)
        cell = make_cell(name, UNITS, dtype=dtype)
        x, *state = Recurrent(
            cell, reverse=True, return_sequences=True, return_state=True, dtype=dtype
        )(x)
    again = Recurrent(make_cell(name, UNITS, dtype=dtype), dtype=dtype)(x, initial_state=state)
    return keras.Model(ids, keras.layers.Dense(1, dtype="float32")(again))


def attention_model(dtype):
    """Attentions that query one source one after the other."""
    values, mask = keras.Input((None, UNITS)), keras.Input((None,), dtype="bool")
    x = keras.Input((None, UNITS))
    inputs = {"query": x, "values": values, "mask": mask}
    for name in ATTENTIONS:
        attention = make_attention(name, UNITS + 1, dtype=dtype)
        context, weights, _ = attention(x, values, mask=mask)
        x = keras.layers.Add(dtype=dtype)([x, context])
    outputs = keras.layers.Concatenate(dtype="float32")([x, weights])
    return keras.Model(inputs, outputs)


def translation_model(name, dtype):
    """Encoder, decoder and head as three layers of a model."""
    options = DECODERS[name]
    sizes = {"embedding_dim": FEATURES, "units": UNITS, "dtype": dtype}
    direction = "forward" if options.get("bridge") == "copy" else "both"
    shared = {key: options[key] for key in ("cell", "layers") if key in options}
    source, target = (keras.Input((None,), dtype="int32", name=n) for n in ("source", "target"))
    encoded = RecurrentEncoder(VOCABULARY, direction=direction, **shared, **sizes)(source)
    hidden = RecurrentDecoder(VOCABULARY, **options, **sizes)(target, encoded)
    return keras.Model(
        {"source": source, "target": target}, Tokens(VOCABULARY, dtype="float32")(hidden)
    )


MODELS = {
    "recurrent": (recurrent_model, SOURCE_IDS),
    "attention": (
        attention_model,
        {
            "query": RNG.normal(size=(BATCH, TIME, UNITS)).astype("float32"),
            "values": RNG.normal(size=(BATCH, SOURCE, UNITS)).astype("float32"),
            "mask": SOURCE_IDS != 0,
        },
    ),
}
MODELS |= {
    name: (
        lambda dtype, name=name: translation_model(name, dtype),
        {"source": SOURCE_IDS, "target": TARGET_IDS},
    )
    for name in DECODERS
}

everywhere = pytest.mark.parametrize("name", MODELS)


def fitted(name, dtype="float32", jit_compile=False):
    """Returns a model after one step of training, its inputs and its outputs before and after."""
    make, inputs = MODELS[name]
    model = make(dtype)
    before = model(inputs).numpy()
    model.compile("adam", "mse", jit_compile=jit_compile)
    model.fit(inputs, np.ones_like(before), batch_size=BATCH, verbose=0)
    return model, inputs, before, model(inputs).numpy()


def reversed_rows(inputs):
    """The same examples in another order and a smaller batch."""
    return keras.tree.map_structure(lambda leaf: leaf[1::-1], inputs)


@everywhere
def test_a_model_is_fitted_saved_loaded_and_exported(name, tmp_path):
    model, inputs, before, after = fitted(name)
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() > 1e-4

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), after, atol=1e-6)
    assert [w.path for w in loaded.weights] == [w.path for w in model.weights]
    loaded.fit(inputs, np.ones_like(after), batch_size=BATCH, verbose=0)
    assert np.abs(loaded(inputs) - after).max() > 1e-4

    model.export(tmp_path / "exported", verbose=False)
    serve = tf.saved_model.load(tmp_path / "exported").serve
    np.testing.assert_allclose(serve(inputs), after, atol=1e-6)
    np.testing.assert_allclose(serve(reversed_rows(inputs)), after[1::-1], atol=1e-6)


@everywhere
def test_a_model_of_half_precision_loads_where_it_is_not_the_default(name, tmp_path):
    make, inputs = MODELS[name]
    model = make("mixed_bfloat16")
    outputs = model(inputs).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), outputs, atol=1e-2)
    layers = list(zip(model._flatten_layers(), loaded._flatten_layers(), strict=True))
    assert all(one.dtype_policy == other.dtype_policy for one, other in layers)


def test_a_model_is_fitted_as_keras_compiles_it_by_default():
    _, _, before, after = fitted("bahdanau", jit_compile="auto")
    assert np.isfinite(after).all()
    assert np.abs(after - before).max() > 1e-4


class Lazy(keras.Model):
    """A model that is built by its first batch."""

    def __init__(self):
        super().__init__()
        self.encoder = RecurrentEncoder(VOCABULARY, FEATURES, UNITS)
        self.attention = make_attention("concat", UNITS)
        self.top = Recurrent(make_cell("lstm", UNITS))

    def call(self, token_ids):
        encoded = self.encoder(token_ids)
        context, _, _ = self.attention(encoded.outputs, encoded.outputs, mask=encoded.mask)
        return self.top(context)


def test_a_model_that_is_built_within_fit_begins_as_one_that_is_built_before():
    begun = []
    for build_before in (True, False):
        keras.utils.set_random_seed(2)
        model = Lazy()
        if build_before:
            model(SOURCE_IDS)
        model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
        model.fit(SOURCE_IDS, np.ones((BATCH, UNITS)), batch_size=BATCH, verbose=0)
        begun.append(model.get_weights())
    for one, other in zip(*begun, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.top.cell.bias[UNITS : 2 * UNITS], np.ones(UNITS))
