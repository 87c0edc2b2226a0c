"""Checkpoints that are none: the one before is taken, and they are named with the reason."""

import io
import json
import zipfile

import numpy as np
import pytest
from tiny_checkpoints import make_checkpoint

from seqzoo.training.checkpoint_files import (
    last_checkpoint,
    last_checkpoints,
    write_checkpoint,
)


def npy(array, **header):
    """The bytes of an `.npy` file, whose header may say something else."""
    file = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array) | header
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue() + array.tobytes()


def archive_of(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def members_of(state, **members):
    step = make_checkpoint(5)
    arrays = {f"variable_{i}.npy": npy(each) for i, each in enumerate(step.variables)}
    state = state if isinstance(state, str) else json.dumps(step.state | state)
    return {"state.npy": npy(np.array(state)), **arrays} | {
        f"{name}.npy": content for name, content in members.items()
    }


def pickled():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}]), allow_pickle=True)
    return file.getvalue()


DAMAGE = {
    "empty": b"",
    "no archive": b"step" * 99,
    "an archive of nothing": archive_of({}),
    "text": archive_of(members_of({}, variable_0=b"text")),
    "a shape without its bytes": archive_of(
        members_of({}, variable_0=npy(np.ones(6), shape=(10**6, 10**6)))
    ),
    "a negative shape": archive_of(members_of({}, variable_0=npy(np.ones(6), shape=(-2, -3)))),
    "objects": archive_of(members_of({}, variable_0=pickled())),
    "compressed": archive_of(members_of({}, variable_0=npy(np.zeros(10**6))), zipfile.ZIP_DEFLATED),
    "a variable too few": archive_of(
        {name: each for name, each in members_of({}).items() if "_1" not in name}
    ),
    "a variable of another shape": archive_of(members_of({}, variable_0=npy(np.ones((3, 2))))),
    "no JSON": archive_of(members_of("{")),
    "deep JSON": archive_of(members_of("[" * 10**5)),
    "a list": archive_of(members_of("[]")),
    "a state without a step": archive_of(members_of('{"epoch": 0}')),
    "a step that is text": archive_of(members_of({"step": "3"})),
    "a negative epoch": archive_of(members_of({"epoch": -1})),
    "variables of numbers": archive_of(members_of({"variables": [1, 2]})),
    "a random state of others": archive_of(members_of({"random": {"python": [3, [1], None]}})),
}


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path):
    written = make_checkpoint(3)
    write_checkpoint(tmp_path, written)
    found, damaged = last_checkpoint(tmp_path)
    assert damaged == []
    assert found.state == json.loads(json.dumps(written.state))
    for arrays, wanted in zip(found[1:], written[1:], strict=True):
        for one, other in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_newest_whole_one_is_taken_whatever_the_damage(tmp_path, damage):
    write_checkpoint(tmp_path, make_checkpoint(3))
    for step in (4, 5):
        (tmp_path / f"step-{step:09d}.npz").write_bytes(DAMAGE[damage])

    found, damaged = last_checkpoint(tmp_path)

    assert found is not None
    assert found.state["step"] == 3
    assert [path.name for path, _ in damaged] == ["step-000000005.npz", "step-000000004.npz"]
    assert all(reason for _, reason in damaged)
    with pytest.raises(ValueError, match=r"step-000000004.npz is damaged \(.+\)"):
        list(last_checkpoints(tmp_path, 3))

    (tmp_path / "step-000000003.npz").unlink()
    with pytest.raises(ValueError, match=r"can be read: step-000000004.npz, step-000000005.npz"):
        last_checkpoint(tmp_path)


def test_the_last_checkpoint_is_that_of_the_most_steps(tmp_path):
    for step in (999_999_999, 1_000_000_000):
        write_checkpoint(tmp_path, make_checkpoint(step))
    found, _ = last_checkpoint(tmp_path)
    assert found.state["step"] == 1_000_000_000
