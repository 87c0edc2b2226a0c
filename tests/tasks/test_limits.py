"""Work is bounded: what is too long is cut or has no answer, and never at the others' cost."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_classifier, make_tagger
from tiny_captioners import make_captioner
from tiny_tasks import make_bigram, make_language_model, make_translator

from seqzoo import BeamSearch, Greedy, Sample
from seqzoo.preprocessing import FrameReader, LabelledVectors, Limits
from seqzoo.tasks import length_groups
from seqzoo.tasks.request import batches_of_like_length
from seqzoo.tasks.traced_functions import TracedFunctions

SMALL = Limits(source_bytes=60, source_tokens=6, rows=3)
TEXTS = ["a b", "g " * 30, "a " * 100_000, "c"]
UNREAD = 2
BUILDERS = {
    "seq2seq": make_translator,
    "language_model": make_language_model,
    "classifier": make_classifier,
    "tagger": make_tagger,
}


def raw_of(name, texts):
    if name != "tagger":
        return tf.constant(texts)
    return tf.ragged.constant([text.split() for text in texts], tf.string).to_tensor("")


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", BUILDERS)
def test_each_served_row_gets_the_answer_that_it_gets_alone(name, monkeypatch):
    monkeypatch.setattr(length_groups, "ALIKE", 4)
    task = BUILDERS[name]()
    task.limits = SMALL
    generates = name in ("seq2seq", "language_model")
    arguments = [Greedy(max_length=2)] if generates else []

    def serve(texts):
        answers = task.serve(raw_of(name, texts), *arguments)
        return [dict(zip(answers, row, strict=True)) for row in zip(*answers.values(), strict=True)]

    together = serve(TEXTS)
    kept = "g " * (SMALL.source_tokens - (name == "seq2seq"))  # whose end token counts
    alone = serve([TEXTS[0]]) if name == "tagger" else serve([TEXTS[0], kept])
    for row, other in zip(together[: len(alone)], alone, strict=True):
        for key, value in other.items():
            if value.dtype == tf.string:
                found = row[key][:2] if name == "tagger" else row[key]
                np.testing.assert_array_equal(found, value)
            else:
                np.testing.assert_allclose(row[key], value, rtol=1e-4)
    for index in (1, UNREAD) if name == "tagger" else (UNREAD,):
        for value in together[index].values():
            empty = b"" if value.dtype == tf.string else -np.inf if generates else 0
            assert np.all(value.numpy() == empty)


@pytest.mark.usefixtures("eagerly")
def test_a_bad_picture_has_no_answer_and_the_others_have_theirs():
    task = make_captioner("vinyals_2015", search=Greedy(max_length=2))
    good = [tf.io.encode_png(np.full((8, 8, 3), level, "uint8")).numpy() for level in (9, 200)]
    wanted = {key: value.numpy() for key, value in task.serve(tf.constant(good)).items()}
    found = task.serve(tf.constant([b"no picture", good[0], good[0][:-20], good[1], b""]))
    assert found["text"].numpy()[[1, 3]].tolist() == wanted["text"].tolist()
    np.testing.assert_allclose(found["scores"].numpy()[[1, 3]], wanted["scores"], rtol=1e-4)
    assert found["text"].numpy()[[0, 2, 4], 0].tolist() == [b""] * 3
    assert found["scores"].numpy()[[0, 2, 4], 0].tolist() == [-np.inf] * 3
    assert task.described_limits["pixels"] == task.preprocessor.reader.max_pixels


@pytest.mark.parametrize(
    ("steps", "rows", "groups"),
    [
        ([3000, 1, 2, 900, 256, 3, 700, 0, 300], 4, [[7, 1, 2, 5], [4, 8], [6], [3], [0]]),
        # 63 rows of 6 steps and one of 72 would have 4,158 steps of padding; of 71, 4,095.
        ([72, *[6] * 63], 99, [[*range(1, 64)], [0]]),
        ([71, *[6] * 63], 99, [[*range(1, 64), 0]]),
        ([100, *[25] * 63], 99, [[*range(1, 64), 0]]),  # no more than 4 times as long
        ([101, *[25] * 63], 99, [[*range(1, 64)], [0]]),
        ([0, 250, 1, 5000, 1], 9, [[0, 2, 4, 1], [3]]),  # few rows are padded together
        ([7], 3, [[0]]),
    ],
)
def test_groups_hold_rows_of_like_length_and_long_ones_few(steps, rows, groups):
    found = []

    def answer(indices):
        found.append(indices.numpy().tolist())
        return {"index": indices}

    specs = {"index": tf.TensorSpec([None], tf.int32)}
    answers = length_groups.answer_in_groups(tf.constant(steps), rows, answer, specs)
    assert answers["index"].numpy().tolist() == list(range(len(steps)))
    assert found == groups
    batches = batches_of_like_length(np.array(steps), rows)
    assert [each.tolist() for each in batches] == groups


def test_no_rows_are_one_group():
    specs = {"name": tf.TensorSpec([None, 2], tf.string)}
    answers = length_groups.answer_in_groups(
        tf.constant([], tf.int32), 4, lambda rows: {"name": tf.fill([tf.size(rows), 2], "")}, specs
    )
    assert answers["name"].shape == (0, 2)
    assert list(batches_of_like_length(np.array([], int), 4)) == []


@pytest.mark.usefixtures("eagerly")
def test_generate_reads_as_a_server_does_and_warns():
    task = make_translator(search=Greedy(max_length=4))
    task.limits = SMALL
    with pytest.warns(UserWarning, match=r"1 of 4 inputs have more than 60 bytes .* index 2"):
        answers = task.generate(TEXTS, return_hypotheses=True)
    (unread,) = answers[UNREAD]
    assert (unread.text, unread.score, unread.tokens) == ("", -np.inf, [])
    assert answers[1][0].text == task.generate(["g " * (SMALL.source_tokens - 1)])[0]
    texts = task.serve(tf.constant(TEXTS))["text"][:, 0].numpy()
    assert [answer[0].text.encode() for answer in answers] == texts.tolist()
    # Unknown words are replaced at the positions of the source that was cut.
    assert len(task.generate(["zz " * 18], Greedy(max_length=2), replace_unknown=True)) == 1
    assert list(task.stream(["g " * 30]))[-1] == [answers[1][0].text]


@pytest.mark.usefixtures("eagerly")
def test_samples_depend_on_the_place_in_the_request_and_not_on_the_groups(monkeypatch):
    task, search = make_translator(), Sample(max_length=2, seed=3)
    texts = tf.constant(["a b c", "d", "a b c"])
    wanted = task.serve(texts, search)["text"].numpy()
    monkeypatch.setattr(length_groups, "ALIKE", 2)
    task.limits = Limits(rows=1)
    np.testing.assert_array_equal(task.serve(texts, search)["text"], wanted)


def test_a_search_beyond_the_limits_is_refused():
    task = make_translator()
    for search, message in (
        (BeamSearch(1025), "width of a search must be at most 1,024. Received: 1,025"),
        (BeamSearch(10**6, max_length=5), r"width .* Received: 1,000,000"),
        (Sample(n_samples=2000), r"width .* Received: 2,000"),
        (Greedy(max_length=10**9), "max_length of a search must be at most 16,384"),
    ):
        with pytest.raises(ValueError, match=message):
            task.generate(["a"], search)
        with pytest.raises(ValueError, match=message):
            task.serving_signatures(search)
    task.limits = Limits(width=10**6, target_tokens=10**9)
    assert task.complete(BeamSearch(10**6, max_length=10**9)).width == 10**6


def test_limits_are_saved_and_may_be_missing_in_old_files():
    task = make_bigram(limits=dataclasses.replace(SMALL, width=7))
    config = task.get_config()
    assert type(task).from_config(config).limits == task.limits
    config["limits"]["of_another_version"] = 3
    assert type(task).from_config(config).limits == task.limits
    del config["limits"]
    assert type(task).from_config(config).limits == Limits()
    for wrong in (0, -1, True, 2.5, "9", None):
        with pytest.raises(ValueError, match="`frames` must be a positive integer"):
            Limits(frames=wrong)


@pytest.mark.usefixtures("eagerly")
def test_a_task_keeps_few_traced_functions():
    traced, made, task = TracedFunctions(), [], keras.Sequential()

    def get(key):
        return traced.get(task, key, lambda: made.append(key) or [key])

    assert [get(key) for key in (*range(8), 0, 8, 0, 2, 1)] == [
        [k] for k in (*range(8), 0, 8, 0, 2, 1)
    ]
    assert made == [*range(8), 8, 1]  # 1 was the one that had not been used for longest


def test_long_vectors_are_cut_and_long_videos_thinned_out():
    vectors = LabelledVectors(2, ["x", "y"])
    raw = np.full((3, 40, 2), np.nan, "float32")
    raw[0, :40], raw[1, :3] = 1.0, 2.0
    bounded = vectors.encode_within(tf.constant(raw), SMALL)
    assert bounded.steps.numpy().tolist() == [6, 3, 0]
    assert vectors.pack_inputs(bounded.encoded)["mask"].numpy().sum(axis=1).tolist() == [6, 3, 0]

    frames = [[b"%d" % i for i in range(count)] + [b""] * (9 - count) for count in (9, 2, 5, 0)]
    for reader in (FrameReader(2, max_frames=5), FrameReader(2)):
        found = reader.within(tf.constant(frames), Limits(frames=5)).raw
        assert found.numpy()[0].tolist() == [b"0", b"2", b"4", b"6", b"8"]
        assert found.numpy()[1:].tolist() == [row[:5] for row in frames[1:]]
        assert reader.within(tf.constant(frames)[3:], SMALL).raw.shape == (1, 0)
