"""Scheduled sampling feeds the model what it says itself, as often as is asked."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_captioners import captioned_pictures, make_captioner
from tiny_tasks import make_translator, reversal_pairs

import seqzoo as sz
from seqzoo import Captioner
from seqzoo.training.optimizer import Adam
from seqzoo.training.scheduled_sampling import ScheduledSampling, mix_in_samples

V = 9


def count_on(token_ids, state, encoded):
    """A model that always says the next number, and counts its steps."""
    return 100.0 * tf.one_hot((token_ids + 1) % V, V), state + encoded


def mixed(token_ids, rate, seed=(0, 0), per="token", **how):
    run = tf.function(mix_in_samples, reduce_retracing=True, **how)
    start = tf.zeros([len(token_ids), 1])
    return run(count_on, start, 1.0, tf.constant(token_ids), rate, tf.constant(seed), per).numpy()


RIGHT = np.array([[2, 7, 7, 7, 7], [2, 4, 1, 0, 0], [5, 5, 5, 5, 0]], "int32")


def test_a_rate_of_0_feeds_the_right_tokens():
    np.testing.assert_array_equal(mixed(RIGHT, 0.0), RIGHT)


def test_a_rate_of_1_feeds_what_the_model_says_of_what_it_was_fed():
    wanted = [[2, 3, 4, 5, 6], [2, 3, 4, 0, 0], [5, 6, 7, 8, 0]]
    np.testing.assert_array_equal(mixed(RIGHT, 1.0), wanted)


def test_a_rate_between_replaces_that_share():
    right = np.tile([[2, 7, 7, 7, 7, 7]], (2000, 1)).astype("int32")
    found = mixed(right, 0.3)
    after_right = found[:, :-1] == 7
    sampled = found[:, 1:] == 8
    assert sampled[after_right].mean() == pytest.approx(0.3, abs=0.03)
    assert (found[:, 0] == 2).all()


def test_samples_follow_the_model_not_its_best_guess():
    def coin(token_ids, state, encoded):
        return tf.math.log(tf.tile([[0.25, 0.75]], [tf.shape(token_ids)[0], 1])), state

    right = tf.fill([3000, 2], 5)
    found = mix_in_samples(coin, tf.zeros([3000, 1]), (), right, 1.0, (1, 2)).numpy()[:, 1]
    assert set(found) == {0, 1}
    assert found.mean() == pytest.approx(0.75, abs=0.03)


def test_a_sequence_is_fed_its_own_samples_as_a_whole_or_not_at_all():
    right = np.tile([[2, 7, 7, 7, 7, 7]], (2000, 1)).astype("int32")
    found = mixed(right, 0.3, per="sequence")
    is_own = (found[:, 1:] == [3, 4, 5, 6, 7]).all(axis=1)
    assert (is_own | (found == right).all(axis=1)).all()
    assert is_own.mean() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("per", ["token", "sequence"])
def test_the_same_seed_draws_the_same_and_another_one_something_else(per):
    right = np.tile([[2, 7, 7, 7, 7, 7]], (50, 1)).astype("int32")
    first = mixed(right, 0.5, (4, 1), per)
    np.testing.assert_array_equal(mixed(right, 0.5, (4, 1), per), first)
    with_xla = [mixed(right, 0.5, (4, 1), per, jit_compile=True) for _ in range(2)]
    np.testing.assert_array_equal(*with_xla)  # XLA draws other numbers
    assert 0.2 < (with_xla[0] != right).any(axis=1).mean() <= 1
    for other in ((4, 2), (5, 1)):
        assert (mixed(right, 0.5, other, per) != first).any()


@pytest.mark.parametrize(
    ("schedule", "right_share"),  # that of the paper, section 2.4, with n = 50
    [
        ("constant", lambda step: 0.0 * step),
        ("linear", lambda step: np.maximum(0, 1 - step / 50)),
        ("exponential", lambda step: np.exp(-1 / 50) ** step),
        ("inverse_sigmoid", lambda step: 50 / (50 + np.exp(step / 50))),
    ],
)
def test_the_shares_of_samples_are_those_of_the_paper_times_the_rate(schedule, right_share):
    steps = np.arange(0.0, 400.0, 7.0)
    sampling = ScheduledSampling(0.6, schedule, steps=50)
    found = [float(sampling.share(step)) for step in steps]
    np.testing.assert_allclose(found, 0.6 * (1 - right_share(steps)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 2}, r"`rate` must be from 0 to 1\. Received: rate=2\."),
        ({"rate": 0.5, "steps": 0}, r"`steps` must be at least 1\. Received: steps=0\."),
        ({"rate": 0.5, "schedule": "liner"}, "Unknown `schedule` 'liner'. Did you mean 'linear'"),
        ({"rate": 0.5, "per": "tokens"}, "Unknown `per` 'tokens'. Did you mean 'token'"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScheduledSampling(**arguments)


@pytest.mark.slow
def test_a_captioner_trains_on_its_own_samples_more_and_more():
    parts = make_captioner()
    task = Captioner(parts.encoder, parts.decoder, parts.preprocessor, parts.head)
    task.compile(Adam(0.02), scheduled_sampling=ScheduledSampling(0.5, steps=4))
    history = task.fit(captioned_pictures(24), batch_size=8, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def fed_in(task, step):
    """What the decoder of a translator is fed at a training step, and the right tokens."""
    source, target = zip(*reversal_pairs(40), strict=True)
    x, _, _ = task.preprocessor(tf.constant(source), tf.constant(target))
    task.optimizer.iterations.assign(step)
    encoded = task.encoder(x["source_ids"])
    return task.fed(x["target_ids"], encoded).numpy(), x["target_ids"].numpy()


def test_a_translator_is_fed_samples_as_often_as_the_step_says_and_learns_from_them():
    task = make_translator()
    task.compile(Adam(0.03), scheduled_sampling=ScheduledSampling(1.0, "linear", steps=100))
    fed, right = fed_in(task, 0)
    np.testing.assert_array_equal(fed, right)
    shares = []
    for step in (50, 100):
        fed, right = fed_in(task, step)
        shares.append((fed != right)[:, 1:][right[:, 1:] > 0].mean())
        assert (fed[:, 0] == right[:, 0]).all()
    assert 0.3 < shares[0] < 0.55  # some samples are right by chance
    assert shares[1] > 0.75
    task.optimizer.iterations.assign(0)
    losses = task.fit(reversal_pairs(40), batch_size=20, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_saved_task_goes_on_with_its_sampling(tmp_path):
    task = make_translator()
    task.compile(scheduled_sampling=ScheduledSampling(0.25, "exponential", 7, "sequence", 3))
    task.save(tmp_path / "task.keras")
    again = sz.load(tmp_path / "task.keras")
    assert again.scheduled_sampling.get_config() == task.scheduled_sampling.get_config()
