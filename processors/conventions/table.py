"""The alias table: which wire key fills which canonical field, and which of several wins.

Everything that decodes OTLP, the protobuf path and any wire kernel, shares this one table:

* ``aliases`` is sorted by precedence, so of two aliases of one field the one with the smaller ``index`` wins, whatever
  the order on the wire. Precedence: rank class (tens), then place (span, event, map, scope, resource), then rank.
* equal aliases (the same key twice, several events of one name): the last one on the wire stands, for times the first.
* a value that cannot be what its field wants (empty text, a word for a number) is no value: the next alias is asked.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources

from processors.conventions.spelling import spellings

REPEATS = 16
"""How many of ``{i}`` = 0, 1, … are looked for."""

TAG = "tag:"
"""Prefix of the fields that hold attributes declared as tags."""

MANY = (
    *("evaluation_name", "evaluation_score", "evaluation_label", "evaluation_source"),
    *("evaluation_id", "evaluation_minutes", "evaluation_task_id", "evaluation_session_id"),
)
"""Fields of which a span may have several: they make rows of ``Decoded.evaluations``, not columns of spans."""

REST = "rest"
"""In ``Alias.includes``: what its writer left over of the sum when all parts that stand beside it were taken out."""

_PLACES = ("span", "event", "map", "scope", "resource")
_MILLISECONDS = {"s": 1000.0, "ms": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One canonical field.

    ``kind`` is text, first (text, or the first of a list), who (text, but no word for nobody), integer, count, real,
    elapsed (real, but not negative: -1 is some producers' word for "not measured"), bool, time.
    """

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One way to fill a field. ``path`` leads into a structured value; ``group`` tells repeated fields apart."""

    index: int
    field: str
    convention: str
    key: str
    path: tuple[str, ...]
    place: str
    event: str
    rank: int
    unit: str
    includes: str
    group: str = ""
    map_rank: int = 0

    @property
    def factor(self) -> float:
        """Multiplier from the written unit to the field's own."""
        return _MILLISECONDS.get(self.unit, 1.0)

    @property
    def counted(self) -> str:
        """``includes`` of a token count; what is left over where its parts were taken out (``rest``) is exclusive."""
        return "exclusive" if self.includes == REST else self.includes


Keys = Mapping[str, tuple[Alias, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # one that is made is itself alone: a key of caches
class AliasTable:
    """All fields and aliases, and the lookups a decoder needs: key -> aliases by place, best first."""

    fields: tuple[Field, ...]
    aliases: tuple[Alias, ...]
    span: Keys
    scope: Keys
    resource: Keys
    events: Mapping[str, Keys]
    tags: tuple[str, ...]
    scan_pii: bool = False  # look at the content for personal data

    def event_keys(self, name: str) -> Keys | None:
        """Keys of an event: under its own name, else under ``PREFIX.*``; None = an event that is not read."""
        return self.events.get(name) or self.events.get(f"{name.rpartition('.')[0]}.*")

    @property
    def columns(self) -> tuple[Field, ...]:
        """The fields that are columns of the decoded spans."""
        return tuple(field for field in self.fields if field.name not in MANY)


def read_rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the CSV files of this package."""
    text = resources.files("processors.conventions").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@functools.cache
def load_table(tags: tuple[str, ...] = (), *, scan_pii: bool = False) -> AliasTable:
    """Read the table and expand it into exact keys; ``tags`` are attribute keys that settings want kept."""
    fields = [Field(name=row["field"], kind=row["kind"]) for row in read_rows("fields.csv")]
    fields += [Field(name=TAG + tag, kind="text") for tag in tags]
    written = [_alias(row) for row in (*read_rows("aliases.csv"), *_in_places())]
    expanded = [alias for one in written for alias in _expand(one, written)]
    expanded += [_tag(tag, place) for tag in tags for place in ("span", "resource")]
    aliases = tuple(replace(a, index=i) for i, a in enumerate(sorted(_distinct(expanded), key=_precedence)))
    in_events = {a.event: [b for b in aliases if b.event == a.event] for a in aliases if a.place == "event"}
    return AliasTable(
        fields=tuple(fields),
        aliases=aliases,
        span=_by_key(a for a in aliases if a.place in ("span", "map")),
        scope=_by_key(a for a in aliases if a.place == "scope"),
        resource=_by_key(a for a in aliases if a.place == "resource"),
        events={event: _by_key(found) for event, found in in_events.items()},
        tags=tags,
        scan_pii=scan_pii,
    )


def _alias(row: Mapping[str, str]) -> Alias:
    return Alias(
        index=0,
        field=row["field"],
        convention=row["convention"],
        key=row["key"],
        path=tuple(row["path"].split(".")) if row["path"] else (),
        place=row["place"],
        event=row["event"],
        rank=int(row["rank"]),
        unit=row["unit"],
        includes=row["includes"],
    )


def _in_places() -> Iterator[dict[str, str]]:
    """A row of the alias table for every member of every object at every place where that can stand."""
    members = read_rows("objects.csv")
    for place in read_rows("places.csv"):
        for member in members:
            if member["object"] == place["object"]:
                path = ".".join(part for part in (place["path"], member["path"]) if part)
                yield member | place | {"path": path, "place": "span", "event": "", "unit": "{token}"}


def _tag(key: str, place: str) -> Alias:
    row = {"field": TAG + key, "convention": "settings", "key": key, "path": "", "place": place}
    return _alias({**row, "event": "", "rank": "10", "unit": "", "includes": ""})


def _expand(alias: Alias, written: list[Alias]) -> Iterator[Alias]:
    """One row as exact keys at exact places."""
    if alias.field == "*":
        yield from _map_members(alias, written)
        return
    keys = spellings(alias.key) if alias.convention == "custom_common" else (alias.key,)
    for place in alias.place.split("|"):
        if place == "map":
            continue
        for key in keys:
            if "{i}" in key:
                yield from (_numbered(alias, key, place, i) for i in range(REPEATS))
            else:
                yield replace(alias, key=key, place=place)


def _numbered(alias: Alias, key: str, place: str, number: int) -> Alias:
    return replace(alias, key=key.replace("{i}", str(number)), place=place, group=key.partition("{i}")[0] + str(number))


def _map_members(free_map: Alias, written: list[Alias]) -> Iterator[Alias]:
    """All custom_common members of a free map: flattened (``PREFIX.*``), or in one structured value (path ``*``)."""
    for member in written:
        if member.convention != "custom_common":
            continue
        for name in spellings(member.key):
            inside = {"path": (name,)} if free_map.path else {"key": free_map.key.removesuffix("*") + name}
            yield replace(
                free_map,
                field=member.field,
                rank=member.rank,
                map_rank=free_map.rank,
                place="map",
                **inside,
            )


def _precedence(alias: Alias) -> tuple[int, int, int, int]:
    return (alias.rank // 10, _PLACES.index(alias.place), alias.rank, alias.map_rank)


def _distinct(aliases: Iterable[Alias]) -> list[Alias]:
    """One alias a field, key and place: a convention's own before one of another spelling, then the better one."""
    best: dict[tuple[object, ...], Alias] = {}
    for alias in sorted(aliases, key=lambda one: (one.convention == "custom_common", *_precedence(one))):
        best.setdefault((alias.field, alias.place, alias.event, alias.key, alias.path, alias.group), alias)
    return list(best.values())


def _by_key(aliases: Iterable[Alias]) -> Keys:
    found: dict[str, list[Alias]] = {}
    for alias in aliases:
        found.setdefault(alias.key, []).append(alias)
    return {key: tuple(group) for key, group in found.items()}
