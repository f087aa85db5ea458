"""Whose data a question may see: a rule of the reader, and no filter that a page could forget.

``ALL``, or a frozenset of tenants in which ``None`` stands for calls that are not attributed to any. Tables with a
column ``tenant`` are cut by it. Tables without one (``flushes``) tell how the pipeline does, the same to everybody.
"""

from __future__ import annotations

import enum


class Everything(enum.Enum):
    """The scope that hides nothing."""

    ALL = "all"


ALL = Everything.ALL

Scope = frozenset[str | None] | Everything


def condition(scope: Scope) -> str:
    """The scope as SQL over a column ``tenant``."""
    if isinstance(scope, Everything):
        return "true"
    if not isinstance(scope, frozenset):
        raise TypeError(f"a scope is ALL or a frozenset of tenants, not {scope!r}")
    names = ", ".join(literal(tenant) for tenant in sorted(filter(None, scope)))
    parts = [f"tenant IN ({names})"] if names else []
    return " OR ".join(parts + ["tenant IS NULL"] * (None in scope)) or "false"


def literal(text: str) -> str:
    """Text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
