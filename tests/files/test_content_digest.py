"""Digests of the content of files."""

import gzip
import random

from seqzoo.files.content_digest import code_digest, content_digest, contents_digest


def test_every_byte_of_a_file_counts_and_of_a_large_one_its_size_and_a_sample(
    tmp_path, monkeypatch
):
    path, content = tmp_path / "file", random.Random(0).randbytes(200)

    def digest(content):
        path.write_bytes(content)
        return content_digest(path)

    def seen(index):
        changed = bytearray(content)
        changed[index] ^= 1
        return digest(changed) != digest(content)

    assert all(map(seen, range(200)))
    monkeypatch.setattr("seqzoo.files.content_digest._WHOLE", 199)
    monkeypatch.setattr("seqzoo.files.content_digest._BLOCK", 2)
    assert sum(map(seen, range(200))) == 32
    assert seen(0)
    assert seen(199)
    assert digest(content) != digest(content[:-1])
    monkeypatch.setattr("seqzoo.files.content_digest._WHOLE", 99)
    lines = [f"{number}\n" for number in range(1000)]
    whole = digest(gzip.compress("".join(lines).encode(), mtime=0))
    lines[500] = "501\n"
    assert digest(gzip.compress("".join(lines).encode(), mtime=0)) != whole


def test_all_sizes_of_many_files_count_and_the_content_of_a_sample(tmp_path, monkeypatch):
    names = [str(tmp_path / name) for name in "abcde"]
    for name in names[:-1]:
        (tmp_path / name).write_text("0")

    def seen(name, text):
        before = contents_digest(names)
        (tmp_path / name).write_text(text)
        return contents_digest(names) != before

    assert [seen(name, "1") for name in names[:-1]] == [True] * 4
    monkeypatch.setattr("seqzoo.files.content_digest._FILES", 2)
    assert [seen(name, "2") for name in names[:-1]] == [True, False, False, False]
    assert [seen(name, "33") for name in names] == [True] * 5
    assert contents_digest([]) != contents_digest(["nothing"])


def test_a_digest_of_code_changes_with_names_and_content(tmp_path):
    def digest(**files):
        folder = tmp_path / "_".join([*files, *files.values()])
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        return code_digest(folder)

    digests = [digest(a="x"), digest(a="y"), digest(b="x"), digest(a="x", b="y")]
    assert len({*digests}) == 4
