"""End users are told apart, never named: HMAC-SHA-256 over (tenant, id), cut to 16 bytes, as 32 hex digits.

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
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa

KEY_FILE = "user.key"
_DIGEST_BYTES = 16
MOST_KEPT = 100_000
"""Users whose names are kept in memory."""


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


def hash_user(tenant: str | None, user: str, key: bytes) -> str:
    """The name of one user of one tenant, 32 hex digits."""
    of_tenant = (tenant or "").encode()
    message = len(of_tenant).to_bytes(4, "big") + of_tenant + user.encode()
    return hmac.digest(key, message, "sha256")[:_DIGEST_BYTES].hex()


def hash_users(tenants: pa.Array, users: pa.Array, key: bytes) -> pa.Array:
    """``hash_user`` over two columns of text; each distinct pair is hashed once; no user, no name."""
    pairs = pl.DataFrame({"tenant": pl.Series(tenants, dtype=pl.String), "user": pl.Series(users, dtype=pl.String)})
    distinct = pairs.filter(pl.col("user").is_not_null()).unique(maintain_order=True)
    named = distinct.with_columns(pl.Series("name", _names(distinct.iter_rows(), key), dtype=pl.String))
    found = pairs.join(named, on=["tenant", "user"], how="left", nulls_equal=True, maintain_order="left")
    return found["name"].to_arrow().cast(pa.string())


_kept: dict[tuple[bytes, str | None, str], str] = {}


def _names(pairs: Iterable[tuple[str | None, str]], key: bytes) -> list[str]:
    """Names of users; those of the last ranges are kept, because people come back."""
    if len(_kept) > MOST_KEPT:
        _kept.clear()
    names = []
    for tenant, user in pairs:
        pair = (key, tenant, user)
        name = _kept.get(pair)
        if name is None:
            name = _kept[pair] = hash_user(tenant, user, key)
        names.append(name)
    return names
