"""Files and folders are whole or not there, whatever call fails or is the last one."""

import builtins
import contextlib
import errno
import os
import stat
import threading

import pytest

from seqzoo.files import atomic_write
from seqzoo.files.atomic_write import (
    atomic_file,
    atomic_folder,
    recover_folder,
    remove_leftovers,
    write_atomically,
)

CALLS = ("open", "close", "fsync", "mkdir", "replace", "rename", "unlink", "rmdir", "stat")
CALLS += ("lstat", "listdir", "scandir")
OLD, NEW = {"a": "old", "deep/b": "old"}, {"a": "new", "deep/c": "new"}
FILE_NAME = "a name with spaces.é"
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def tree(folder):
    """The content of each file below a folder; None for an empty folder."""
    contents = {}
    for path, folders, files in os.walk(folder):
        for name in files:
            with open(os.path.join(path, name)) as file:
                contents[os.path.relpath(os.path.join(path, name), folder)] = file.read()
        if not folders and not files and path != str(folder):
            contents[os.path.relpath(path, folder)] = None
    return contents


def fill(folder, contents):
    """Writes files, with calls of `os` alone."""
    for name, content in contents.items():
        head = folder
        for part in name.split("/")[:-1]:
            head = os.path.join(head, part)
            os.mkdir(head)
        descriptor = os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY)
        try:
            os.write(descriptor, content.encode())
        finally:
            os.close(descriptor)


class File:
    """Stands for an open file, whose `write` is counted."""

    def __init__(self, file, count):
        self.file, self.count = file, count

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[:1])  # a full disk takes a part
        self.count("write")
        self.file.write(content[1:])


class Calls(list):
    """Names of calls, and how many came before the cleanup."""

    before_cleanup = 10**9


class KilledError(BaseException):
    """Stands for the end of the process: every later call raises it again."""


@pytest.fixture(autouse=True)
def no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@contextlib.contextmanager
def fault(act, at):
    """Calls `act` in place of the call of number `at`; yields the calls.

    Where `act` kills, no later call does anything either.
    """
    names, thread = Calls(), threading.get_ident()

    def count(name):
        if threading.get_ident() != thread:
            return
        names.append(name)
        if len(names) == at or (act is kill and len(names) > at > 0):
            act()

    def counted(name, call):
        def replacement(*arguments, **options):
            count(name)
            return call(*arguments, **options)

        return replacement

    remove, exchange, open_file = atomic_write._remove, atomic_write._exchange, open

    def cleanup(path):
        names.before_cleanup = min(names.before_cleanup, len(names))
        remove(path)

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        patch.setattr(atomic_write, "_exchange", counted("exchange", exchange))
        patch.setattr(atomic_write, "_remove", cleanup)
        patch.setattr(builtins, "open", lambda *a, **k: File(open_file(*a, **k), count))
        yield names


class Writer:
    """A file or folder with neighbours, and how it is written, read and replaced."""

    def __init__(self, folder, kind, old):
        self.folder, self.kind, self.old = folder, kind, old
        self.path = folder / FILE_NAME
        folder.mkdir()
        fill(folder, {"neighbour": "mine", "others/a": "mine"})
        self.neighbours = tree(folder)
        if old and kind == "file":
            self.path.write_text("old")
        elif old:
            self.path.mkdir()
            fill(self.path, OLD)

    def write(self):
        if self.kind == "file":
            write_atomically(self.path, b"new")
        else:
            with atomic_folder(self.path, "folder", lambda folder: True) as new:
                fill(new, NEW)

    def state(self):
        """The state of the path ("old", "new", or None if nothing is there) and other files."""
        files = tree(self.folder)
        here = {n: c for n, c in files.items() if n.split("/")[0] == FILE_NAME}
        others = {n: c for n, c in files.items() if n not in here}
        if self.kind == "file":
            state = here.pop(FILE_NAME, None)
            assert not here
            return state, others
        here = {n.removeprefix(f"{FILE_NAME}/"): c for n, c in here.items()}
        states = {"old": OLD, "new": NEW, None: {}}
        return next(name for name, content in states.items() if content == here), others

    def assert_state(self, *allowed):
        state, others = self.state()
        assert state in allowed
        assert others == self.neighbours


@pytest.fixture(params=["file", "folder", "folder without exchange"])
def make_writer(request, tmp_path, monkeypatch):
    if request.param == "folder without exchange":
        monkeypatch.setattr(atomic_write, "_renameat2", None)
    numbers = iter(range(1000))
    kind = request.param.split()[0]
    return lambda old: Writer(tmp_path / str(next(numbers)), kind, old)


def count_calls(writer):
    with fault(lambda: None, at=0) as names:
        writer.write()
    writer.assert_state("new")
    return len(names)


def fail():
    raise OSError(errno.ENOSPC, "No space left on device")


def stop():
    raise KeyboardInterrupt


def kill():
    raise KilledError


@pytest.mark.parametrize("old", ["old", None])
@pytest.mark.parametrize("act", [fail, stop])
def test_an_error_of_any_call_leaves_the_old_one_and_nothing_else(act, old, make_writer):
    seen = set()
    for at in range(1, count_calls(make_writer(old)) + 1):
        writer, error = make_writer(old), None
        with fault(act, at) as calls:
            try:
                writer.write()
            except (OSError, KeyboardInterrupt) as raised:
                error = raised
        seen.add(calls[at - 1])
        if isinstance(error, OSError):
            assert str(writer.path) in str(error)
            assert ".writing-" not in str(error)
        third_rename = calls[at - 1] == "rename" and calls[:at].count("rename") == 3
        if at > calls.before_cleanup or third_rename:  # of a backup, which is cleanup too
            remove_leftovers(writer.folder)
        has_name = error is None or has_new_name(calls[: at - 1])
        writer.assert_state("new" if has_name else old)
    assert {"stat", "mkdir", "fsync", "close", "open"} <= seen


def has_new_name(calls):
    """Tells whether the new one has its name after these calls, none of which has failed."""
    if "replace" in calls or ("exchange" in calls and atomic_write._renameat2 is not None):
        return True
    return calls.count("rename") >= (2 if "exchange" in calls else 1)


def killed(call, at):
    """Calls a function until its call `at`, and nothing after; tells whether there was one."""
    with fault(kill, at):
        try:
            call()
        except KilledError:
            return True
    return False


def killed_in_truth(call, at):
    """Calls a function in a process that ends at once at call `at`; tells whether it did."""
    process = os.fork()
    if process == 0:
        with fault(lambda: os._exit(9), at), contextlib.suppress(BaseException):
            call()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


in_truth = pytest.param(killed_in_truth, marks=[pytest.mark.slow, fork])
both_ways = pytest.mark.parametrize("killed", [killed, in_truth])


@both_ways
@pytest.mark.parametrize("old", ["old", None])
def test_a_process_killed_at_any_call_leaves_the_old_one_or_the_new_one(killed, old, make_writer):
    states = set()
    for at in range(1, count_calls(make_writer(old)) + 1):
        writer = make_writer(old)
        assert killed(writer.write, at)
        if writer.kind == "folder" and atomic_write._renameat2 is None:
            recover_folder(writer.path)
        state, others = writer.state()
        assert state in (old, "new")
        assert others.items() >= writer.neighbours.items()
        remove_leftovers(writer.folder)
        writer.assert_state(state)
        states.add(state)
        writer.write()  # the next one is not held up
        writer.assert_state("new")
    assert states == {old, "new"}


def killed_between_renames(folder):
    """A folder of which a writer has left the old one under another name, and a part of the new."""
    writer = Writer(folder, "folder", "old")
    writer.path.rename(folder / f".writing-old-{FILE_NAME}")
    (folder / ".writing-0123456789abcdef").mkdir()
    fill(folder / ".writing-0123456789abcdef", {"a": "ne"})
    return writer


@both_ways
@pytest.mark.parametrize("look", ["recover", "remove", "write"])
def test_the_old_folder_comes_back_even_if_its_recovery_is_killed(
    killed, look, tmp_path, monkeypatch
):
    monkeypatch.setattr(atomic_write, "_renameat2", None)

    def act(writer):
        if look == "recover":
            recover_folder(writer.path)
        elif look == "remove":
            remove_leftovers(writer.folder)
        else:
            writer.write()

    result = "new" if look == "write" else "old"
    for at in range(1, 200):
        writer = killed_between_renames(tmp_path / str(at))
        ended = not killed(lambda writer=writer: act(writer), at)
        act(writer)
        assert writer.state()[0] == result
        remove_leftovers(writer.folder)
        writer.assert_state(result)
        if ended:
            break
    assert 2 < at < 199


def test_an_empty_folder_made_meanwhile_gives_way_to_the_old_one(tmp_path):
    writer = killed_between_renames(tmp_path / "folder")
    writer.path.mkdir()
    remove_leftovers(writer.folder)
    writer.assert_state("old")


def test_a_backup_with_a_successor_is_removed_by_remove_leftovers_alone(tmp_path):
    writer = killed_between_renames(tmp_path / "folder")
    writer.path.mkdir()
    fill(writer.path, NEW)
    recover_folder(writer.path)
    assert (writer.folder / f".writing-old-{FILE_NAME}").is_dir()
    remove_leftovers(writer.folder)
    writer.assert_state("new")


def test_everything_is_synced_before_it_gets_its_name_and_the_folder_around_it_after(
    make_writer, monkeypatch
):
    writer, done = make_writer("old"), []
    for name in ("replace", "rename"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, call=call: done.append("renamed") or call(*a))
    exchange = atomic_write._exchange
    monkeypatch.setattr(
        atomic_write, "_exchange", lambda *a: exchange(*a) and (done.append("renamed") or True)
    )

    def record(descriptor):
        file = os.fstat(descriptor)
        done.append("folder" if stat.S_ISDIR(file.st_mode) else "file")
        if os.path.samestat(file, os.stat(writer.folder)):
            done[-1] = "parent"

    monkeypatch.setattr(os, "fsync", record)
    writer.write()
    before = done[: done.index("renamed")]
    assert sorted(before) == (["file"] if writer.kind == "file" else ["file"] * 2 + ["folder"] * 2)
    after = [each for each in done[len(before) :] if each != "renamed"]
    assert after == ["parent"]
    if atomic_write._renameat2 is not None:
        assert done.count("renamed") == 1


def test_nothing_stands_at_the_path_but_the_old_one_or_the_new_one(tmp_path):
    writer = Writer(tmp_path / "folder", "folder", "old")
    with atomic_folder(writer.path, "folder", lambda folder: True) as new:
        fill(new, NEW)
        assert writer.state()[0] == "old"
    writer.assert_state("new")
    with atomic_file(tmp_path / "deep" / "file", suffix=".zip") as written:
        assert written.endswith(".zip")
        fill(os.path.dirname(written), {"new.zip": "new", "beside": "made on the way"})
        assert not (tmp_path / "deep" / "file").exists()
    assert tree(tmp_path / "deep") == {"file": "new"}


def test_a_relative_path_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("file", b"new")
    with atomic_folder("folder") as new:
        fill(new, NEW)
    recover_folder("folder")
    remove_leftovers(".")
    assert tree(".") == {"file": "new", "folder/a": "new", "folder/deep/c": "new"}


def test_a_link_is_followed(tmp_path):
    fill(tmp_path, {"one/file": "old", "two/folder/a": "old"})
    (tmp_path / "link").symlink_to(tmp_path / "one" / "file")
    (tmp_path / "folder").symlink_to(tmp_path / "two" / "folder")
    write_atomically(tmp_path / "link", b"new")
    with atomic_folder(tmp_path / "folder", "folder", lambda folder: True) as new:
        fill(new, {"a": "new"})
    assert tree(tmp_path / "one") == {"file": "new"}
    assert tree(tmp_path / "two") == {"folder/a": "new"}
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder").is_symlink()


@pytest.mark.parametrize("content", [{}, {"a": "mine"}])
def test_a_file_never_replaces_a_folder(content, tmp_path):
    (tmp_path / "folder").mkdir()
    fill(tmp_path / "folder", content)
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=r"Received: .*folder, which is a folder"):
        write_atomically(tmp_path / "folder", b"new")
    assert tree(tmp_path) == before


def test_a_folder_replaces_nothing_but_its_kind(tmp_path):
    fill(tmp_path, {"file": "mine", "folder/a": "mine"})
    before = tree(tmp_path)
    for name in ("file", "folder"):
        with pytest.raises(ValueError, match=f"{name} exists and is no preset"):  # noqa: SIM117
            with atomic_folder(tmp_path / name, "preset", lambda path: False):
                raise AssertionError
    assert tree(tmp_path) == before


def test_what_came_to_the_path_meanwhile_stays(tmp_path):
    def write_folder():
        with atomic_folder(tmp_path / "folder"):
            (tmp_path / "folder").mkdir()
            fill(tmp_path / "folder", {"a": "mine"})

    def write_file():
        with atomic_file(tmp_path / "file") as written:
            fill(os.path.dirname(written), {"new": "new"})
            (tmp_path / "file").mkdir()

    with pytest.raises(ValueError, match="folder exists"):
        write_folder()
    with pytest.raises(IsADirectoryError, match="file'"):
        write_file()
    assert tree(tmp_path) == {"folder/a": "mine", "file": None}


@fork
def test_devices_and_pipes_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        write_atomically(tmp_path / "pipe", b"new")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


def test_where_no_folder_can_be_exchanged_it_is_renamed(tmp_path, monkeypatch):
    writer = Writer(tmp_path / "folder", "folder", "old")
    monkeypatch.setattr(atomic_write, "_renameat2", lambda *names: -1)
    for number in (errno.ENOSYS, errno.EINVAL):
        monkeypatch.setattr(atomic_write.ctypes, "get_errno", lambda number=number: number)
        writer.write()
    writer.assert_state("new")
    monkeypatch.setattr(atomic_write.ctypes, "get_errno", lambda: errno.EROFS)
    with pytest.raises(OSError, match="Read-only file system"):
        writer.write()
    writer.assert_state("new")


def test_an_error_of_reading_another_file_names_that(tmp_path):
    with pytest.raises(FileNotFoundError, match="source"), atomic_file(tmp_path / "file"):
        (tmp_path / "source").read_text()
    assert tree(tmp_path) == {}
