"""What every change of the books does: append rows that count for nothing, then the one row that makes them count.

Rows carry the ``close_id`` of a row of ``settlements`` and count once that stands. It is appended under the
app-transaction ``settle`` = its number: where somebody else has taken that number meanwhile, ``Overtaken`` is raised,
nothing of all this counts, and the next try begins anew.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary

import pyarrow as pa

from warehouse.corrected import correct_spans
from warehouse.engine import DuckDB, Opener
from warehouse.errors import WarehouseError
from warehouse.lake import Lake
from warehouse.lake.place import Place
from warehouse.lake.snapshot import Snapshot, SnapshotTaker
from warehouse.relations import FIRST, LAST
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.books import LINES, count_hours, find_lines, find_touched
from warehouse.settle.corrections import Pricing
from warehouse.settle.deciding import Past, decide
from warehouse.settle.desk import Layout, open_desk
from warehouse.settle.standing import HOUR, Hour, Standing, Unread, as_table, chunk

APP = "settle"
"""The app-transaction of ``settlements`` that numbers them."""

LATE = "late"
"""The ``entry`` of lines of hours that were closed before, where nothing else is said."""


_TAKERS: WeakKeyDictionary[Lake, SnapshotTaker] = WeakKeyDictionary()
"""What has read the logs of a lake once need not do so at the next settlement."""


class Overtaken(WarehouseError):
    """Another settlement was quicker; nothing of this one counts. Try again."""


@dataclass(slots=True, kw_only=True)
class Settled:
    """What one settlement did. ``number`` 0: there was nothing to do."""

    number: int
    closed_to: datetime
    months_closed_to: date
    watermark: datetime | None = None
    hours: int = 0
    reopened: set[datetime] = field(default_factory=set)
    corrected: int = 0
    suppressed: int = 0
    repriced: int = 0
    late_spans: int = 0
    late_alone: int = 0
    late_samples: int = 0
    homeless_outcomes: int = 0
    settled_usd: Decimal = Decimal(0)
    adjusted_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a settlement goes by: one snapshot and what it says."""

    snapshot: Snapshot
    standing: Standing
    unread: Unread


@dataclass(slots=True, kw_only=True)
class Closing:
    """One settlement under way, used with ``with``; ``on_step`` is told each step when it is done."""

    lake: Lake
    place: LakeSettings
    how: SettleSettings
    pricing: Pricing
    engine: Opener = DuckDB
    actor: str = ""
    on_step: Callable[[str], None] = lambda _: None
    close_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parts: int = 0
    taker: SnapshotTaker = field(init=False)
    desk: Layout = field(init=False)

    def __enter__(self) -> Self:
        self.taker = _TAKERS.get(self.lake) or SnapshotTaker(Place.of(self.place))
        _TAKERS[self.lake] = self.taker
        self.desk = open_desk(self.engine, self.place, self.how, self.close_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.desk.close()

    def oldest(self, standing: Standing) -> datetime:
        """The first hour that is still made anew."""
        return standing.closed_to - timedelta(days=self.how.lookback_days) if standing.number else FIRST

    def append(self, table: str, rows: pa.Table, number: int) -> None:
        """Append rows that count once this settlement stands."""
        if not rows.num_rows:
            return
        rows = rows.append_column("settlement", pa.repeat(number, rows.num_rows))
        rows = rows.append_column("close_id", pa.repeat(self.close_id, rows.num_rows))
        self.parts += 1
        self.lake.append_once(table, rows, f"{APP}/{self.close_id}", self.parts)

    def book(
        self, scene: Scene, done: Settled, since: datetime, hours: Iterable[Hour] = (), entry: str = LATE
    ) -> dict[datetime, int]:
        """Append the lines that are missing in closed hours: in ``hours``, and in those that turn out to be affected.

        Affected are hours after ``since`` that are closed now, that a correction of this settlement is in, or, where
        nothing but what came late reopens an hour, with tasks that were decided otherwise; by outcomes that have just
        come also hours before. ``entry``: what lines of
        hours that were closed before are called. -> those hours, and how many spans they have.
        """
        snapshot = self.corrected(scene)
        was_closed_to = scene.standing.closed_to
        with self.desk.lay(snapshot, "spans", window=(since, None)) as connection:
            counts = count_hours(connection, since)
        past = Past(desk=self.desk, how=self.how, snapshot=snapshot, since=since, counts=counts)
        decided = decide(past, scene.standing, closes=done.closed_to > was_closed_to)
        done.homeless_outcomes = decided.homeless
        decided_since, fresh_since = (since, decided.fresh_since) if entry == LATE else (LAST, LAST)
        with self.desk.lay(snapshot, "corrections", "tasks", window=(since, None)) as connection:
            touched = find_touched(
                connection, self.close_id, decided.verdicts, decided_since=decided_since, fresh_since=fresh_since
            )
        found = [
            Hour(start=hour, spans=spans)
            for hour, spans in (counts | dict(decided.counts)).items()
            if hour < done.closed_to and (hour >= was_closed_to or hour in touched)
        ]
        known = {hour.start: hour for hour in found} | {hour.start: hour for hour in hours}
        done.hours = sum(start >= was_closed_to for start in known)
        for some in chunk(list(known.values()), self.how.chunk_spans):
            window = (some[0].start, some[-1].start + HOUR)
            with self.desk.lay(snapshot, "spans", "corrections", *LINES, window=window) as connection:
                correct_spans(connection, *window)
                for name, rows in (
                    ("unread", scene.unread.first),
                    ("hours", as_table(some)),
                    ("verdict_of", decided.verdicts),
                ):
                    connection.register(name, rows)
                lines = find_lines(connection, scene.standing, entry)
            _count(lines["ledger"], was_closed_to, done)
            for name, rows in lines.items():
                self.append(name, rows, done.number)
            self.on_step(f"booked {some[0].start:%Y-%m-%d %H}")
        return {hour.start: hour.spans for hour in known.values()}

    def corrected(self, scene: Scene) -> Snapshot:
        """The snapshot, with what this settlement has corrected by now."""
        snapshot = scene.snapshot
        if not self.parts:
            return snapshot
        ours = self.taker.take()
        files = {**snapshot.files, "corrections": ours.files["corrections"]}
        versions = {**snapshot.versions, "corrections": ours.versions["corrections"]}
        return dataclasses.replace(snapshot, files=files, versions=versions)

    def close(self, kind: str, scene: Scene, done: Settled, now: datetime) -> None:
        """Make all that was appended count."""
        counted = (
            *("late_spans", "late_alone", "late_samples", "homeless_outcomes", "corrected", "suppressed", "repriced"),
            *("settled_usd", "adjusted_usd"),
        )
        row = {
            "day": now.astimezone(UTC).date(),
            "settlement": done.number,
            "close_id": self.close_id,
            "kind": kind,
            "closed_at": now,
            "closed_to": done.closed_to,
            "watermark": done.watermark,
            "months_closed_to": done.months_closed_to,
            "reopened": sorted(done.reopened),
            "offsets": list({**scene.standing.offsets, **scene.unread.offsets}.items()),
            "versions": list(scene.snapshot.versions.items()),
            **{name: getattr(done, name) for name in counted},
            "price_version": self.pricing.version,
            "actor": self.actor,
        }
        rows = pa.Table.from_pylist([row], schema=TABLES["settlements"].schema)
        if not self.lake.append_once("settlements", rows, APP, done.number):
            raise Overtaken(f"somebody else has closed settlement {done.number} of {self.lake.url}; try again")
        self.on_step("closed")


def _count(lines: pa.Table, was_closed_to: datetime, done: Settled) -> None:
    """Count lines of ``ledger``: of hours that are closed now, and of others."""
    for hour, cost in zip(lines["hour"].to_pylist(), lines["cost_usd"].to_pylist(), strict=True):
        if hour < was_closed_to:
            done.adjusted_usd += cost
            done.reopened.add(hour)
        else:
            done.settled_usd += cost
