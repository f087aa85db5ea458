"""What normalise must be told; it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``user_key``: of the user-id HMAC. ``trusted_topics``: whose spans may name a tenant; None: all (open mode)."""

    user_key: bytes
    trusted_topics: tuple[str, ...] | None
