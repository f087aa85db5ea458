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
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa

KEY_FILE = "user.key"
_DIGEST_BYTES = 16
_BLOCK_BYTES = 64
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
    inner, outer = _tenant_hashes(tenant or "", key)
    return _finish(inner, outer, user)


def _tenant_hashes(tenant: str, key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Both hashes of HMAC (RFC 2104) with the tenant in the inner one: a copy of each is a third of a new HMAC."""
    block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    of_tenant = tenant.encode()
    inner.update(len(of_tenant).to_bytes(4, "big") + of_tenant)
    return inner, outer


def _finish(inner: hashlib._Hash, outer: hashlib._Hash, user: str) -> str:
    inner, outer = inner.copy(), outer.copy()
    inner.update(user.encode())
    outer.update(inner.digest())
    return outer.digest()[:_DIGEST_BYTES].hex()


def hash_users(tenants: pa.Array, users: pa.Array, key: bytes) -> pa.Array:
    """``hash_user`` over two columns of text; no user, no name."""
    pairs = pl.DataFrame({"tenant": pl.Series(tenants, dtype=pl.String), "user": pl.Series(users, dtype=pl.String)})
    given = pairs.with_row_index("row").filter(pl.col("user").is_not_null())
    names = pl.Series("name", [None], dtype=pl.String).new_from_index(0, len(pairs))
    if len(given):
        found = pl.Series(_names(given["tenant"].fill_null(""), given["user"], key), dtype=pl.String)
        names = found if len(given) == len(pairs) else names.scatter(given["row"], found)
    return names.to_arrow().cast(pa.string())


_kept: dict[bytes, dict[str, str]] = {}


def _names(tenants: pl.Series, users: pl.Series, key: bytes) -> list[str]:
    """Names of users; those of the last ranges are kept, because people come back."""
    kept = _kept.setdefault(key, {})
    if len(kept) > MOST_KEPT:
        kept.clear()
    pairs = pl.select(pl.concat_str(tenants.str.len_bytes(), pl.lit(" "), tenants, users)).to_series().to_list()
    names: list[str | None] = list(map(kept.get, pairs))
    new = [row for row, name in enumerate(names) if name is None]
    hashes: dict[str, tuple[hashlib._Hash, hashlib._Hash]] = {}
    for row, tenant, user in zip(new, tenants.gather(new).to_list(), users.gather(new).to_list(), strict=True):
        if tenant not in hashes:
            hashes[tenant] = _tenant_hashes(tenant, key)
        names[row] = kept[pairs[row]] = _finish(*hashes[tenant], user)
    return cast("list[str]", names)
