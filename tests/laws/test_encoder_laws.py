"""What holds for every encoder in the registry, and for every pooling."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.encoders import (
    ENCODERS,
    BackboneEncoder,
    BlockEncoder,
    BothStrands,
    Encoded,
    Encoder,
    EncoderChain,
    FeatureEncoder,
    GraphEncoder,
    ImageEncoder,
    LanguageEncoder,
    RecurrentEncoder,
    TextCNN,
    VideoEncoder,
    convolutional_backbone,
)
from seqzoo.layers import GatedGraph, make_blocks
from seqzoo.layers.pooling import POOLINGS, Pooling

B, S, V, E = 3, 5, 11, 4
SETTINGS = {
    "recurrent": {"units": 6},
    "text_cnn": {"windows": (2, 3), "filters": 3},
    "tcn": {"units": 6, "blocks": 2},
    "blocks": {"layers": 2, "num_heads": 2},
}
IDS = np.random.default_rng(0).integers(1, V, (B, S))
RIGHT = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)

everywhere = pytest.mark.parametrize("name", SETTINGS)  # those of tokens or vectors


@keras.saving.register_keras_serializable(package="tests")
class TinyBackbone(keras.Model):
    """A model with the inputs and the outputs of a text backbone of keras-hub."""

    def __init__(self, vocabulary_size, **kwargs):
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        mask = keras.Input((None,), dtype="bool", name="padding_mask")
        embedded = keras.layers.Embedding(vocabulary_size, E)(ids)
        outputs = embedded * ops.cast(mask, "float32")[..., None]
        super().__init__({"token_ids": ids, "padding_mask": mask}, outputs, **kwargs)
        self.vocabulary_size = vocabulary_size

    def get_config(self):
        return {"vocabulary_size": self.vocabulary_size}


def make_image_encoder():
    return ImageEncoder(convolutional_backbone(8, 4, filters=(3, 6)), 8, 4, units=7)


def make_chain(vocabulary_size: int | None = V):
    windows = TextCNN(vocabulary_size, 4, windows=(2, 3), filters=3)
    return EncoderChain([windows, RecurrentEncoder(None, 6, units=3)])


ALL = {name: lambda name=name: make(name) for name in SETTINGS} | {
    "language": lambda: LanguageEncoder(V, E, 6, layers=2),
    "backbone": lambda: BackboneEncoder(TinyBackbone(V)),
    "image": make_image_encoder,
    "features": lambda: FeatureEncoder(6, 5, units=7),
    "video": lambda: VideoEncoder(make_image_encoder(), S, 3, "recurrent", "gru"),
    "chain": make_chain,
    "both_strands": lambda: BothStrands(make_chain(None)),
    "graph": lambda: GraphEncoder(V, E, [GatedGraph(6, steps=2, type_count=V)]),
}
PACKS = (*SETTINGS, "language", "chain")
each = pytest.mark.parametrize("name", ENCODERS)


def input_for(spec):
    """Values for a spec: B rows, S steps where the length is open."""
    if isinstance(spec, dict):
        return {name: input_for(part) for name, part in spec.items()}
    shape = (B, *(S if size is None else size for size in spec.shape[1:]))
    if spec.dtype == "int32":
        return np.random.default_rng(1).integers(1, V, shape)
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def make(name, vocabulary_size: int | None = V, **settings):
    keras.utils.set_random_seed(1)
    settings = {**SETTINGS[name], **settings}
    if name == "blocks":
        return BlockEncoder(vocabulary_size, E, make_blocks(E, **settings), "sinusoidal")
    return ENCODERS[name](vocabulary_size, E, **settings)


def outputs_of(encoder, inputs, mask=None):
    mask = None if mask is None else ops.convert_to_tensor(mask)
    return Encoded(*encoder(ops.convert_to_tensor(inputs), mask=mask))


def test_every_encoder_of_the_registry_is_tested_here():
    assert ALL.keys() == ENCODERS.keys()


@each
def test_it_is_an_encoder_whose_config_makes_it_again(name):
    encoder = ALL[name]()
    assert isinstance(encoder, Encoder)
    again = type(encoder).from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()


@each
def test_it_is_called_on_symbolic_tensors_of_its_specs_and_no_leaf_is_none(name):
    encoder = ALL[name]()
    for name_of_spec in encoder.input_specs():
        spec = encoder.input_specs()[name_of_spec]  # which may be known better once it is built
        inputs = keras.tree.map_structure(
            lambda part: keras.Input(batch_shape=part.shape, dtype=part.dtype), spec
        )
        encoded = Encoded(*encoder(inputs))
        leaves = keras.tree.flatten(encoded)
        assert all(leaf is not None for leaf in leaves)
        model = keras.Model(inputs, leaves)
        values = input_for(spec)
        for one, other in zip(model(values), keras.tree.flatten(encoder(values)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@each
def test_without_mask_and_segment_ids_all_real_steps_are_of_segment_1(name):
    encoder = ALL[name]()
    (spec, *_) = encoder.input_specs().values()
    values = input_for(spec)
    ids = values["nodes"] if name == "graph" else values
    is_ids = ids.dtype.kind == "i"
    if is_ids:
        ids[1, 2:] = 0
    encoded = Encoded(*encoder(values))
    assert encoded.mask.dtype == "bool"
    assert encoded.segment_ids.dtype == "int32"
    assert encoded.mask.shape == encoded.segment_ids.shape == encoded.outputs.shape[:2]
    np.testing.assert_array_equal(encoded.segment_ids, np.asarray(encoded.mask).astype(int))
    assert np.asarray(encoded.mask).all() == (not is_ids)


@pytest.mark.parametrize("name", PACKS)
def test_sequences_in_one_row_are_encoded_as_those_in_rows_of_their_own(name):
    encoder = ALL[name]()
    ids = np.random.default_rng(2).integers(1, V, (2, 9))
    lengths = [[2, 4, 1], [3, 5, 0]]
    segments = np.array([np.repeat([1, 2, 3, 0], [*row, 9 - sum(row)]) for row in lengths])
    ids = np.where(segments > 0, ids, 0)
    given = ops.convert_to_tensor(segments, "int32")
    packed = Encoded(*encoder(ops.convert_to_tensor(ids), segment_ids=given))
    np.testing.assert_array_equal(packed.segment_ids, segments)
    for row in range(2):
        for segment in range(1, 4):
            chosen = segments[row] == segment
            if chosen.any():
                alone = Encoded(*encoder(ops.convert_to_tensor(ids[row, chosen][None])))
                np.testing.assert_allclose(
                    np.asarray(packed.outputs)[row, chosen], alone.outputs[0], rtol=1e-5, atol=1e-6
                )


def test_windows_of_a_causal_tcn_see_one_sequence_too():
    encoder = make("tcn", causal=True)
    segments = ops.convert_to_tensor(np.array([[1, 1, 2, 2, 2]]))
    packed = Encoded(*encoder(ops.convert_to_tensor(IDS[:1]), segment_ids=segments))
    for steps in (slice(0, 2), slice(2, 5)):
        alone = outputs_of(encoder, IDS[:1, steps])
        np.testing.assert_allclose(packed.outputs[:, steps], alone.outputs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name", [name for name in ENCODERS if name not in (*PACKS, "both_strands")]
)
def test_an_encoder_of_one_example_a_row_refuses_segment_ids(name):
    encoder = ALL[name]()
    (spec, *_) = encoder.input_specs().values()
    with pytest.raises(ValueError, match=r"one example in each row\. Received: `segment_ids`"):
        encoder(input_for(spec), segment_ids=ops.ones((B, S), "int32"))


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


@pytest.mark.parametrize("kind", POOLINGS)
def test_every_pooling_makes_a_vector_of_each_sequence_of_a_row(kind):
    keras.utils.set_random_seed(2)
    values = np.random.default_rng(1).normal(size=(2, 7, 4)).astype("float32")
    layer = Pooling(kind, units=3, hops=2)
    segment_ids = np.array([[1, 1, 1, 2, 3, 3, 0], [5, 5, 5, 5, 5, 5, 5]])
    mask = np.array([[1, 0, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0, 1, 0]], bool)
    segments = np.array([[3, 1, 2, 4], [5, 0, 0, 0]])  # of 4 there is no step
    found = layer(
        ops.convert_to_tensor(values), mask=mask, segment_ids=segment_ids, segments=segments
    )
    for row in range(2):
        for place, segment in enumerate(segments[row]):
            real = mask[row] & (segment_ids[row] == segment) & (segment > 0)
            alone = layer(ops.convert_to_tensor(values[row][None]), mask=real[None])
            np.testing.assert_allclose(found[row, place], alone[0], rtol=1e-5, atol=1e-6)
