"""What holds for every encoder in the registry, and for every pooling."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.encoders import ENCODERS, Encoded
from seqzoo.layers.pooling import POOLINGS, Pooling

B, S, V, E = 3, 5, 11, 4
SETTINGS = {
    "recurrent": {"units": 6},
    "text_cnn": {"windows": (2, 3), "filters": 3},
    "tcn": {"units": 6, "blocks": 2},
}
IDS = np.random.default_rng(0).integers(1, V, (B, S))
RIGHT = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)

everywhere = pytest.mark.parametrize("name", ENCODERS)


def make(name, vocabulary_size: int | None = V, **settings):
    keras.utils.set_random_seed(1)
    return ENCODERS[name](vocabulary_size, E, **{**SETTINGS[name], **settings})


def outputs_of(encoder, inputs, mask=None):
    mask = None if mask is None else ops.convert_to_tensor(mask)
    return Encoded(*encoder(ops.convert_to_tensor(inputs), mask=mask))


def test_every_encoder_of_the_registry_is_tested_here():
    assert SETTINGS.keys() == ENCODERS.keys()


@everywhere
def test_its_config_makes_it_again(name):
    encoder = make(name, dropout=0.3)
    again = type(encoder).from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()


@everywhere
def test_the_mask_is_that_of_ids_other_than_0_or_the_given_one(name):
    encoder = make(name)
    ids = np.where(RIGHT, IDS, 0)
    found = outputs_of(encoder, ids)
    np.testing.assert_array_equal(found.mask, RIGHT)
    given = outputs_of(encoder, IDS, RIGHT)
    np.testing.assert_allclose(
        np.asarray(found.outputs)[RIGHT], np.asarray(given.outputs)[RIGHT], rtol=1e-5, atol=1e-6
    )


@everywhere
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing_on_real_steps(name, side):
    encoder = make(name)
    alone = np.asarray(outputs_of(encoder, IDS).outputs)
    room = (2, 0) if side == "left" else (0, 2)
    padded = np.pad(IDS, [(0, 0), room])
    found = np.asarray(outputs_of(encoder, padded).outputs)
    real = found[:, 2:] if side == "left" else found[:, :-2]
    np.testing.assert_allclose(real, alone, rtol=1e-5, atol=1e-6)


@everywhere
def test_vectors_are_taken_as_embeddings_are(name):
    words = make(name)
    vectors = make(name, vocabulary_size=None)
    ids = ops.convert_to_tensor(IDS)
    wanted = Encoded(*words(ids)).outputs
    embedded = words.embedding(ids)
    vectors(embedded)
    others = [weight for weight in words.weights if "embedding" not in weight.path]
    vectors.set_weights([ops.convert_to_numpy(weight) for weight in others])
    np.testing.assert_allclose(outputs_of(vectors, embedded).outputs, wanted, rtol=1e-5, atol=1e-6)


@everywhere
def test_every_weight_gets_a_gradient(name):
    encoder = make(name)
    outputs_of(encoder, IDS)
    weights = encoder.trainable_weights

    def total(_):
        outputs = outputs_of(encoder, IDS, RIGHT).outputs
        return ops.sum(ops.square(outputs) + outputs), outputs

    _, gradients = gradients_of(total, [], weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert np.abs(ops.convert_to_numpy(gradient)).max() > 0, weight.path


def test_a_causal_tcn_sees_no_later_step():
    encoder = make("tcn", causal=True)
    changed = IDS.copy()
    changed[:, 3] = changed[:, 3] % (V - 1) + 1
    one, other = (np.asarray(outputs_of(encoder, ids).outputs) for ids in (IDS, changed))
    np.testing.assert_allclose(one[:, :3], other[:, :3], atol=1e-6)
    assert np.abs(one[:, 3:] - other[:, 3:]).max() > 1e-3


MASK = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("kind", POOLINGS)
def test_every_pooling_reads_the_real_steps_alone(kind):
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(B, S, 4)).astype("float32")
    layer = Pooling(kind, units=3, hops=2)
    mask = ops.convert_to_tensor(MASK)
    found = np.asarray(layer(ops.convert_to_tensor(values), mask=mask))
    noisy = np.where(MASK[..., None], values, 7.0)
    np.testing.assert_allclose(layer(ops.convert_to_tensor(noisy), mask=mask), found, rtol=1e-5)
    jitted = compiled(lambda x: layer(x, mask=mask))(ops.convert_to_tensor(values))
    np.testing.assert_allclose(jitted, found, rtol=1e-5, atol=1e-6)
    assert (found[2] == 0).all()
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    real = [row[each] for row, each in zip(values[:2], MASK[:2], strict=True)]
    wanted = {
        "last": [row[-1] for row in real],
        "mean": [row.mean(0) for row in real],
        "max": [row.max(0) for row in real],
    }
    wanted["concat"] = np.concatenate([wanted[k] for k in ("last", "mean", "max")], axis=1)
    if kind in wanted:
        np.testing.assert_allclose(found[:2], wanted[kind], rtol=1e-5, atol=1e-6)
