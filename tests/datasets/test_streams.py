"""Streams of files: every pair once an epoch, in an order of its own, from any kind of file."""

import csv
import gzip
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_classifier, make_tagger, tagged
from tiny_captioners import COLOURS, make_captioner, picture
from tiny_tasks import make_bigram, reversal_pairs

from seqzoo.datasets import parallel_text, streams
from seqzoo.preprocessing import streamed_batches
from seqzoo.training import Adam, Resume

PAIRS = [(f"s{number} ä", "t " * (number % 7) + str(number)) for number in range(50)]
THIRDS = [PAIRS[:11], PAIRS[11:30], PAIRS[30:]]


def as_tab_separated(folder):
    for number, pairs in enumerate(THIRDS):
        lines = "".join(f"{number}\t{source}\t{target}\n" for source, target in pairs)
        if number == 1:
            with gzip.open(folder / f"part-{number}.tsv.gz", "wt") as file:
                file.write(lines)
        else:
            (folder / f"part-{number}.tsv").write_text(lines)
    patterns = [folder / "part-*.tsv", str(folder / "part-*.tsv.gz")]
    return streams.tab_separated(patterns, columns=(1, 2), shuffle=9)


def as_comma_separated(folder):
    for number, pairs in enumerate(THIRDS):
        open_file = gzip.open if number == 1 else open
        ending = ".gz" if number == 1 else ""
        with open_file(folder / f"part-{number}.csv{ending}", "wt", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(["target", "other", "source"])
            writer.writerows([target, "a,\n", source] for source, target in pairs)
    return streams.comma_separated(str(folder / "part-*"), columns=(2, 0), shuffle=9)


def as_line_aligned(folder):
    for number, pairs in enumerate(THIRDS):
        for side, language in enumerate(("de", "en")):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            with gzip.open(folder / f"train-{number}.{language}.gz", "wt") as file:
                file.write(text)
    return streams.line_aligned(folder / "train-*.de.gz", folder / "train-*.en.gz", shuffle=9)


def as_tf_records(folder):
    def feature(text):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))

    for number, pairs in enumerate(THIRDS):
        with tf.io.TFRecordWriter(str(folder / f"{number}.tfrecord")) as writer:
            for source, target in pairs:
                features = {"a": feature(source), "b": feature(target)}
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return streams.tf_records(folder / "*.tfrecord", "a", "b", shuffle=9)


def as_dataset(folder):
    sides = ([pair[side] for pair in PAIRS] for side in (0, 1))
    return streams.from_dataset(tf.data.Dataset.from_tensor_slices(tuple(sides)), shuffle=9)


KINDS = [as_tab_separated, as_comma_separated, as_line_aligned, as_tf_records, as_dataset]


def texts(dataset):
    return [(s.decode(), t.decode()) for s, t in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("make", KINDS)
def test_every_pair_comes_once_in_an_epoch_and_each_epoch_has_an_order_of_its_own(make, tmp_path):
    stream = make(tmp_path)

    assert len(stream) == len(PAIRS)
    assert sorted(stream) == sorted(PAIRS)
    first, second = (texts(stream.shuffled(3).skip(n * 50).take(50)) for n in (0, 1))
    assert sorted(first) == sorted(second) == sorted(PAIRS)
    assert first != second
    assert first not in (PAIRS, list(stream))
    assert texts(stream.shuffled(3).take(50)) == first
    assert texts(stream.shuffled(4).take(50)) != first


class Words:
    """Encodes a text as the lengths of its words, but a number as itself plus one."""

    def encode(self, x, y):
        return self.rows(x), self.rows(y)

    def rows(self, strings):
        words = tf.strings.split(strings)
        is_number = tf.strings.regex_full_match(words.flat_values, "[0-9]+")
        number = tf.strings.to_number(tf.where(is_number, words.flat_values, "0"), tf.int32)
        return words.with_flat_values(tf.where(is_number, number + 2, 1))

    def pack(self, source, target):
        return source.to_tensor(), target.to_tensor()


def seen(batches, steps):
    return [
        [int(row.max()) - 2 for row in target]
        for _, target in batches.dataset.take(steps).as_numpy_iterator()
    ]


def test_batches_hold_every_example_once_an_epoch_and_targets_of_like_length(tmp_path):
    stream = as_line_aligned(tmp_path)
    batches = streamed_batches(stream, Words(), batch_size=5)

    assert batches.steps_per_epoch == 10
    found = seen(batches, 64 * 5 // 5)
    counts = Counter(number for batch in found for number in batch)
    assert set(counts) == set(range(50))
    assert set(counts.values()) <= {6, 7}  # 320 examples are 6.4 epochs
    assert {len(batch) for batch in found} == {5}
    spread = [max(n % 7 for n in batch) - min(n % 7 for n in batch) for batch in found]
    assert sum(spread) / len(spread) < 1
    assert found == seen(batches, 64)
    assert seen(batches.after(7), 5) == found[7:12]


def test_without_buckets_a_batch_of_a_stream_holds_lengths_of_all_kinds(tmp_path):
    batches = streamed_batches(as_line_aligned(tmp_path), Words(), batch_size=5, by_length=False)
    found = seen(batches, 64)
    counts = Counter(number for batch in found for number in batch)
    assert set(counts) == set(range(50))
    assert set(counts.values()) <= {6, 7}
    spread = [max(n % 7 for n in batch) - min(n % 7 for n in batch) for batch in found]
    assert sum(spread) / len(spread) > 3


def test_a_budget_of_tokens_holds_for_the_longer_side(tmp_path):
    batches = streamed_batches(as_line_aligned(tmp_path), Words(), tokens_per_batch=24)
    sizes = [max(x.size, y.size) for x, y in batches.dataset.take(40).as_numpy_iterator()]
    assert max(sizes) <= 24
    assert sum(sizes) / len(sizes) > 0.7 * 24


def test_parts_of_streamed_batches_are_the_batches(tmp_path):
    batches = streamed_batches(as_line_aligned(tmp_path), Words(), batch_size=5)
    whole = seen(batches, 4)
    parts = seen(batches.parts(2, 0, 2), 8)
    assert [a + b for a, b in zip(parts[::2], parts[1::2], strict=True)] == whole


def reversal_file(folder, count):
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in reversal_pairs(count)))
    return path


def test_a_task_trains_evaluates_and_resumes_on_a_stream(tmp_path):
    file = reversal_file(tmp_path, 30)

    def train(folder, epochs):
        task = make_bigram()
        task.compile()
        stream = streams.tab_separated(file, shuffle=8)
        settings = {"batch_size": 4, "verbose": 0, "validation_data": stream}
        resume = [Resume(tmp_path / folder)]
        history = task.fit(stream, epochs=epochs, callbacks=resume, **settings).history
        return task, history

    whole, history = train("whole", 3)
    assert history["val_loss"][-1] < history["val_loss"][0]
    train("parts", 1)
    parts, _ = train("parts", 3)
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        assert (one == other).all()
    stream = streams.tab_separated(file)
    assert whole.evaluate(stream, verbose=0, return_dict=True)["loss"] == pytest.approx(
        history["val_loss"][-1]
    )
    file.write_text(file.read_text().replace("a", "b"))  # at the same size
    with pytest.raises(ValueError, match=r"data content=\w+, where the checkpoint has"):
        train("parts", 4)


def test_shards_of_a_training_split_are_streamed(tmp_path):
    as_line_aligned(tmp_path)
    for name in ("validation", "test"):
        (tmp_path / f"{name}.de").write_text("x\n")
        (tmp_path / f"{name}.en").write_text("y\n")
    splits = parallel_text.load(tmp_path, "de", "en")
    assert isinstance(splits["train"], streams.Stream)
    assert sorted(splits["train"]) == sorted(PAIRS)
    assert splits["test"] == [("x", "y")]


def test_wrong_files_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No file fits '.*none-\*'\. Check the path\."):
        streams.tab_separated(tmp_path / "none-*")
    as_line_aligned(tmp_path)
    with pytest.raises(ValueError, match="Received: 3 sources and 1 targets"):
        streams.line_aligned(tmp_path / "train-*.de.gz", tmp_path / "train-0.en.gz")
    (tmp_path / "bad.tsv").write_text("a\tb\nalone\n")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"line 2 of .*bad\.tsv, 'alone'"):
        list(streams.tab_separated(tmp_path / "bad.tsv"))
    with pytest.raises(ValueError, match="`shuffle` must be at least 1"):
        streams.Stream(("a",), lambda name: None, shuffle=0)


@pytest.mark.parametrize("record", ["", "a,", "a", '"a"b,c', ",b"])
def test_a_blank_line_and_a_missing_field_of_a_csv_file_are_named(tmp_path, record):
    (tmp_path / "bad.csv").write_text(f'x,y\n"1\n2",b\n{record}\n')
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"line 4 of .*bad\.csv"):
        list(streams.comma_separated(tmp_path / "bad.csv"))


@pytest.mark.parametrize("lines", [(3, 2), (2, 3), (0, 1)])
def test_streamed_files_of_unequal_numbers_of_lines_are_refused_as_lists_are(tmp_path, lines):
    for name, count in zip("ab", lines, strict=True):
        (tmp_path / name).write_text("line\n" * count)
    message = f"Received: .*a with {lines[0]} and .*b with {lines[1]}"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        list(streams.line_aligned(tmp_path / "a", tmp_path / "b"))


def test_a_name_that_exists_is_a_file_and_no_pattern(tmp_path):
    folder = tmp_path / "set [a-c]*"
    folder.mkdir()
    for name, text in (("p[0].tsv", "a\tb\n"), ("p0.tsv", "other\tpair\n")):
        (folder / name).write_text(text)
    assert list(streams.tab_separated(folder / "p[0].tsv")) == [("a", "b")]
    for language, text in (("de", "ja\n"), ("en", "yes\n")):
        (folder / f"train-0.{language}").write_text(text)
    loaded = parallel_text.load(folder, "de", "en", splits=["train"])["train"]
    assert list(loaded) == [("ja", "yes")]
    write_pictures(folder)
    labels = {label for _, label in streams.image_folders(folder / "red")}
    assert labels == {"red"}


def test_streams_and_lists_read_the_same_lines(tmp_path):
    """A byte order mark, ends of both kinds, and separators that end no line."""
    pairs = [("a\u2028b", "c\x0b\x0c\x1c\x85"), ("d\re", ""), ("", "g\u00a0")]
    for side, language in enumerate(("de", "en")):
        text = "\ufeff" + "".join(f"{pair[side]}\r\n" for pair in pairs)
        (tmp_path / f"train.{language}").write_bytes(text.encode())
    table = "\ufeff" + "\r\n".join("\t".join(pair) for pair in pairs)
    (tmp_path / "pairs.tsv").write_bytes(table.encode())
    assert parallel_text.load(tmp_path, "de", "en", splits=["train"])["train"] == pairs
    assert list(streams.line_aligned(tmp_path / "train.de", tmp_path / "train.en")) == pairs
    assert parallel_text.load_tab_separated(tmp_path / "pairs.tsv") == pairs
    assert list(streams.tab_separated(tmp_path / "pairs.tsv")) == pairs


SENTENCES = tagged(30)


def write_conll(folder):
    for number, part in enumerate((SENTENCES[:9], SENTENCES[9:25], SENTENCES[25:])):
        blocks = ["\n".join(f"{w} x {t}" for w, t in zip(*each, strict=True)) for each in part]
        text = "-DOCSTART- -X- O\n\n" + "\n\n".join(blocks) + "\n" * (number % 3)
        open_file, ending = (gzip.open, ".gz") if number == 1 else (open, "")
        with open_file(folder / f"part-{number}.conll{ending}", "wt", encoding="utf-8") as file:
            file.write(text)
    return folder / "part-*"


def test_sentences_of_conll_files_come_with_their_tags_once_an_epoch_in_another_order(tmp_path):
    stream = streams.conll_files(write_conll(tmp_path), shuffle=7)
    assert len(stream) == len(SENTENCES)
    assert list(stream) == SENTENCES
    epochs = []
    for epoch in range(2):
        part = stream.shuffled(3).skip(30 * epoch).take(30)
        pairs = [tuple([t.decode() for t in s] for s in pair) for pair in part.as_numpy_iterator()]
        epochs.append(pairs)
        assert sorted(pairs) == sorted(SENTENCES)
    assert epochs[0] != epochs[1]


def test_words_of_conllu_files_come_with_the_requested_column(tmp_path):
    rows = ["1-2\tau\t_\t_\t_\t_\t_\t_\t_\t_", "1\tà\ta\tADP\tX\t_\t_\tcase\t_\t_"]
    (tmp_path / "a.conllu").write_text("\n".join(["# text = au", *rows, "", ""]))
    for column, tag in (("upos", "ADP"), ("xpos", "X"), ("deprel", "case")):
        stream = streams.conll_files(tmp_path / "a.conllu", conllu=column)
        assert list(stream) == [(["à"], [tag])]


def test_a_wrong_line_of_a_conll_file_is_named(tmp_path):
    (tmp_path / "a.conll").write_text("a B\nword\n")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"line 2 of .*a\.conll, 'word'"):
        list(streams.conll_files(tmp_path / "a.conll"))


def assert_same_batches(one, other):
    """Compares batches of evaluation of which both are one."""
    for batch, expected in zip(one.as_numpy_iterator(), other.as_numpy_iterator(), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, batch, expected)


def test_a_tagger_is_measured_on_the_batches_of_a_stream_that_it_has_of_a_list(tmp_path):
    stream, tagger = streams.conll_files(write_conll(tmp_path)), make_tagger()
    assert_same_batches(
        tagger.make_evaluation_batches(stream), tagger.make_evaluation_batches(SENTENCES)
    )


def test_a_classifier_learns_from_a_stream(tmp_path):
    pairs = classified(40)
    lines = "".join(f"{text}\t{label}\n" for text, label in pairs)
    (tmp_path / "part.tsv").write_text(lines)
    stream, classifier = streams.tab_separated(tmp_path / "part.tsv"), make_classifier()
    assert_same_batches(
        classifier.make_evaluation_batches(stream), classifier.make_evaluation_batches(pairs)
    )
    classifier.compile(Adam(0.03))
    losses = classifier.fit(stream, epochs=6, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def write_pictures(folder):
    """Four pictures of each colour, in folders of their names, and a file that is none."""
    for colour in COLOURS:
        (folder / colour).mkdir(parents=True)
        for number, side in enumerate(["left", "right"] * 2):
            content = tf.io.encode_png(picture(colour, side)).numpy()
            (folder / colour / f"{number}.{'PNG' if number else 'png'}").write_bytes(content)
    (folder / "red" / "notes.txt").write_text("no image")


def test_images_come_with_the_names_of_their_folders_as_captions(tmp_path):
    write_pictures(tmp_path)
    stream = streams.image_folders(tmp_path / "*", shuffle=5)
    pairs = list(stream)
    assert len(stream) == len(pairs) == 12
    assert {path.rsplit("/", 2)[1] for path, _ in pairs} == set(COLOURS)
    assert all(path.rsplit("/", 2)[1] == label for path, label in pairs)

    task = make_captioner()
    (batch, *_) = task.make_evaluation_batches(stream, None, 12)
    contents = tf.stack([tf.io.read_file(path) for path, _ in pairs])
    found = task.preprocessor.reader(contents)["images"]
    np.testing.assert_array_equal(batch[0]["images"], found)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"There is no image in .*empty"):
        streams.image_folders(tmp_path / "*")
