"""Which runs were made by this user, so that the code in them may be run without asking.

A key that only the user can read lies in the user's configuration folder. With it the record of a
run, which holds the digest of the recipe, is signed when the run is made. A run of somebody else,
or one whose record was changed since, has no such signature. Nor has any run where there is no
folder to keep a key in: it is just not recognised.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32
_VARIABLE = "SEQZOO_TRUST"


def is_trusted(trust: bool) -> bool:
    """Whether the user lets code of a run be executed, by `--trust` or by SEQZOO_TRUST=1."""
    return trust or os.environ.get(_VARIABLE) == "1"


def sign(content: bytes) -> str | None:
    """Returns the signature of this user under some bytes; None where there can be no key."""
    key = _read_key() or _make_key()
    return None if key is None else _signature(key, content)


def is_signed(content: bytes, signature: str) -> bool:
    """Tells whether a signature is that of this user under these bytes."""
    key = _read_key()
    if key is None:
        return False
    return hmac.compare_digest(_signature(key, content).encode(), signature.strip().encode())


def _signature(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def _key_file() -> Path | None:
    """Where the key lies: in XDG_CONFIG_HOME, APPDATA on Windows, or ~/.config."""
    base = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME", "")
    if os.path.isabs(base):
        return Path(base, "seqzoo", "key")
    home = os.path.expanduser("~")
    return Path(home, ".config", "seqzoo", "key") if os.path.isabs(home) else None


def _read_key() -> bytes | None:
    """The key, if there is one that nobody else can read or could have put there."""
    path = _key_file()
    if path is None or not path.is_file():
        return None
    with contextlib.suppress(OSError), open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if os.name != "nt" and (status.st_mode & 0o077 or status.st_uid != os.getuid()):
            return None
        key = file.read(_KEY_BYTES + 1)
        return key if len(key) == _KEY_BYTES else None
    return None


def _make_key() -> bytes | None:
    """Makes a key; that of another process, where one comes first."""
    path = _key_file()
    if path is None or path.exists():
        return None
    new = path.with_name(f".key-{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
            os.link(new, path)  # in one step, and never over another
        finally:
            new.unlink(missing_ok=True)
    return _read_key()
