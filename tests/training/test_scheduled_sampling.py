"""Scheduled sampling feeds the model what it says itself, as often as is asked."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_captioners import captioned_pictures, make_captioner

from seqzoo import Captioner
from seqzoo.training.optimizer import Adam
from seqzoo.training.scheduled_sampling import mix_in_samples

V = 9


def count_on(token_ids, state, encoded):
    """A model that always says the next number, and counts its steps."""
    return 100.0 * tf.one_hot((token_ids + 1) % V, V), state + encoded


def mixed(token_ids, rate):
    run = tf.function(mix_in_samples, reduce_retracing=True)
    return run(count_on, tf.zeros([len(token_ids), 1]), 1.0, tf.constant(token_ids), rate).numpy()


RIGHT = np.array([[2, 7, 7, 7, 7], [2, 4, 1, 0, 0], [5, 5, 5, 5, 0]], "int32")


def test_a_rate_of_0_feeds_the_right_tokens():
    np.testing.assert_array_equal(mixed(RIGHT, 0.0), RIGHT)


def test_a_rate_of_1_feeds_what_the_model_says_of_what_it_was_fed():
    wanted = [[2, 3, 4, 5, 6], [2, 3, 4, 0, 0], [5, 6, 7, 8, 0]]
    np.testing.assert_array_equal(mixed(RIGHT, 1.0), wanted)


def test_a_rate_between_replaces_that_share():
    tf.random.set_seed(3)
    right = np.tile([[2, 7, 7, 7, 7, 7]], (2000, 1)).astype("int32")
    found = mixed(right, 0.3)
    after_right = found[:, :-1] == 7
    sampled = found[:, 1:] == 8
    assert sampled[after_right].mean() == pytest.approx(0.3, abs=0.03)
    assert (found[:, 0] == 2).all()


def test_samples_follow_the_model_not_its_best_guess():
    def coin(token_ids, state, encoded):
        return tf.math.log(tf.tile([[0.25, 0.75]], [tf.shape(token_ids)[0], 1])), state

    tf.random.set_seed(1)
    right = tf.fill([3000, 2], 5)
    found = mix_in_samples(coin, tf.zeros([3000, 1]), (), right, 1.0).numpy()[:, 1]
    assert set(found) == {0, 1}
    assert found.mean() == pytest.approx(0.75, abs=0.03)


def test_a_captioner_trains_on_its_own_samples_more_and_more():
    parts = make_captioner()
    sampling = {"scheduled_sampling": 0.5, "scheduled_sampling_steps": 4}
    task = Captioner(parts.encoder, parts.decoder, parts.preprocessor, parts.head, **sampling)
    task.compile(Adam(0.02))
    history = task.fit(captioned_pictures(24), batch_size=8, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    again = type(task).from_config(task.get_config())
    assert (again.scheduled_sampling, again.scheduled_sampling_steps) == (0.5, 4)
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: scheduled_sampling=2"):
        Captioner(parts.encoder, parts.decoder, scheduled_sampling=2)
