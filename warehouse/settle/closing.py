"""Close the hours that are over: one settlement, from one snapshot, visible at once or not at all.

1. Take a snapshot; read how the last settlement left things, and up to when everything has arrived.
2. Judge what it has not read (``corrections.py``), with all spans that tell of the same traces and responses.
3. Make the books of the hours that are closed now, of those that a correction touches and of those whose tasks were
   decided otherwise (``books.py``); append what they lack.
4. Append the row of ``settlements`` under the app-transaction ``settle`` = its number. Where somebody else has taken
   that number meanwhile, nothing of all this counts: ``Overtaken``, and the next try begins at 1.

Rows written in 2 and 3 carry the ``close_id`` of 4 and count from then on. Every step is a function of the lake alone,
so settling twice adds nothing.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa

from warehouse.damage import FAILURES
from warehouse.errors import LakeUnavailable, WarehouseError
from warehouse.lake import Lake
from warehouse.lake.place import Place, one_line
from warehouse.lake.snapshot import Snapshot, SnapshotTaker
from warehouse.reader import ALL, WarehouseSnapshot
from warehouse.relations import EVER, Window, connect, expose
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.books import LINES, decide_tasks, find_affected, find_lines, state_spans
from warehouse.settle.corrections import Pricing, find_corrections
from warehouse.settle.standing import (
    FIRST,
    HOUR,
    LAST,
    Hour,
    Standing,
    Unread,
    as_table,
    chunk,
    hour_of,
    read_standing,
    read_unread,
)
from warehouse.settle.statements import add_macros

APP = "settle"
"""The app-transaction of ``settlements`` that numbers them."""

_FRESH = """
SELECT date_trunc('hour', ended_at) AS hour, count(*)
FROM spans
JOIN unread ON partition = source_partition
WHERE source_offset >= first_offset AND ended_at IS NOT NULL
GROUP BY ALL
"""


class Overtaken(WarehouseError):
    """Another settlement was quicker; nothing of this one counts. Try again."""


@dataclass(slots=True, kw_only=True)
class Settled:
    """What one settlement did. ``number`` 0: there was nothing to do."""

    number: int
    closed_to: datetime
    watermark: datetime | None
    hours: int = 0
    reopened: set[datetime] = field(default_factory=set)
    corrected: int = 0
    suppressed: int = 0
    late_spans: int = 0
    late_alone: int = 0
    settled_usd: Decimal = Decimal(0)
    adjusted_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a settlement goes by. ``fresh``: hours of what no settlement has read."""

    snapshot: Snapshot
    standing: Standing
    unread: Unread
    watermark: datetime | None
    closed_to: datetime
    fresh: list[Hour]


def settle(
    lake: Lake,
    place: LakeSettings,
    how: SettleSettings,
    pricing: Pricing,
    *,
    now: datetime,
    until: datetime | None = None,
    actor: str = "",
    on_step: Callable[[str], None] = lambda _: None,
) -> Settled:
    """Close what is over at ``now``, at most the hours before ``until``; ``on_step`` is told each step when it is done.

    Raises Overtaken, LakeUnavailable, LakeMissing; nothing counts of what was done by then.
    """
    taker = SnapshotTaker(Place.of(place))
    try:
        return Settlement(
            lake=lake, taker=taker, place=place, how=how, pricing=pricing, actor=actor, on_step=on_step
        ).run(now, until)
    except FAILURES as error:
        raise LakeUnavailable(f"cannot settle {lake.url}: {one_line(error)}") from error


@dataclass(slots=True, kw_only=True)
class Settlement:
    """One settlement under way."""

    lake: Lake
    taker: SnapshotTaker
    place: LakeSettings
    how: SettleSettings
    pricing: Pricing
    actor: str
    on_step: Callable[[str], None]
    close_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parts: int = 0

    def run(self, now: datetime, until: datetime | None) -> Settled:
        """All steps."""
        scene = self._look(now, until)
        done = Settled(
            number=scene.standing.number + 1,
            closed_to=scene.closed_to,
            watermark=scene.watermark,
            late_spans=sum(hour.spans for hour in scene.fresh if hour.start < scene.standing.closed_to),
            late_alone=sum(hour.spans for hour in scene.fresh if hour.alone),
        )
        self.on_step("looked")
        self._correct(scene, done)
        self.on_step("corrected")
        self._book(scene, done)
        self.on_step("booked")
        standing = scene.standing
        if (scene.unread.offsets, scene.closed_to) == (standing.offsets, standing.closed_to) and not done.reopened:
            return dataclasses.replace(done, number=0)
        self._close(scene, done, now)
        self.on_step("closed")
        return done

    def _open(self, snapshot: Snapshot, *tables: str, window: Window = EVER) -> duckdb.DuckDBPyConnection:
        """A connection with the words of the rules and these tables, of spans and corrections those of ``window``."""
        connection = connect(dataclasses.replace(self.place, query_memory_mib=self.how.memory_mib))
        add_macros(connection, self.how.task_of)
        for table in tables:
            within = window if TABLES[table].time == "ended_at" else EVER
            expose(connection, snapshot, table, ALL, within, close=self.close_id)
        return connection

    def _look(self, now: datetime, until: datetime | None) -> Scene:
        """Step 1."""
        snapshot = self.taker.take()
        with self._open(snapshot, "settlements", "flushes", "spans") as connection:
            standing = read_standing(connection)
            unread = read_unread(connection, standing)
            connection.register("unread", unread.first)
            counted = connection.sql(_FRESH).fetchall() if unread.first.num_rows else []
        asked = WarehouseSnapshot(snapshot=snapshot, settings=self.place)
        watermark = asked.ask("watermark", ALL, now=now)["spans_watermark"][0].as_py()
        oldest = self._oldest(standing)
        return Scene(
            snapshot=snapshot,
            standing=standing,
            unread=unread,
            watermark=watermark,
            closed_to=self._closed_to(watermark, standing, until),
            fresh=[Hour(start=hour, spans=spans, alone=hour < oldest) for hour, spans in counted],
        )

    def _closed_to(self, watermark: datetime | None, standing: Standing, until: datetime | None) -> datetime:
        """Hours before this are closed: those whose last span has had ``lateness_minutes`` to arrive."""
        if watermark is None:
            return standing.closed_to
        over = hour_of(watermark - timedelta(minutes=self.how.lateness_minutes))
        return max(standing.closed_to, over if until is None else min(over, hour_of(until)))

    def _oldest(self, standing: Standing) -> datetime:
        """The first hour that is still made anew."""
        return standing.closed_to - timedelta(days=self.how.lookback_days) if standing.number else FIRST

    def _correct(self, scene: Scene, done: Settled) -> None:
        """Step 2."""
        lookback = timedelta(days=self.how.lookback_days)
        for hours in chunk([hour for hour in scene.fresh if not hour.alone], self.how.chunk_spans):
            window = (hours[0].start - lookback, hours[-1].start + HOUR + lookback)
            with self._open(scene.snapshot, "spans", "corrections", window=window) as connection:
                connection.register("unread", scene.unread.first)
                connection.register("hours", as_table(hours))
                found = find_corrections(connection, self.pricing)
            done.corrected += found.num_rows
            done.suppressed += found.filter(found["was_billed"]).num_rows
            self._append("corrections", found.drop_columns("was_billed"), done.number)
            self.on_step(f"judged {hours[0].start:%Y-%m-%d %H}")

    def _book(self, scene: Scene, done: Settled) -> None:
        """Step 3."""
        files = {**scene.snapshot.files, "corrections": self.taker.take().files["corrections"]}
        snapshot = dataclasses.replace(scene.snapshot, files=files)
        since = self._oldest(scene.standing)
        with self._open(snapshot, "spans", "corrections", "outcomes", "tasks", window=(since, None)) as connection:
            state_spans(connection, since, LAST)
            verdicts = decide_tasks(connection)
            found = find_affected(connection, self.close_id, since, scene.standing.closed_to, scene.closed_to)
        known = {hour.start for hour in scene.fresh if hour.start < scene.closed_to}
        hours = [hour for hour in scene.fresh if hour.start in known] + [one for one in found if one.start not in known]
        done.hours = sum(hour.start >= scene.standing.closed_to for hour in hours)
        for some in chunk(hours, self.how.chunk_spans):
            window = (some[0].start, some[-1].start + HOUR)
            with self._open(snapshot, "spans", "corrections", *LINES, window=window) as connection:
                state_spans(connection, *window)
                for name, rows in (("unread", scene.unread.first), ("hours", as_table(some)), ("verdict_of", verdicts)):
                    connection.register(name, rows)
                lines = find_lines(connection, scene.standing)
            _count(lines["ledger"], scene.standing, done)
            for name, rows in lines.items():
                self._append(name, rows, done.number)
            self.on_step(f"booked {some[0].start:%Y-%m-%d %H}")

    def _append(self, table: str, rows: pa.Table, number: int) -> None:
        """Append rows that count once this settlement stands."""
        if not rows.num_rows:
            return
        rows = rows.append_column("settlement", pa.repeat(number, rows.num_rows))
        rows = rows.append_column("close_id", pa.repeat(self.close_id, rows.num_rows))
        self.parts += 1
        self.lake.append_once(table, rows, f"{APP}/{self.close_id}", self.parts)

    def _close(self, scene: Scene, done: Settled, now: datetime) -> None:
        """Step 4."""
        row = {
            "day": now.astimezone(UTC).date(),
            "settlement": done.number,
            "close_id": self.close_id,
            "kind": "settle",
            "closed_at": now,
            "closed_to": done.closed_to,
            "watermark": done.watermark,
            "months_closed_to": scene.standing.months_closed_to,
            "reopened": sorted(done.reopened),
            "offsets": list({**scene.standing.offsets, **scene.unread.offsets}.items()),
            "versions": list(scene.snapshot.versions.items()),
            "late_spans": done.late_spans,
            "late_alone": done.late_alone,
            "corrected": done.corrected,
            "suppressed": done.suppressed,
            "repriced": 0,
            "settled_usd": done.settled_usd,
            "adjusted_usd": done.adjusted_usd,
            "price_version": self.pricing.version,
            "actor": self.actor,
        }
        rows = pa.Table.from_pylist([row], schema=TABLES["settlements"].schema)
        if not self.lake.append_once("settlements", rows, APP, done.number):
            raise Overtaken(f"somebody else has closed settlement {done.number} of {self.lake.url}; try again")


def _count(lines: pa.Table, standing: Standing, done: Settled) -> None:
    """Count lines of ``ledger``: of hours that are closed now, and of others."""
    for hour, cost in zip(lines["hour"].to_pylist(), lines["cost_usd"].to_pylist(), strict=True):
        if hour < standing.closed_to:
            done.adjusted_usd += cost
            done.reopened.add(hour)
        else:
            done.settled_usd += cost
