"""The digests of files: those of other tools, and what has none."""

import hashlib
import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from seqzoo.files.digests import (
    SUMS,
    check_digests,
    is_whole_archive,
    read_digests,
    seal_archive,
    sha256_of_file,
    write_digests,
)


def test_a_sealed_archive_is_read_by_others_and_has_the_digest_of_what_stands_before(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, a=np.arange(3))
    assert is_whole_archive(path)  # it has no digest
    seal_archive(path)
    assert is_whole_archive(path)
    content = path.read_bytes()
    assert content[-64:].decode() == hashlib.sha256(content[:-71]).hexdigest()
    with np.load(path) as arrays:
        np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
    assert zipfile.ZipFile(path).testzip() is None
    seal_archive(path)
    assert path.read_bytes() == content


def test_an_archive_that_is_cut_off_anywhere_or_has_another_comment_is_refused(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, a=np.arange(3))
    seal_archive(path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert not is_whole_archive(path), length
    path.write_bytes(content + b" ")
    assert not is_whole_archive(path)


def test_the_digests_of_a_folder_are_those_that_sha256sum_checks(tmp_path):
    contents = {"one": b"1" * 3_000_000, "deux é": b"", "three": b"3"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    check_digests(tmp_path, contents)  # there are none
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert {name: sha256_of_file(tmp_path / name) for name in contents} == digests
    write_digests(tmp_path, digests)
    assert read_digests(tmp_path) == digests
    check_digests(tmp_path, contents)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        (b"", "SHA256SUMS is damaged: .* Received: 'no line'"),
        (b"a" * 64 + b"  one", "SHA256SUMS is damaged"),  # its last line is cut off
        (b"A" * 64 + b"  one\n", "SHA256SUMS is damaged"),
        (b"a" * 64 + b"  ../one\n", "SHA256SUMS is damaged"),
        (b"\xff" * 99, "SHA256SUMS is damaged"),
        (b"a" * 64 + b"  one\n", "one is damaged: it must have the digest that SHA256SUMS"),
        (b"a" * 64 + b"  other\n", "one is damaged: it must have the digest that SHA256SUMS"),
    ],
)
def test_what_does_not_have_its_digest_is_named(tmp_path, sums, message):
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / SUMS).write_bytes(sums)
    with pytest.raises(ValueError, match=message):
        check_digests(tmp_path, ["one"])
