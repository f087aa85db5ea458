"""What questions group and filter by: columns of a table, single tags, and levels that a file declares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from warehouse import families
from warehouse.questions.kinds import DIMENSION as TOKEN_KIND
from warehouse.schemas import SAFETY, USAGE, USAGE_DIMENSIONS
from warehouse.schemas.settled import GPU_DIMENSIONS, LEDGER_DIMENSIONS
from warehouse.scope import UNATTRIBUTED, identifier, literal, one_of

_FAMILY = families.DIMENSION
SAFETY_DIMENSIONS = tuple(SAFETY.names[SAFETY.names.index("tenant") : SAFETY.names.index("category")])
BOTH_DIMENSIONS = (
    *("tenant", "feature", "principal", "environment", "service", "provider", "model", "service_tier", "operation"),
    *("route", "prompt_name", "prompt_version", "tags"),
)
"""What ``usage``, ``ledger`` and ``spans`` tell of a call; where settlement changes it, ``corrections`` does too."""
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "usage": USAGE_DIMENSIONS,
    "safety": (*SAFETY_DIMENSIONS, _FAMILY),
    "safety_hours": (*SAFETY_DIMENSIONS, _FAMILY),
    "ledger": LEDGER_DIMENSIONS,
    "gpu_minutes": GPU_DIMENSIONS,
    "gpus": ("gpu", "gpu_model", "host"),
    "user_days": ("tenant", "feature"),
    "arms": ("tenant", "feature", "environment", "model", _FAMILY, "prompt_name", "prompt_version", "route"),
    "tools": ("tenant", "feature", "environment", "service", "operation", "tool_name"),
    "both": BOTH_DIMENSIONS,
    "calls": (*BOTH_DIMENSIONS, _FAMILY),
    "usage_rates": (*USAGE_DIMENSIONS, _FAMILY),
    "ledger_rates": (*LEDGER_DIMENSIONS, _FAMILY),
    "usage_kinds": (*USAGE_DIMENSIONS, _FAMILY, TOKEN_KIND),
    "ledger_kinds": (*LEDGER_DIMENSIONS, TOKEN_KIND),
}
FLAGS = frozenset(name for name in USAGE_DIMENSIONS if USAGE.field(name).type == pa.bool_())
"""Dimensions that are true or false."""

Filter = tuple[tuple[str, frozenset[str | None]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A level of a hierarchy, like ``business_unit`` over ``tenant``: by its values those of ``over`` that they hold.

    ``over`` is a dimension, or the level ``below`` this one. A value that none holds is NULL at this level: it stays
    visible.
    """

    name: str
    over: str
    holds: Mapping[str, frozenset[str | None]]
    below: Level | None = None

    @property
    def key(self) -> str:
        """The dimension at the bottom."""
        return self.below.key if self.below else self.over

    def sql(self) -> str:
        """The expression over the column ``key``."""
        cases = " ".join(f"WHEN {self.held_by(name)} THEN {literal(name)}" for name in self.holds)
        return f"CASE {cases} END" if cases else "NULL::VARCHAR"

    def held_by(self, name: str | None) -> str:
        """SQL that is true where this level has a value: conditions on ``key`` alone, no CASE within a CASE."""
        if name is None:
            return " AND ".join(f"({self.held_by(one)}) IS NOT TRUE" for one in self.holds) or "true"
        keys = self.holds.get(name, frozenset())
        if self.below is None:
            return one_of(column_sql(self.over), keys)
        return self.below.one_of(keys)

    def one_of(self, values: Collection[str | None]) -> str:
        """SQL that holds where this level has one of the values; None is NULL; no value at all holds nowhere."""
        first = sorted(values, key=lambda value: (value is None, value or ""))
        return " OR ".join(f"({self.held_by(value)})" for value in first) or "false"

    def stands_on(self, name: str) -> bool:
        """Whether a dimension or level is below this one."""
        return self.over == name or (self.below is not None and self.below.stands_on(name))

    def of(self, name: str, value: str | None) -> str | None:
        """The value of this level for one of the dimension or level ``name`` that it stands on."""
        if self.over != name and self.below is not None:
            value = self.below.of(name, value)
        return next((one for one, keys in self.holds.items() if value in keys), None)


def levels_of(table: str, levels: Sequence[Level]) -> dict[str, Level]:
    """The levels over dimensions of a table, by name."""
    return {level.name: level for level in levels if is_column(level.key, table)}


def is_column(name: str, table: str) -> bool:
    """Whether a table has a dimension of this name, or tags."""
    allowed = DIMENSIONS[table]
    return name in allowed or ("tags" in allowed and name.startswith("tags.") and name != "tags.")


def parse_dimensions(given: object, table: str, levels: Sequence[Level] = ()) -> tuple[str, ...]:
    """Different dimensions of a table, in the order given."""
    names = given.split(",") if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    wanted = tuple(parse_text(name).strip() for name in names)
    over = levels_of(table, levels)
    for name in wanted:
        if name not in over and not is_column(name, table):
            tags = " or tags.KEY" if "tags" in DIMENSIONS[table] else ""
            raise ValueError(f"no dimension {name!r}; there are {', '.join((*DIMENSIONS[table], *over))}{tags}")
        if "\0" in name:
            raise ValueError("a dimension has no NUL in its name")
    if len({name.lower() for name in wanted}) != len(wanted):
        raise ValueError("a dimension is named twice, or two differ by upper and lower case only")
    return wanted


def parse_filter(given: object, table: str, levels: Sequence[Level] = ()) -> Filter:
    """Allowed values by dimension; a dimension that is not named allows all."""
    if isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        if any(not equals for _, equals, _ in pairs):
            raise ValueError("must be text like tenant=acme,feature=chat")
        given = {
            name: [one for other, _, value in pairs if other == name for one in _told(value)] for name, _, _ in pairs
        }
    if not isinstance(given, Mapping):
        raise TypeError("must be values by dimension")
    named = parse_dimensions(list(given), table, levels) if given else ()
    return tuple((name, _values(name, values)) for name, values in zip(named, given.values(), strict=True))


def _told(value: str) -> tuple[str | None, ...]:
    """What the text of a value asks for: an empty one for what has none, the word that people read for that too."""
    return (None, value) if value == UNATTRIBUTED else (value or None,)


def _values(name: str, given: Iterable[object]) -> frozenset[str | None]:
    if isinstance(given, str):
        raise TypeError("must be lists of values by dimension")
    values = frozenset(None if value is None else parse_text(value) for value in given)
    if name == "tags" and values - {None}:
        raise ValueError("tags are many: name one of them, like tags.KEY=value")
    if name in FLAGS:
        values -= {UNATTRIBUTED}
        if odd := sorted(value for value in values if value is not None and value.lower() not in ("true", "false")):
            raise ValueError(f"{name} is true or false, not {', '.join(odd)}")
    return values


def parse_text(given: object) -> str:
    """Any text that UTF-8 can say."""
    text = str(given)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be UTF-8") from error
    return text


def column_sql(name: str) -> str:
    """The expression that a dimension of a table stands for."""
    if name == families.DIMENSION:
        return families.SQL
    tag = name.removeprefix("tags.")
    return identifier(name) if tag == name else f"tags[{literal(tag)}]"


def sql_of(levels: Sequence[Level]) -> Callable[[str], str]:
    """What turns a dimension or one of these levels into its expression."""
    over = {level.name: level for level in levels}
    return lambda name: over[name].sql() if name in over else column_sql(name)


def filter_sql(given: Filter, levels: Sequence[Level] = ()) -> str:
    """A filter as SQL; one that names nothing holds everywhere."""
    over = {level.name: level for level in levels}
    rules = [over[name].one_of(values) if name in over else one_of(column_sql(name), values) for name, values in given]
    return " AND ".join(f"({rule})" for rule in rules) or "true"
