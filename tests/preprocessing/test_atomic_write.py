"""Files and folders are whole or not there, and nothing else is left behind."""

import pytest

from seqzoo.preprocessing.atomic_write import atomic_write, write_atomically


class StoppedError(Exception):
    pass


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with atomic_write(str(path)) as written, open(written, "wb") as file:
        file.write(b"ne")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b"w")

    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_content_is_written_whole(tmp_path):
    write_atomically(str(tmp_path / "file"), b"old")
    write_atomically(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path):
    place = tmp_path / "folder"
    place.mkdir()
    (place / "old").write_text("old")

    with atomic_write(str(place)) as written:
        (tmp_path / written).mkdir()
        (tmp_path / written / "new").write_text("new")
        assert names(place) == ["old"]

    assert names(place) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_missing_folders_above_are_made(tmp_path):
    write_atomically(str(tmp_path / "a" / "b" / "file"), b"new")
    assert names(tmp_path / "a" / "b") == ["file"]


def test_a_relative_path_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("file", b"new")
    assert names(tmp_path) == ["file"]


def test_a_writer_may_ask_for_an_ending(tmp_path):
    with atomic_write(str(tmp_path / "file"), suffix=".zip") as written:
        assert written.endswith(".zip")
        with open(written, "wb") as file:
            file.write(b"new")
    assert names(tmp_path) == ["file"]


def fail(path):
    """Writes half and fails."""
    with atomic_write(str(path)) as written:
        with open(written, "wb") as file:
            file.write(b"half")
        raise StoppedError


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")

    for name in ("file", "folder", "nothing"):
        with pytest.raises(StoppedError):
            fail(tmp_path / name)

    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path / "folder") == ["old"]
    assert names(tmp_path) == ["file", "folder"]
