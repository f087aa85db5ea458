"""Incidents as events: what happened in an incident's life, one row of the ``incidents`` table each.

An incident is the fold of its events; nothing else is stored. Ids are hashes of what makes an event *this* event, so
whoever decides or sends it twice gives it the same id.

Events that people are told of: ``opened``, ``updated`` (materially worse), ``resolved``. Book-keeping of the outbox:
``notified`` (a channel took an event), ``undelivered`` (none did, in a day), ``claimed`` (another worker now sends it);
these carry the channel and the ``sequence`` of the event that they are about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from warehouse.schemas import INCIDENTS

SIGNAL_SPEND = "spend"
OPENED, UPDATED, RESOLVED = "opened", "updated", "resolved"
TOLD = (OPENED, UPDATED, RESOLVED)
NOTIFIED, UNDELIVERED, CLAIMED = "notified", "undelivered", "claimed"
UNATTRIBUTED = "unattributed"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scope:
    """Whose spend it is; None = unattributed."""

    tenant: str | None
    feature: str | None

    def __str__(self) -> str:
        return f"{self.tenant or UNATTRIBUTED} / {self.feature or UNATTRIBUTED}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Series:
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
    """One row of ``incidents``; amounts are about the window [window_start, window_end)."""

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

    @property
    def scope(self) -> Scope:
        """Whose spend it is about; of a budget that is of several, None stands for all of them."""
        return Scope(tenant=self.tenant, feature=self.feature)

    @property
    def series(self) -> Series:
        """The series that the incident is about."""
        return Series(signal=self.signal, scope=self.scope, budget=self.budget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as its events tell it; ``last`` is the latest event that people are told of."""

    opened: Event
    last: Event
    updates: int

    @property
    def is_open(self) -> bool:
        """Whether it has not been resolved."""
        return self.last.event != RESOLVED


def hash_id(*parts: str | int | None) -> str:
    """32 hex digits that depend on the parts and their order alone."""
    joined = "\x1f".join("\x00" if part is None else str(part) for part in parts)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def incident_id(scope: Scope, signal: str, opened_at: datetime) -> str:
    """Id of the incident of this scope and signal that opened in this minute."""
    return hash_id(scope.tenant, scope.feature, signal, int(opened_at.timestamp()) // 60)


def latest_incidents(events: Iterable[Event]) -> dict[Series, Incident]:
    """The last incident of each series, open or resolved."""
    found: dict[Series, Incident] = {}
    for event in sorted((e for e in events if e.event in TOLD), key=lambda e: (e.opened_at, e.incident_id, e.sequence)):
        if event.event == OPENED:
            found[event.series] = Incident(opened=event, last=event, updates=0)
        elif event.series in found and found[event.series].opened.incident_id == event.incident_id:
            known = found[event.series]
            found[event.series] = Incident(
                opened=known.opened, last=event, updates=known.updates + (event.event == UPDATED)
            )
    return found


def to_table(events: Sequence[Event]) -> pa.Table:
    """Rows for the ``incidents`` table."""
    rows = [{**_plain(event), "day": event.recorded_at.date()} for event in events]
    return pa.Table.from_pylist(rows, schema=INCIDENTS)


def from_table(table: pa.Table) -> list[Event]:
    """Events from rows of the ``incidents`` table, in any order."""
    names = {f.name for f in fields(Event)}
    return [
        Event(
            **{name: value for name, value in row.items() if name in names and name != "contributors"},
            contributors=tuple(Contributor(**part) for part in row["contributors"] or ()),
        )
        for row in table.to_pylist()
    ]


def as_json(event: Event) -> dict[str, Any]:
    """The event as webhook and Kafka carry it: money as decimal text, times as RFC 3339."""
    return {name: _to_json(value) for name, value in _plain(event).items()}


def _plain(record: Event | Contributor) -> dict[str, Any]:
    plain = {f.name: getattr(record, f.name) for f in fields(record)}
    if isinstance(record, Event):
        plain["contributors"] = [_plain(part) for part in record.contributors]
    return plain


def _to_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return [{name: _to_json(inner) for name, inner in part.items()} for part in value]
    return value
