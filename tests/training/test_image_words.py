"""A backbone that learns which words the captions of an image have."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.encoders import convolutional_backbone
from seqzoo.training import learn_words, word_shares


def test_shares_count_the_captions_of_an_image_that_have_a_word():
    captions = [["a red dot", "a dot"], ["a blue dot dot", "a blue line"]]
    # a, blue, dot, line, red
    expected = [[1, 0, 1, 0, 0.5], [1, 1, 0.5, 0.5, 0]]
    np.testing.assert_allclose(word_shares(captions), expected)
    np.testing.assert_allclose(word_shares(captions, at_least=2), [[1, 1], [1, 0.5]])


def test_a_backbone_learns_which_colour_is_named_and_stays_as_trainable_as_it_was():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    is_red = rng.random(64) < 0.5
    pixels = rng.integers(0, 60, (64, 16, 16, 3)).astype("uint8")
    pixels[is_red, 4:8, 4:8, 0] = 255
    pixels[~is_red, 4:8, 4:8, 2] = 255
    shares = np.stack([is_red, ~is_red], axis=1).astype("float32")
    backbone = convolutional_backbone(16, filters=(8, 16), downsampling="max_pooling")
    backbone.trainable = False
    batches = tf.data.Dataset.from_tensor_slices((pixels, shares)).batch(16)
    losses = learn_words(backbone, batches, shares, epochs=12, learning_rate=1e-2, dropout=0.0)
    assert not backbone.trainable
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(
    ("words", "epochs", "change"),
    [(0, 1, lambda x: x), (2, 0, lambda x: x), (2, -1, lambda x: x), (2, 1, lambda x: x.repeat())],
)
def test_nothing_to_learn_is_refused_ahead_of_training(words, epochs, change):
    shares = np.ones((4, words), "float32")
    batches = tf.data.Dataset.from_tensor_slices((np.zeros((4, 16, 16, 3)), shares)).batch(2)
    with pytest.raises(ValueError, match="at least one word in at least one epoch"):
        learn_words(convolutional_backbone(16, filters=(4,)), change(batches), shares, epochs)
