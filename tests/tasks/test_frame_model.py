"""Models of frames: likelihoods, training, frames that go on, files and servers."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_music import LOWEST, K, make_frame_model, rising_pieces, trained_frame_model

import seqzoo as sz
from seqzoo import from_preset, heads, load
from seqzoo.encoders import BlockEncoder, LanguageEncoder, RecurrentEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import PianoRolls, piece_as_text
from seqzoo.preprocessing.limits import Limits
from seqzoo.training.optimizer import Adam

PIECES = [[[60, 62], [61]], [], [[]], [[64], [65], [60], [61, 63], [62]]]


def test_training_lowers_the_loss_and_finds_the_keys():
    history = trained_frame_model().history
    for name in ("loss", "val_loss", "val_loss_after_first"):
        assert history[name][-1] < 0.7 * history[name][0]
    assert history["val_key_f1"][-1] > history["val_key_f1"][0]
    assert "loss_after_first" not in history


def nll_of(task, piece):
    """The negative log-likelihood of each frame, one step of the model at a time."""
    roll = sz.preprocessing.piano_roll(piece, LOWEST, K).astype("float32")
    state, before, losses = task.encoder.initial_state(1), np.zeros((1, K), "float32"), []
    for frame in roll:
        hidden, state = task.encoder.step(before, state)
        losses.append(-float(task.head.log_prob(frame[None], task.head(hidden))[0]))
        before = frame[None]
    return losses


def test_an_evaluation_is_the_mean_over_all_frames_one_by_one():
    task, pieces = trained_frame_model().task, rising_pieces(9, 5)
    losses = [nll_of(task, piece) for piece in pieces]
    found = task.evaluate(pieces, batch_size=4, return_dict=True, verbose=0)
    assert found["loss"] == pytest.approx(np.mean(np.concatenate(losses)), rel=1e-5)
    later = np.concatenate([each[1:] for each in losses])
    assert found["loss_after_first"] == pytest.approx(later.mean(), rel=1e-5)
    texts = list(map(piece_as_text, pieces))
    assert task.evaluate(texts, return_dict=True, verbose=0)["loss"] == pytest.approx(found["loss"])


def test_frames_that_go_on_are_drawn_one_by_one():
    task = trained_frame_model().task
    count = 400
    given = [[61, 63], [62]]
    drawn = task.generate([given] * count, 2, seed=7)
    roll = sz.preprocessing.piano_roll(given, LOWEST, K).astype("float32")
    frames = np.concatenate([np.zeros((1, K), "float32"), roll])
    hidden, state = None, task.encoder.initial_state(1)
    for frame in frames:
        hidden, state = task.encoder.step(frame[None], state)
    outputs = heads.ChordBiases(*task.head(hidden))
    for number in range(2):
        seen = [frames_of[number] for frames_of in drawn]
        if number:  # given the most frequent first one
            first = max((each[0] for each in drawn), key=[each[0] for each in drawn].count)
            seen = [each[1] for each in drawn if each[0] == first]
            roll = sz.preprocessing.piano_roll([first], LOWEST, K).astype("float32")
            outputs = heads.ChordBiases(*task.head(task.encoder.step(roll, state)[0]))
        for chord in ([63, 65], [64], [62], []):
            y = sz.preprocessing.piano_roll([chord], LOWEST, K)
            p = float(np.exp(task.head.log_prob(y, outputs)[0]))
            spread = 4 * np.sqrt(max(p * (1 - p), 0.01) / len(seen))
            assert np.mean([each == chord for each in seen]) == pytest.approx(p, abs=spread)


def test_frames_that_go_on_coldly_are_the_probable_ones_step_by_step():
    task = trained_frame_model().task
    drawn = task.generate(PIECES, 6, temperature=1e-6)
    for piece, found in zip(PIECES, drawn, strict=True):
        roll = sz.preprocessing.piano_roll(piece, LOWEST, K).astype("float32")
        frames, state = [np.zeros(K, "float32"), *roll], task.encoder.initial_state(1)
        for time in range(len(piece) + 6):
            hidden, state = task.encoder.step(frames[time][None], state)
            if time == len(frames) - 1:
                frames.append(np.float32(task.head.decide(task.head(hidden))[0]))
        assert task.preprocessor.pieces([frames[1 + len(piece) :]]) == [found]


def test_frames_do_not_depend_on_the_batch_but_on_the_seed():
    task = trained_frame_model().task
    together = task.generate(PIECES)
    assert [len(each) for each in together] == [4] * len(PIECES)
    assert task.generate(PIECES, batch_size=1) == together
    long = [[60]] * 300
    assert task.generate([*PIECES, long])[:-1] == together
    assert task.generate([PIECES[3]], seed=3) == together[3:]
    assert task.generate([piece_as_text(PIECES[3])], seed=3) == together[3:]
    assert task.generate(PIECES, 9, seed=1) != task.generate(PIECES, 9)
    assert task.generate([]) == []
    assert task.generate((piece for piece in PIECES), np.int64(4), seed=np.int64(0)) == together
    cold = task.generate(PIECES, temperature=1e-6)
    assert cold == task.generate(PIECES, temperature=1e-6, seed=5)


def test_a_saved_and_an_exported_model_go_on_alike(tmp_path):
    task = trained_frame_model().task
    wanted = task.generate(PIECES)
    task.save(tmp_path / "task.keras")
    task.save_preset(tmp_path / "preset")
    task.export(tmp_path / "export")
    assert load(tmp_path / "task.keras").generate(PIECES) == wanted
    assert from_preset(tmp_path / "preset").generate(PIECES) == wanted
    description = json.loads((tmp_path / "export/1/seqzoo.json").read_text())
    assert description["operations_outside_tensorflow"] == []
    signatures = tf.saved_model.load(tmp_path / "export/1").signatures
    rolls = task.preprocessor
    raw = rolls.pad(rolls.as_raw(PIECES))
    assert rolls.pieces(signatures["serving_default"](frames=raw)["frames"]) == wanted
    options = {"seed": tf.constant([3]), "temperature": tf.constant([1.0])}
    alone = signatures["with_options"](frames=raw[3:], **options)
    assert rolls.pieces(alone["frames"]) == wanted[3:]
    for wrong in (0.0, -1.0, float("nan"), float("inf")):  # counts as 1
        options["temperature"] = tf.constant([wrong])
        alone = signatures["with_options"](frames=raw[3:], **options)
        assert rolls.pieces(alone["frames"]) == wanted[3:]
    none = signatures["serving_default"](frames=raw[:0])["frames"]
    assert none.shape == (0, 4, K)


@pytest.mark.parametrize("mixer", ["attention", "mamba"])
def test_blocks_of_any_causal_mixer_read_frames_too(mixer):
    keras.utils.set_random_seed(1)
    encoder = BlockEncoder(None, K, make_blocks(K, 1, mixer, num_heads=2, causal=True))
    task = sz.FrameModel(encoder, PianoRolls(LOWEST, K), heads.Bernoulli(K))
    together = task.generate(PIECES, 5)
    assert [task.generate([piece], 5, seed=i)[0] for i, piece in enumerate(PIECES)] == together


def test_half_precision_trains_float32_weights_and_goes_on():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = make_frame_model()
    finally:
        keras.config.set_dtype_policy("float32")
    task.compile(Adam(0.03), run_eagerly=True)
    history = task.fit(rising_pieces(8), batch_size=8, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert {weight.dtype for weight in task.weights} == {"float32"}
    assert len(task.generate(PIECES)) == len(PIECES)


@pytest.mark.parametrize("head", [heads.NADE, heads.Bernoulli])
def test_double_precision_goes_on(head):
    keras.config.set_dtype_policy("float64")
    try:
        together = make_frame_model(head=head(K)).generate(PIECES)
    finally:
        keras.config.set_dtype_policy("float32")
    assert [len(each) for each in together] == [4] * len(PIECES)


def test_the_named_model_has_the_weights_of_the_paper():
    units, key_units = 8, 5
    simple = make_frame_model(cell="simple")
    recurrent = (K + units + 1) * units
    nade = (units + 1) * K + (units + 1) * key_units + 2 * K * key_units
    assert simple.count_params() == recurrent + nade
    independent = make_frame_model(head=heads.Bernoulli(K))
    assert independent.count_params() == 4 * recurrent + (units + 1) * K


def test_a_request_is_bounded():
    task = make_frame_model()
    task.limits = Limits(source_tokens=2, target_tokens=3, rows=2)
    with pytest.raises(ValueError, match=r"`frames` must be at most 3\. Received: frames=4"):
        task.generate(PIECES)
    with pytest.raises(ValueError, match="`frames` must be at most 3"):
        task.serving_signatures()
    end = task.generate([[[60]] * 9 + PIECES[0]], 3)
    assert task.generate([PIECES[0]], 3) == end


def test_wrong_options_and_parts_are_refused():
    task = trained_frame_model().task
    for options, message in (
        ({"frames": 0}, "`frames` must be at least 1"),
        ({"frames": 2.5}, r"`frames` must be an int\. Received: frames=2\.5"),
        ({"seed": None}, r"`seed` must be an int\. Received: seed=None"),
        ({"temperature": 0.0}, r"`temperature` must be positive and finite\. Received: .*=0\.0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            task.generate(PIECES, **options)
    with pytest.raises(ValueError, match=r"from 60 to 65\. Received: 66 in frame 0.*index 1"):
        task.generate([[[60]], [[66]]])
    with pytest.raises(ValueError, match=r"learns from pieces alone\. Received: `y`"):
        task.fit(PIECES, PIECES)
    rolls = PianoRolls(LOWEST, K)
    with pytest.raises(ValueError, match=r"6 keys\. Received: an encoder of 7\. Make it for 6"):
        sz.FrameModel(LanguageEncoder(None, 7, 3), rolls)
    with pytest.raises(ValueError, match=r"6 keys\. Received: a head of 88"):
        sz.FrameModel(LanguageEncoder(None, 6, 3), rolls, heads.Bernoulli())
    with pytest.raises(ValueError, match=r"`head` must be one of notes, .*head='bernoulli'"):
        sz.zoo.boulanger_2012(rolls, head="bernoulli")
    with pytest.raises(ValueError, match=r"list of frames.* Received: 'None'"):
        task.generate(None)
    with pytest.raises(ValueError, match="an encoder of tokens, vocabulary_size=9"):
        sz.FrameModel(LanguageEncoder(9, 6, 3), rolls)
    with pytest.raises(ValueError, match=r"an encoder that is RecurrentEncoder\. Make it a"):
        sz.FrameModel(RecurrentEncoder(None, K, units=3), PianoRolls(LOWEST, K))
    with pytest.raises(ValueError, match=r"reads none that comes later.* blocks\[0\]"):
        sz.FrameModel(BlockEncoder(None, K, make_blocks(K, 1, num_heads=2)), rolls)
