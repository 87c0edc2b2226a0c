"""The folder that a training leaves behind."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from seqzoo.files.atomic_write import atomic_folder, remove_leftovers, write_atomically
from seqzoo.files.digests import sha256
from seqzoo.recipe.record import RunRecord, read_record
from seqzoo.recipe.trust import is_signed, is_trusted, sign

_LONGEST_SIGNATURE = 1000  # bytes that are read of one


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The files and folders of a run. A folder holds a run if it holds `run.json`.

    Args:
        path: Path of the folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """Copy of the recipe file, as it was at the start of the run."""
        return self.path / "recipe.py"

    @property
    def record_file(self) -> Path:
        return self.path / "run.json"

    @property
    def signature(self) -> Path:
        """That of the user who made the run, under its record; see `seqzoo.recipe.trust`."""
        return self.path / "signature"

    @property
    def preset(self) -> Path:
        """The trained task, in a folder that is there once the training has ended."""
        return self.path / "preset"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def timing(self) -> Path:
        return self.path / "timing.csv"

    @property
    def logs(self) -> Path:
        """Folder for TensorBoard."""
        return self.path / "logs"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def export(self) -> Path:
        """Folder of the SavedModel's versions."""
        return self.path / "export"

    def holds_run(self) -> bool:
        return self.record_file.is_file()

    def check_free(self, resume: bool) -> None:
        """Raises FileExistsError unless a run may start here, or continue if `resume` is True."""
        if self.holds_run():
            if not resume:
                raise FileExistsError(
                    f"{self.path} holds a run. Continue it with --resume, or choose another "
                    "folder with --out."
                )
        elif self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir())):
            raise FileExistsError(
                f"A run needs a new or empty folder. Received: {self.path}, which holds other "
                "files. Choose another folder with --out."
            )

    def create(self, recipe: bytes, record: RunRecord) -> None:
        """Makes the folder with a copy of the recipe and the record, at once or not at all."""
        with atomic_folder(self.path) as temporary:
            RunFolder(Path(temporary)).write(recipe, record)

    def write(self, recipe: bytes, record: RunRecord) -> None:
        """Writes the copy of the recipe, the record, and the signature of this user."""
        content = record.content()
        write_atomically(self.recipe, recipe)
        write_atomically(self.record_file, content)
        signature = sign(content)
        if signature is not None:
            write_atomically(self.signature, f"{signature}\n".encode())
        else:
            self.signature.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Removes what a killed process of this run left in the midst of writing."""
        for folder in (self.path, self.plots, self.export):
            if folder.is_dir():
                remove_leftovers(folder)

    def record(self, trust: bool = False) -> RunRecord:
        """Returns the record of the run. It runs no code.

        Args:
            trust: Whether links may lead out of the folder.

        Raises:
            FileNotFoundError: if the folder holds no run.
            ValueError: if the record cannot be read, or a link leads out of the folder.
        """
        if not is_trusted(trust):
            self._check_links()
        if not self.holds_run():
            raise FileNotFoundError(
                f"RUN must be a folder made by `seqzoo train`. Received: {str(self.path)!r}, which "
                f"{'holds no run' if self.path.is_dir() else 'is not a folder'}. Check the path."
            )
        return read_record(self.record_file)

    def trusted_recipe(self, record: RunRecord, trust: bool = False) -> bytes:
        """Returns the content of the copy of the recipe, if it may be run.

        It may if the run was made by this user, or if the user says so.

        Args:
            record: That of the run.
            trust: Whether the user says so; see `seqzoo.recipe.trust.is_trusted`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it may not be run, or is not the one that the run was made with.
        """
        if not (is_trusted(trust) or self._is_own(record)):
            raise ValueError(
                f"This needs code of the run: it would execute {self.recipe}. The run was not made "
                "by you on this machine, or its record was changed since. Read that file, and "
                "allow it by --trust or SEQZOO_TRUST=1; `predict`, `explain` and `export` of most "
                "runs need no code."
            )
        if not self.recipe.is_file():
            raise FileNotFoundError(
                f"There is no recipe at {self.recipe}. Restore it from a copy, or train again."
            )
        source = self.recipe.read_bytes()
        made_with = record.provenance.recipe_digest if record.provenance else None
        if made_with not in (None, sha256(source)):
            raise ValueError(
                f"{self.recipe} is not the file that the run was made with: it was changed or "
                "damaged. Restore it, or go on with a changed recipe by `seqzoo train RECIPE.py "
                f"--out {self.path} --resume --accept-changes`."
            )
        return source

    def _is_own(self, record: RunRecord) -> bool:
        if record.provenance is None or not self.signature.is_file():
            return False
        with open(self.signature, "rb") as file:
            signature = file.read(_LONGEST_SIGNATURE).decode("ascii", "replace")
        return is_signed(record.content(), signature)

    def _check_links(self) -> None:
        """Raises ValueError if anything that a command reads or writes lies elsewhere."""
        inside = os.path.join(os.path.realpath(self.path), "")
        for path in self._entries():
            if path.is_symlink() and not os.path.realpath(path).startswith(inside):
                raise ValueError(
                    f"{path} is a link that leads out of the run's folder, to "
                    f"{os.path.realpath(path)}. Replace it by what it leads to, or allow it by "
                    "--trust or SEQZOO_TRUST=1."
                )

    def _entries(self) -> Iterator[Path]:
        """All that stands in the folder, and in the folders in it."""
        for path in self.path.iterdir() if self.path.is_dir() else ():
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from path.iterdir()
