"""Encoders of images and videos: what they are given, in which form, and what they refuse."""

import keras
import numpy as np
import pytest
from keras import ops

from seqzoo.encoders import (
    Encoded,
    ImageEncoder,
    VideoEncoder,
    application_backbone,
    convolutional_backbone,
)
from seqzoo.encoders.image_backbones import DOWNSAMPLINGS, NORMALIZATIONS
from seqzoo.encoders.video import READINGS

BATCH, FRAMES, HEIGHT, WIDTH, UNITS = 2, 3, 8, 12, 5
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (BATCH, HEIGHT, WIDTH, 3)).astype("float32")
CLIPS = RNG.integers(0, 256, (BATCH, FRAMES, HEIGHT, WIDTH, 3)).astype("float32")


def image_encoder(normalization="none", **options):
    backbone = convolutional_backbone(HEIGHT, WIDTH, (4, 6), normalization=normalization)
    return ImageEncoder(backbone, HEIGHT, WIDTH, UNITS, **options)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_backbone_of_its_own_makes_a_grid(normalization):
    encoder = image_encoder(normalization)
    encoded = Encoded(*encoder(IMAGES))
    assert encoder.grid == (2, 3)
    assert encoded.outputs.shape == (BATCH, 6, UNITS)
    assert encoded.state[0][0].shape == (BATCH, UNITS)
    np.testing.assert_allclose(encoded.state[0][0], np.mean(encoded.outputs, axis=1), rtol=1e-5)
    assert np.all(encoded.mask)


def test_max_pooling_makes_the_grid_that_strides_make():
    for downsampling in DOWNSAMPLINGS:
        backbone = convolutional_backbone(
            HEIGHT, WIDTH, (4, 6), depth=(1, 2), normalization="none", downsampling=downsampling
        )
        assert backbone.output_shape == (None, 2, 3, 6)
        strides = {
            layer.strides for layer in backbone.layers if isinstance(layer, keras.layers.Conv2D)
        }
        assert ((2, 2) in strides) == (downsampling == "strides")
    with pytest.raises(ValueError, match="Unknown `downsampling`"):
        convolutional_backbone(HEIGHT, downsampling="mean")


def test_each_stage_of_a_backbone_may_have_a_depth_of_its_own():
    def convolutions(depth):
        layers = convolutional_backbone(HEIGHT, WIDTH, (4, 6), depth=depth).layers
        kernels = [layer.kernel for layer in layers if isinstance(layer, keras.layers.Conv2D)]
        return [kernel.shape[-1] for kernel in kernels]

    assert convolutions(2) == convolutions((2, 2)) == [4, 4, 6, 6]
    assert convolutions((1, 3)) == [4, 6, 6, 6]
    for depth in ((1,), (1, 0), 0):
        with pytest.raises(ValueError, match="a positive int, or one for each of `filters`"):
            convolutional_backbone(HEIGHT, WIDTH, (4, 6), depth=depth)


def test_features_take_the_place_of_the_pixels_that_they_are_of():
    encoder = image_encoder()
    from_pixels, seen = encoder(IMAGES), encoder.features(IMAGES)
    assert seen.shape == (BATCH, 6, 6)
    np.testing.assert_allclose(encoder(seen)[0], from_pixels[0], rtol=1e-5)


def test_a_frozen_backbone_has_no_weight_to_train_and_stays_in_inference():
    encoder = image_encoder("batch", frozen=True)
    encoder(IMAGES)
    assert len(encoder.trainable_weights) == 3
    before = [np.array(weight) for weight in encoder.backbone.weights]
    np.testing.assert_allclose(encoder(IMAGES, training=True)[0], encoder(IMAGES)[0], rtol=1e-5)
    for weight, old in zip(encoder.backbone.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_backbone_may_pool_its_grid_away():
    backbone = keras.Sequential(
        [keras.Input((HEIGHT, WIDTH, 3)), keras.layers.GlobalAveragePooling2D()]
    )
    encoded = Encoded(*ImageEncoder(backbone, HEIGHT, WIDTH, UNITS)(IMAGES))
    assert encoded.outputs.shape == (BATCH, 1, UNITS)


def test_a_backbone_without_a_grid_is_refused():
    backbone = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), keras.layers.Flatten()])
    ImageEncoder(backbone, HEIGHT, WIDTH, UNITS).build()
    backbone = keras.Sequential(
        [keras.Input((HEIGHT, WIDTH, 3)), keras.layers.Reshape((HEIGHT, WIDTH * 3))]
    )
    with pytest.raises(
        ValueError, match=r"must give features of shape .* Received: \(None, 8, 36\)"
    ):
        ImageEncoder(backbone, HEIGHT, WIDTH, UNITS).build()


def test_an_application_gets_pixels_as_it_wants_them():
    backbone = application_backbone("MobileNetV2", 32)
    pixels = np.full((1, 32, 32, 3), 255.0)
    np.testing.assert_allclose(backbone.layers[0](pixels), 1.0)
    assert ImageEncoder(backbone, 32, units=UNITS)(pixels)[0].shape == (1, 1, UNITS)
    with pytest.raises(ValueError, match="Did you mean 'MobileNetV2'"):
        application_backbone("MobileNetV22", 32)


def test_a_backbone_of_keras_hub_is_taken(tf):
    import keras_hub

    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(HEIGHT, WIDTH, 3),
    )
    outputs = ImageEncoder(backbone, HEIGHT, WIDTH, UNITS)(IMAGES)[0]
    assert outputs.shape[0] == BATCH
    assert outputs.shape[2] == UNITS


@pytest.mark.parametrize("reading", READINGS)
def test_frames_of_padding_change_nothing(reading):
    encoder = VideoEncoder(image_encoder(), 7, UNITS, reading)
    mask = np.array([[True, True, True], [True, False, False]])
    wanted = Encoded(*encoder(CLIPS, mask=mask))
    longer = np.concatenate([np.where(mask[..., None, None, None], CLIPS, 9), CLIPS[:, :2]], axis=1)
    found = Encoded(*encoder(longer, mask=np.pad(mask, ((0, 0), (0, 2)))))
    for one, other in zip(found.state[0], wanted.state[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    real = np.asarray(wanted.mask)
    np.testing.assert_allclose(
        np.asarray(found.outputs)[:, : real.shape[1]][real],
        np.asarray(wanted.outputs)[real],
        atol=1e-5,
    )
    assert np.sum(found.mask) == real.sum()


@pytest.mark.parametrize("reading", READINGS)
def test_the_order_of_frames_counts(reading):
    encoder = VideoEncoder(image_encoder(), 7, UNITS, reading)
    forward, backward = (Encoded(*encoder(clip)) for clip in (CLIPS, CLIPS[:, ::-1]))
    assert np.abs(forward.state[0][0] - backward.state[0][0]).max() > 1e-3


def test_features_of_frames_take_the_place_of_pixels():
    encoder = VideoEncoder(image_encoder(), 7, UNITS)
    wanted = encoder(CLIPS)[0]
    np.testing.assert_allclose(encoder(encoder.features(CLIPS))[0], wanted, rtol=1e-4, atol=1e-5)


def test_too_many_frames_are_refused():
    encoder = VideoEncoder(image_encoder(), 2, UNITS)
    with pytest.raises(ValueError, match="A video has 3 frames, but `max_frames` is 2"):
        encoder(CLIPS)
    with pytest.raises(ValueError, match="Did you mean 'mean'"):
        VideoEncoder(image_encoder(), reading="meen")


def test_dropout_acts_in_training_only():
    encoder = image_encoder(dropout=0.5)
    np.testing.assert_array_equal(encoder(IMAGES)[0], encoder(IMAGES)[0])
    dropped = np.asarray(encoder(IMAGES, training=True)[0])
    assert ops.shape(dropped) == (BATCH, 6, UNITS)
    assert (dropped == 0).sum() > (np.asarray(encoder(IMAGES)[0]) == 0).sum()
