"""Line-aligned and tab-separated files, right and wrong ones."""

import gzip

import pytest

from seqzoo.datasets import parallel_text

DE = ["Guten Morgen.", "", "Zwei Hunde\u2028spielen\x85im Gras."]
EN = ["Good morning.", "", "Two dogs play in the grass."]


def write(path, lines, ending="\n"):
    content = ("\n".join(lines) + ending).encode("utf-8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def corpus(tmp_path):
    write(tmp_path / "train.de.gz", DE)
    write(tmp_path / "train.en", EN)
    write(tmp_path / "val.de", DE[:2])
    write(tmp_path / "val.en.gz", EN[:2])
    write(tmp_path / "test_2016_flickr.de", DE[:1])
    write(tmp_path / "test_2016_flickr.en", EN[:1])
    write(tmp_path / "test_2017_flickr.de", DE[2:])
    write(tmp_path / "test_2017_flickr.en", EN[2:])
    return tmp_path


def test_plain_and_gzipped_files_give_the_pairs_line_by_line(corpus):
    splits = parallel_text.load(corpus, "de", "en")

    assert splits == {
        "train": [(DE[0], EN[0]), ("", ""), (DE[2], EN[2])],
        "validation": [(DE[0], EN[0]), ("", "")],
        "test": [(DE[0], EN[0])],
    }


def test_the_other_direction_swaps_the_pairs(corpus):
    there = parallel_text.load(corpus, "de", "en")["train"]

    assert parallel_text.load(corpus, "en", "de")["train"] == [(y, x) for x, y in there]


def test_a_split_can_be_requested_by_the_name_of_its_files(corpus):
    splits = parallel_text.load(corpus, "de", "en", splits=["test_2017_flickr"])

    assert splits == {"test_2017_flickr": [(DE[2], EN[2])]}


@pytest.mark.parametrize("stem", ["validation", "valid", "val", "dev"])
def test_the_validation_split_has_four_names_on_disk(tmp_path, stem):
    write(tmp_path / f"{stem}.de", DE)
    write(tmp_path / f"{stem}.en", EN)

    [(_, pairs)] = parallel_text.load(tmp_path, "de", "en", splits=["validation"]).items()

    assert pairs == list(zip(DE, EN, strict=True))


def test_a_plain_test_file_goes_before_a_longer_name(corpus):
    write(corpus / "test.de", ["Ja."])
    write(corpus / "test.en", ["Yes."])

    assert parallel_text.load(corpus, "de", "en")["test"] == [("Ja.", "Yes.")]


def test_a_last_line_without_an_end_counts_and_a_last_empty_line_too(tmp_path):
    write(tmp_path / "train.de", ["ja", "nein"], ending="")
    write(tmp_path / "train.en", ["yes", ""])

    pairs = parallel_text.load(tmp_path, "de", "en", splits=["train"])["train"]

    assert pairs == [("ja", "yes"), ("nein", "")]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.de and train\.en.*nowhere"):
        parallel_text.load(tmp_path / "nowhere", "de", "en")


def test_a_missing_split_names_the_files_that_were_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'train' needs .*: train\.de, train\.de\.gz\."):
        parallel_text.load(tmp_path, "de", "en")


def test_a_missing_target_names_only_the_partner_of_the_source(corpus):
    (corpus / "val.en.gz").rename(corpus / "valid.en.gz")

    with pytest.raises(FileNotFoundError, match=r": val\.en, val\.en\.gz\."):
        parallel_text.load(corpus, "de", "en")


def test_unequal_numbers_of_lines_are_both_told(corpus):
    write(corpus / "train.en", EN[:2])

    with pytest.raises(ValueError, match=r"train\.de\.gz with 3 and .*train\.en with 2\."):
        parallel_text.load(corpus, "de", "en")


def test_an_empty_file_is_refused(corpus):
    (corpus / "train.en").write_bytes(b"")

    with pytest.raises(ValueError, match=r"must not be empty.*train\.en"):
        parallel_text.load(corpus, "de", "en")


def test_a_byte_that_is_not_utf8_is_found_with_file_and_line(corpus):
    (corpus / "train.en").write_bytes(b"one\ntwo\nthr\xe9e\n")

    with pytest.raises(ValueError, match=r"byte 0xe9 in line 3 of .*train\.en"):
        parallel_text.load(corpus, "de", "en")


@pytest.mark.parametrize(
    "content",
    [b"plain text", gzip.compress(b"a longer text\n")[:-9]],
    ids=["not gzip", "cut off"],
)
def test_a_broken_gzip_file_is_named(corpus, content):
    (corpus / "train.de.gz").write_bytes(content)

    with pytest.raises(ValueError, match=r"whole gzip file.*train\.de\.gz"):
        parallel_text.load(corpus, "de", "en")


def test_tab_separated_lines_give_their_first_two_columns(tmp_path):
    write(tmp_path / "fra.txt.gz", ["Go.\tVa !\tCC-BY 2.0", "Hi.\tSalut."])

    pairs = parallel_text.load_tab_separated(tmp_path / "fra.txt.gz")

    assert pairs == [("Go.", "Va !"), ("Hi.", "Salut.")]


def test_a_line_without_a_tab_is_named(tmp_path):
    write(tmp_path / "fra.txt", ["Go.\tVa !", "Hi. Salut."])

    with pytest.raises(ValueError, match=r"at least 2 columns with tabs .* line 2 of .*fra\.txt"):
        parallel_text.load_tab_separated(tmp_path / "fra.txt")


def test_a_missing_tab_separated_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fra\.txt"):
        parallel_text.load_tab_separated(tmp_path / "fra.txt")
