"""Kinds of parameters a question takes, and how text and Python values become them.

==============  ==========================================================================================
``time``        an aware datetime, or RFC 3339 text; a date is its first instant in UTC
``dimensions``  columns of the table named after it (``dimensions of usage``), as a sequence or comma-separated
                text; ``tags.KEY`` is one tag
``bucket``      ``minute``, ``hour``, ``day``, or nothing
``text``        any text
``whole``       a whole number ≥ 0
==============  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from warehouse.errors import BadQuestion
from warehouse.schemas import SAFETY, USAGE_DIMENSIONS
from warehouse.scope import identifier, literal

BUCKETS = ("minute", "hour", "day")
SAFETY_DIMENSIONS = tuple(SAFETY.names[SAFETY.names.index("tenant") : SAFETY.names.index("category")])
DIMENSIONS = {"usage": USAGE_DIMENSIONS, "safety": SAFETY_DIMENSIONS}

Value = str | int | datetime | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a question; ``table`` is whose dimensions it takes."""

    name: str
    kind: str
    table: str
    default: str
    help: str

    def parse(self, given: object) -> Value:
        """The value, from Python or from text. Raises BadQuestion with what is allowed."""
        if given is None or given == "":
            return () if self.kind == "dimensions" else None
        try:
            return self._parse(given)
        except (ValueError, TypeError) as error:
            raise BadQuestion(f"{self.name} = {given!r}: {error}") from error

    def _parse(self, given: object) -> Value:
        match self.kind:
            case "time":
                return parse_time(given)
            case "dimensions":
                return parse_dimensions(given, self.table)
            case "bucket":
                if given not in BUCKETS:
                    raise ValueError(f"must be one of {', '.join(BUCKETS)}")
                return str(given)
            case "whole":
                return parse_whole(given)
            case _:
                return str(given)


def parse_time(given: object) -> datetime:
    """An instant in UTC. ValueError if it has no zone or is none."""
    if isinstance(given, str):
        given = datetime.fromisoformat(given) if "T" in given or " " in given else date.fromisoformat(given)
    if isinstance(given, date) and not isinstance(given, datetime):
        return datetime.combine(given, time(), UTC)
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise ValueError("must be a date, or a time with its zone like 2026-01-31T12:00:00Z")
    return given.astimezone(UTC)


def parse_dimensions(given: object, table: str) -> tuple[str, ...]:
    """Different dimensions of a table, in the order given."""
    names = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    wanted = tuple(str(name).strip() for name in names)
    allowed = DIMENSIONS[table]
    for name in wanted:
        if name not in allowed and not ("tags" in allowed and name.startswith("tags.") and name != "tags."):
            tags = " or tags.KEY" if "tags" in allowed else ""
            raise ValueError(f"no dimension {name!r}; there are {', '.join(allowed)}{tags}")
    if len(set(wanted)) != len(wanted):
        raise ValueError("a dimension is named twice")
    return wanted


def parse_whole(given: object) -> int:
    """A whole number ≥ 0."""
    number = int(given) if isinstance(given, (int, str)) and not isinstance(given, bool) else -1
    if number < 0:
        raise ValueError("must be a whole number, 0 or more")
    return number


def dimension_sql(name: str) -> str:
    """The expression that a dimension stands for."""
    tag = name.removeprefix("tags.")
    return identifier(name) if tag == name else f"tags[{literal(tag)}]"
