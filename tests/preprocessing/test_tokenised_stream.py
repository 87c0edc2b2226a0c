"""Streams that were tokenised once give what the raw ones give."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_tagger, tagged
from tiny_tasks import make_bigram, reversal_pairs

from seqzoo.datasets import streams
from seqzoo.preprocessing import streamed_batches, tokenised

PAIRS = reversal_pairs(50)


def raw_stream(folder, pairs=PAIRS):
    folder.mkdir(exist_ok=True)
    for number in range(3):
        lines = [f"{source}\t{target}\n" for source, target in pairs[number::3]]
        (folder / f"part-{number}.tsv").write_text("".join(lines))
    return streams.tab_separated(folder / "part-*.tsv", shuffle=9)


def batches(stream, preprocessor, steps=7):
    made = streamed_batches(stream, preprocessor, batch_size=8, seed=2)
    return list(made.dataset.take(steps).as_numpy_iterator())


def assert_same(one, other):
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def test_a_task_learns_and_measures_on_ids_what_it_does_on_texts(tmp_path):
    raw, task = raw_stream(tmp_path / "raw"), make_bigram()
    stream = tokenised(raw, task.preprocessor, tmp_path / "ids")

    def batches(source):
        of_training = task.make_training_batches(source, None, 8, None, 0, None)
        of_evaluation = task.make_evaluation_batches(source, None, 8)
        steps = 2 * of_training.steps_per_epoch
        return [list(each) for each in (of_training.dataset.take(steps), of_evaluation)]

    assert_same(batches(stream), batches(raw))
    assert len(stream) == len(PAIRS)
    assert stream.origin["preprocessor"] != 0
    assert stream.origin | raw.origin == stream.origin


def test_nothing_is_tokenised_twice_and_what_a_killed_process_left_is_made_anew(tmp_path):
    raw, preprocessor = raw_stream(tmp_path / "raw"), make_bigram().preprocessor
    tokenised(raw, preprocessor, tmp_path / "ids")
    files = sorted((tmp_path / "ids").glob("part-*"))
    assert len(files) == 3
    times = [file.stat().st_mtime_ns for file in files]
    contents = [file.read_bytes() for file in files]
    files[1].unlink()
    (tmp_path / "ids" / ".writing-x").mkdir()

    tokenised(raw, preprocessor, tmp_path / "ids")
    assert [f.stat().st_mtime_ns for f in files][::2] == times[::2]
    assert [file.read_bytes() for file in files] == contents
    assert not (tmp_path / "ids" / ".writing-x").exists()


def test_ids_that_changed_on_the_disk_are_refused_by_name(tmp_path):
    raw, preprocessor = raw_stream(tmp_path / "raw"), make_bigram().preprocessor
    tokenised(raw, preprocessor, tmp_path / "ids")
    for name, message in {
        "part-00001.tfrecord": r"part-00001.tfrecord is damaged: it must have the digest",
        "SHA256SUMS": r"SHA256SUMS is damaged|part-\d+.tfrecord is damaged",
        "made_of.json": r"made_of.json is damaged: it must hold a JSON object",
    }.items():
        path = tmp_path / "ids" / name
        whole = path.read_bytes()
        for content in (whole[:9] + bytes([whole[9] ^ 8]) + whole[10:], whole[:-1], b""):
            if name == "made_of.json" and len(content) == len(whole):
                continue  # it is that of another stream
            path.write_bytes(content)
            with pytest.raises(ValueError, match=message):
                tokenised(raw, preprocessor, tmp_path / "ids")
        path.write_bytes(whole)
    sums = (tmp_path / "ids" / "SHA256SUMS").read_bytes()
    (tmp_path / "ids" / "SHA256SUMS").unlink()  # as an earlier version left it
    tokenised(raw, preprocessor, tmp_path / "ids")
    assert (tmp_path / "ids" / "SHA256SUMS").read_bytes() == sums


def test_sentences_of_words_and_letters_come_back_as_they_were(tmp_path):
    sentences = tagged(20)
    text = "\n\n".join("\n".join(f"{w} {t}" for w, t in zip(*s, strict=True)) for s in sentences)
    (tmp_path / "a.conll").write_text(text)
    raw, tagger = streams.conll_files(tmp_path / "a.conll"), make_tagger()
    ids = tokenised(raw, tagger.preprocessor, tmp_path / "ids")
    tagger.compile()
    wanted, found = (
        list(tagger.make_evaluation_batches(stream, None, 7).as_numpy_iterator())
        for stream in (raw, ids)
    )
    assert "pieces" in wanted[0][0]
    assert_same(found, wanted)


@pytest.mark.parametrize("other", ["data", "tokenizer"])
def test_a_folder_of_other_ids_is_refused(tmp_path, other):
    raw, task = raw_stream(tmp_path / "raw"), make_bigram()
    tokenised(raw, task.preprocessor, tmp_path / "ids")
    if other == "data":
        raw, message = raw_stream(tmp_path / "raw", PAIRS[:40]), r"checksum=\d+, where .*ids has"
    else:
        task.preprocessor.max_target_length, message = 3, r"preprocessor=\d+, where .*ids has \d+"
    with pytest.raises(ValueError, match=message):
        tokenised(raw, task.preprocessor, tmp_path / "ids")
