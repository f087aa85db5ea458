"""Spellings of one name: ``tenant.id``, ``tenant_id`` and ``tenantId`` mean the same in any free map."""

from __future__ import annotations

import re


def spellings(name: str) -> tuple[str, ...]:
    """The name as given, then dotted, in snake case and in camel case; without repeats."""
    parts = [part for part in re.split(r"[._]", name) if part]
    camel = parts[0] + "".join(part[:1].upper() + part[1:] for part in parts[1:])
    return tuple(dict.fromkeys((name, ".".join(parts), "_".join(parts), camel)))
