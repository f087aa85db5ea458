"""End users are told apart, never named: HMAC-SHA-256 of the id, cut to 16 bytes, as 32 hex digits.

The tenant is no part of it, since settlement may find a better one and has neither the id nor the key. Answers name a
user within the tenant (``name_user``; the questions ``calls`` and ``users`` say the same).

The key is a setting, or made once in the data directory. Its fingerprint is kept with the lake: a worker with another
key would give every user a second name, so it refuses to start.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from processors.keyed_hash import BLOCK_BYTES, Texts, hash_rows

KEY_FILE = "user.key"
HIDDEN = "hidden-"
_DIGEST_BYTES = 16
_HIDDEN_DIGITS = 16
_NO_OFFSETS = np.zeros(1, np.int32)


def load_user_key(configured: str | None, data: Path) -> bytes:
    """The configured key, else the one in ``data``; made there on first use, readable by its owner only.

    Raises OSError where the directory cannot be read or written.
    """
    if configured:
        return configured.encode()
    path = data / KEY_FILE
    data.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_key(path)
    return path.read_bytes().strip()


def _make_key(path: Path) -> None:
    """Whole or not at all, so that two processes that start together agree on one key."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=KEY_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def fingerprint(key: bytes) -> str:
    """A name for the key that does not give it away."""
    return hmac.new(key, b"spanledger user key", hashlib.sha256).hexdigest()[:16]


def hash_user(user: str, key: bytes) -> str:
    """The user's name in the lake, 32 hex digits."""
    return hmac.digest(key, user.encode(), "sha256")[:_DIGEST_BYTES].hex()


def name_user(tenant: str | None, hashed: str) -> str:
    """The user's name in answers, 32 hex digits: two tenants cannot find out which of their users are one."""
    return hashlib.sha256(f"{tenant or ''} {hashed}".encode()).hexdigest()[: 2 * _DIGEST_BYTES]


def hash_users(users: pa.Array, key: bytes) -> pa.Array:
    """``hash_user`` over a column of text; no user, no name."""
    known = _texts(users)
    short = key if len(key) <= BLOCK_BYTES else hashlib.sha256(key).digest()  # as HMAC does with a long key
    offsets, data = hash_rows(known, short, _DIGEST_BYTES)
    mask = None if known[2].all() else pa.py_buffer(np.packbits(known[2], bitorder="little"))
    return pa.StringArray.from_buffers(len(users), pa.py_buffer(offsets), pa.py_buffer(data), mask)


def hide(values: pl.Series, secret: pl.Series, key: bytes) -> pl.Series:
    """``hidden-`` and the start of the keyed hash."""
    rows = secret.arg_true()
    given = values.gather(rows).to_arrow().cast(pa.string())
    hashed = cast("pl.Series", pl.from_arrow(hash_users(given, key)))
    return values.scatter(rows, HIDDEN + hashed.str.head(_HIDDEN_DIGITS))


def _texts(column: pa.Array) -> Texts:
    plain = column.cast(pa.string())
    _, offsets, data = plain.buffers()
    at = np.frombuffer(offsets, np.int32)[plain.offset : plain.offset + len(plain) + 1] if len(plain) else _NO_OFFSETS
    known = np.asarray(plain.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    return at, np.frombuffer(data or b"", np.uint8), known
