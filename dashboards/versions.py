"""Versions in the order in which people count: ``9`` before ``10``, ``v9`` before ``v10``."""

from __future__ import annotations

import re


def as_version(name: str) -> list[tuple[int, str]]:
    """What to order by: numbers by their size, what is between them as text."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
