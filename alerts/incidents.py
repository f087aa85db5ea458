"""Incidents as events: what happened in an incident's life, one row of the ``incidents`` table each.

An incident is the fold of its events; nothing else is stored. Ids are hashes of what makes an event *this* event, so
whoever decides or sends it twice gives it the same id.

Events that people are told of: ``opened``, ``updated`` (materially worse), ``escalated`` (a warning became critical),
``resolved``. Book-keeping of the outbox:
``notified`` (a channel took an event), ``undelivered`` (none did, in a day), ``claimed`` (another worker now sends it);
these carry the channel and the ``sequence`` of the event that they are about. Of people (``alerts.people``):
``acknowledged``, ``silenced`` (``until`` then), ``feedback`` (``note`` is one of ``VERDICTS``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from alerts.parts import Change, Factor, Sample
from alerts.signals.leaves import Leaf
from warehouse.schemas import INCIDENTS

SIGNAL_SPEND = "spend"
OPENED, UPDATED, ESCALATED, RESOLVED = "opened", "updated", "escalated", "resolved"
TOLD = (OPENED, UPDATED, ESCALATED, RESOLVED)
WORSE = 2.0
"""An update is due when the excess has grown by this factor since it was last told …"""
MAX_UPDATES = 5
"""… at most so many times."""
ACKNOWLEDGED, SILENCED, FEEDBACK = "acknowledged", "silenced", "feedback"
SAID = (ACKNOWLEDGED, SILENCED, FEEDBACK)
EXPECTED, UNEXPECTED, TOO_SMALL, PLANNED = "expected", "unexpected", "too small", "planned"
VERDICTS = (EXPECTED, UNEXPECTED, TOO_SMALL, PLANNED)
"""What people say of an incident; the first and the last two are of alerts that nobody wanted."""
HUSHED = "goes on, nobody is told: somebody has it or silenced it"
"""Note of what was told as over and goes on, while it is acknowledged or silenced."""
PART = "nobody is told: part of a loop that was told"
"""Note of spend that comes with a loop."""
NOTIFIED, UNDELIVERED, CLAIMED = "notified", "undelivered", "claimed"
BOOKS = (NOTIFIED, UNDELIVERED, CLAIMED)
UNATTRIBUTED, EVERYBODY = "unattributed", "all tenants"


SCOPED_BY = ("tenant", "feature", "model", "principal", "provider")
"""What a scope can name, in this order."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage it is: values by dimension, None = unattributed; a dimension that is not there is all of its values.

    >>> print(Scope.of({"tenant": "acme", "feature": None, "model": "gpt-4o"}))
    acme / unattributed, model gpt-4o
    >>> print(Scope.of({"provider": "openai"}))
    provider openai
    >>> print(Scope())
    all tenants
    """

    values: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, str | None]) -> Scope:
        """The scope that these values name."""
        return cls(tuple((name, values[name]) for name in SCOPED_BY if name in values))

    def as_dict(self) -> dict[str, str | None]:
        """Values by dimension."""
        return dict(self.values)

    def __str__(self) -> str:
        found = self.as_dict()
        owner = " / ".join(found[name] or UNATTRIBUTED for name in ("tenant", "feature") if name in found)
        others = [
            f"{name} {found[name] or UNATTRIBUTED}" for name in ("provider", "model", "principal") if name in found
        ]
        return ", ".join([owner, *others] if owner else others) or EVERYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What has at most one open incident: a signal about a scope, or about a budget."""

    signal: str
    scope: Scope
    budget: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """How much of the excess one value of one dimension explains; shares within a dimension add up to the whole."""

    dimension: str
    value: str | None
    observed_usd: Decimal
    expected_usd: Decimal
    excess_usd: Decimal
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of ``incidents``; amounts are about the window [window_start, window_end).

    ``scoped_by``: the dimensions whose values make the scope. ``window_minutes``: how far the window reached back that
    was odd; ``series``: what was odd in it, as far as it is known, the first at least. Both are of detectors alone.
    ``measured usual affected``: of signals of health alone, whose amounts are 0.
    ``complete_until``: up to when everything had reached the ledger as it was decided.
    ``factors`` add up to ``excess_usd``; ``changes`` and ``samples`` are as of the opening.
    """

    event_id: str
    incident_id: str
    sequence: int
    event: str
    recorded_at: datetime
    opened_at: datetime
    window_start: datetime
    window_end: datetime
    tenant: str | None
    feature: str | None
    signal: str
    severity: str
    observed_usd: Decimal
    expected_usd: Decimal
    excess_usd: Decimal
    excess_usd_per_hour: Decimal
    contributors: tuple[Contributor, ...] = field(default=())
    summary: str | None = None
    channel: str | None = None
    actor: str | None = None
    note: str | None = None
    budget: str | None = None
    model: str | None = None
    principal: str | None = None
    provider: str | None = None
    scoped_by: tuple[str, ...] = ("tenant", "feature")
    window_minutes: int | None = None
    series: tuple[Leaf, ...] = ()
    until: datetime | None = None
    measured: float | None = None
    usual: float | None = None
    affected: int | None = None
    factors: tuple[Factor, ...] = ()
    changes: tuple[Change, ...] = ()
    samples: tuple[Sample, ...] = ()
    complete_until: datetime | None = None

    @property
    def scope(self) -> Scope:
        """Whose usage it is about."""
        return Scope.of({name: getattr(self, name) for name in self.scoped_by})

    @property
    def is_hushed(self) -> bool:
        """Whether it is kept from people."""
        return self.note in (HUSHED, PART)

    @property
    def subject(self) -> Subject:
        """What the incident is about."""
        return Subject(signal=self.signal, scope=self.scope, budget=self.budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as its events tell it; ``last`` is the latest event that people are told of.

    ``said``: what people have said, in order.
    """

    opened: Event
    last: Event
    updates: int
    said: tuple[Event, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it has not been resolved."""
        return self.last.event != RESOLVED

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has it."""
        return any(event.event == ACKNOWLEDGED for event in self.said)

    @property
    def silenced_until(self) -> datetime | None:
        """Until when nobody is told, by the last silence."""
        return next((event.until for event in reversed(self.said) if event.event == SILENCED), None)

    @property
    def verdict(self) -> str | None:
        """One of ``VERDICTS``, the last that was given."""
        return next((event.note for event in reversed(self.said) if event.event == FEEDBACK), None)


def hash_id(*parts: str | int | None) -> str:
    """32 hex digits that depend on the parts and their order alone."""
    joined = "\x1f".join("\x00" if part is None else str(part) for part in parts)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def incident_id(scope: Scope, signal: str, opened_at: datetime) -> str:
    """Id of the incident of this scope and signal that opened in this minute."""
    return hash_id(*(part for pair in scope.values for part in pair), signal, int(opened_at.timestamp()) // 60)


def incidents_of(events: Iterable[Event]) -> dict[str, Incident]:
    """All incidents by id, in the order in which they opened."""
    found: dict[str, Incident] = {}
    events = list(events)
    for event in sorted((e for e in events if e.event in TOLD), key=lambda e: (e.opened_at, e.incident_id, e.sequence)):
        known = found.get(event.incident_id)
        if known is None and event.event == OPENED:
            found[event.incident_id] = Incident(opened=event, last=event, updates=0)
        elif known is not None:
            found[event.incident_id] = replace(known, last=event, updates=known.updates + (event.event == UPDATED))
    for event in sorted((e for e in events if e.event in SAID), key=lambda e: (e.recorded_at, e.event_id)):
        if known := found.get(event.incident_id):
            found[event.incident_id] = replace(known, said=(*known.said, event))
    return found


def latest_incidents(incidents: Iterable[Incident]) -> dict[Subject, Incident]:
    """The last incident of each subject, open or resolved; ``incidents`` in the order in which they opened."""
    return {incident.opened.subject: incident for incident in incidents}


PARTS: Mapping[str, type] = {"contributors": Contributor, "factors": Factor, "changes": Change, "samples": Sample}
"""Columns of records, and what these are; NULL in rows of earlier versions."""
BARE: Mapping[str, Any] = dict.fromkeys(PARTS, ())
"""Of rows that explain nothing."""


def to_table(events: Sequence[Event]) -> pa.Table:
    """Rows for the ``incidents`` table."""
    rows = [{**_plain(event), "day": event.recorded_at.date()} for event in events]
    return pa.Table.from_pylist(rows, schema=INCIDENTS)


def from_table(table: pa.Table) -> list[Event]:
    """Events from rows of the ``incidents`` table, in any order."""
    names = {f.name for f in fields(Event)} - {*PARTS, "scoped_by", "series"}
    return [
        Event(
            **{name: value for name, value in row.items() if name in names},
            **_parts(row),
            scoped_by=_scoped_by(row),
            series=tuple(Leaf(**part) for part in row["series"] or ()),
        )
        for row in table.to_pylist()
    ]


def _parts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(kind(**part) for part in row[name] or ()) for name, kind in PARTS.items()}


def _scoped_by(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Rows of earlier versions do not say: they are of a tenant and feature, or of what a budget has one of."""
    if row["scoped_by"] is not None:
        return tuple(row["scoped_by"])
    return tuple(name for name in ("tenant", "feature") if row["budget"] is None or row[name] is not None)


def as_json(event: Event) -> dict[str, Any]:
    """The event as webhook and Kafka carry it: money as decimal text, times as RFC 3339."""
    return {name: _to_json(value) for name, value in _plain(event).items()}


def _plain(record: Event | Contributor | Factor | Change | Sample) -> dict[str, Any]:
    plain = {f.name: getattr(record, f.name) for f in fields(record)}
    if isinstance(record, Event):
        plain |= {name: [_plain(part) for part in plain[name]] for name in PARTS}
        plain["series"] = [leaf._asdict() for leaf in record.series]
        plain["scoped_by"] = list(record.scoped_by)
    return plain


def _to_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return [
            {name: _to_json(inner) for name, inner in part.items()} if isinstance(part, dict) else part
            for part in value
        ]
    return value
