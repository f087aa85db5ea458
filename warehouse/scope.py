"""Whose data a question may see: a rule of the reader, and no filter that a page could forget.

``ALL``, or a frozenset of tenants in which ``None`` stands for calls that are not attributed to any. Tables with a
column ``tenant`` are cut by it. Tables without one (``flushes``) tell how the pipeline does, the same to everybody.
"""

from __future__ import annotations

import enum
from collections.abc import Collection


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
    return one_of("tenant", scope)


def one_of(expression: str, values: Collection[str | None]) -> str:
    """SQL that holds where the expression has one of the values; None is NULL; no value at all holds nowhere."""
    names = ", ".join(literal(value) for value in sorted(value for value in values if value is not None))
    parts = [f"{expression} IN ({names})"] if names else []
    return " OR ".join(parts + [f"{expression} IS NULL"] * (None in values)) or "false"


def literal(text: str) -> str:
    """Text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
