"""Whose data a question may see: a rule of the reader, and no filter that a page could forget.

``ALL``, or a frozenset of tenants in which ``None`` stands for calls that are not attributed to any. Tables with a
column ``tenant`` are cut by it. A table without one (``flushes``) is about the whole deployment: where the scope is not
ALL, a question that reads it is refused, or says by ``whole`` in its header which columns nobody sees.
"""

from __future__ import annotations

import enum
from collections.abc import Collection

from warehouse.errors import BadQuestion


class Everything(enum.Enum):
    """The scope that hides nothing."""

    ALL = "all"


ALL = Everything.ALL

Scope = frozenset[str | None] | Everything

UNATTRIBUTED = "unattributed"
"""What people write and read where there is no value: for the tenant of calls that are not attributed to any."""


def is_whole(scope: Scope) -> bool:
    """Whether it hides nothing. Raises TypeError, and BadQuestion for a name that no tenant can have."""
    if isinstance(scope, Everything):
        return True
    if not isinstance(scope, frozenset):
        raise TypeError(f"a scope is ALL or a frozenset of tenants, not {scope!r}")
    for name in scope - {None}:
        try:
            str(name).encode()
        except UnicodeEncodeError as error:
            raise BadQuestion(f"no tenant is called {name!r}: names are UTF-8") from error
    return False


def condition(scope: Scope) -> str:
    """The scope as SQL over a column ``tenant``."""
    return "true" if isinstance(scope, Everything) else one_of("tenant", scope)


def one_of(expression: str, values: Collection[str | None]) -> str:
    """SQL that holds where the expression has one of the values; None is NULL; no value at all holds nowhere."""
    names = ", ".join(literal(value) for value in sorted(value for value in values if value is not None))
    parts = [f"{expression} IN ({names})"] if names else []
    return " OR ".join(parts + [f"{expression} IS NULL"] * (None in values)) or "false"


def literal(text: str) -> str:
    """Text as a SQL literal; NUL, which would end the statement, as a call."""
    return "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
