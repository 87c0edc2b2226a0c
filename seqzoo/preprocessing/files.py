"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile


def write_aside(path: str, content: bytes) -> None:
    """Writes a file beside `path` and renames it, so that no half-written file is seen."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(aside, 0o644)  # mkstemp makes it readable by the owner alone
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
