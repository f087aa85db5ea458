"""Close the hours that are over.

1. Take a snapshot; read how the last settlement left things, and up to when everything has arrived.
2. Judge what it has not read (``corrections.py``), with all spans that tell of the same traces and responses.
3. Make the books of the hours that are closed now, of those that a correction touches and of those whose tasks were
   decided otherwise (``books.py``); append what they lack. Likewise of the GPUs (``dividing.py``).
4. Append the row of ``settlements`` (``closing.py``).

Every step is a function of the lake alone, so settling twice adds nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.damage import FAILURES
from warehouse.engine import Connection, DuckDB, Opener
from warehouse.errors import LakeUnavailable
from warehouse.lake import Lake
from warehouse.lake.place import one_line
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.closing import Closing, Scene, Settled
from warehouse.settle.corrections import Pricing, find_corrections
from warehouse.settle.dividing import divide_gpus
from warehouse.settle.doubts import find_doubtful, share_out, take_part
from warehouse.settle.standing import (
    HOUR,
    Hour,
    Standing,
    as_table,
    chunk,
    hour_of,
    read_standing,
    read_unread,
    read_watermark,
)
from warehouse.settle.statements import read_sql

_FRESH = """
SELECT hour_of(ended_at) AS hour, count(*)
FROM spans
JOIN unread ON stream_of(source_app_id, source_partition) = unread.stream
WHERE source_offset >= first_offset AND received_at >= first_at AND ended_at IS NOT NULL
GROUP BY ALL
"""


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
    engine: Opener = DuckDB,
) -> Settled:
    """Close what is over at ``now``, at most the hours before ``until``; ``on_step`` is told each step when it is done.

    ``engine``: what runs the SQL; the once rules on what is doubtful are run here, whatever it is.

    Raises Overtaken, LakeUnavailable, LakeMissing; nothing counts of what was done by then.
    """
    try:
        with Closing(
            lake=lake, place=place, how=how, pricing=pricing, actor=actor, on_step=on_step, engine=engine
        ) as closing:
            return _settle(closing, now, until)
    except FAILURES as error:
        raise LakeUnavailable(f"cannot settle {lake.url}: {one_line(error)}") from error


def _settle(closing: Closing, now: datetime, until: datetime | None) -> Settled:
    scene, fresh, watermark = _look(closing, now)
    standing = scene.standing
    done = Settled(
        number=standing.number + 1,
        closed_to=_closed_to(closing.how, watermark, standing, until),
        months_closed_to=standing.months_closed_to,
        watermark=watermark,
        late_spans=sum(hour.spans for hour in fresh if hour.start < standing.closed_to),
        late_alone=sum(hour.spans for hour in fresh if hour.alone),
    )
    closing.on_step("looked")
    _correct(closing, scene, done, [hour for hour in fresh if not hour.alone])
    _drop_repeated(closing, scene, done, [hour for hour in fresh if hour.alone])
    closing.on_step("corrected")
    oldest = closing.oldest(standing)
    booked = closing.book(scene, done, oldest, [hour for hour in fresh if hour.start < done.closed_to])
    divide_gpus(closing, scene, done, booked)
    closing.on_step("booked")
    has_read = {**standing.offsets, **scene.unread.offsets} != dict(standing.offsets)
    if not (has_read or done.closed_to > standing.closed_to or done.reopened):
        return dataclasses.replace(done, number=0)
    closing.close("settle", scene, done, now)
    return done


def _look(closing: Closing, now: datetime) -> tuple[Scene, list[Hour], datetime | None]:
    """Step 1: the scene, the hours of what no settlement has read, and up to when everything has arrived."""
    snapshot = closing.taker.take()
    with closing.desk.lay(snapshot, "settlements", "flushes", "spans") as connection:
        standing = read_standing(connection)
        unread = read_unread(connection, standing)
        watermark = read_watermark(connection, now, without_spans=snapshot.files["gpu_samples"].num_rows > 0)
        connection.register("unread", unread.first)
        counted = connection.sql(_FRESH).fetchall() if unread.has_spans else []
    oldest = closing.oldest(standing)
    fresh = [Hour(start=hour, spans=spans, alone=hour < oldest) for hour, spans in counted]
    return Scene(snapshot=snapshot, standing=standing, unread=unread), fresh, watermark


def _closed_to(how: SettleSettings, watermark: datetime | None, standing: Standing, until: datetime | None) -> datetime:
    """Hours before this are closed: those whose last span has had ``lateness_minutes`` to arrive."""
    if watermark is None:
        return standing.closed_to
    over = hour_of(watermark - timedelta(minutes=how.lateness_minutes))
    return max(standing.closed_to, over if until is None else min(over, hour_of(until)))


def _correct(closing: Closing, scene: Scene, done: Settled, fresh: list[Hour]) -> None:
    """Step 2."""
    if not fresh:
        return
    lookback = timedelta(days=closing.how.lookback_days)
    start, end = min(hour.start for hour in fresh), max(hour.start for hour in fresh) + HOUR
    window = (start - lookback, end + lookback)
    files = scene.snapshot.within("spans", *window)["rows"]
    spans = pc.sum(files).as_py() or 0
    with closing.desk.lay(scene.snapshot, "spans", "corrections", window=window) as connection:
        connection.register("unread", scene.unread.first)
        if not find_doubtful(connection, window, fresh, spans):
            return
        if spans <= closing.how.chunk_spans:
            _judge(closing, connection, done, start)
            return
        for part in share_out(connection, closing.how.chunk_spans):
            taken = take_part(connection, part)
            if taken is None:
                continue
            first, end, with_others = taken
            with closing.desk.lay(scene.snapshot, "spans", "corrections", window=(first, end)):
                _judge(closing, connection, done, first, owned_alone=with_others)


def _drop_repeated(closing: Closing, scene: Scene, done: Settled, alone: list[Hour]) -> None:
    """Step 2, of what is too old to be judged with others: a record that came again is not billed again."""
    for hours in chunk(alone, closing.how.chunk_spans):
        window = (hours[0].start, hours[-1].start + HOUR)
        with closing.desk.lay(scene.snapshot, "spans", window=window) as connection:
            connection.register("unread", scene.unread.first)
            connection.register("hours", as_table(hours))
            connection.execute(read_sql("again"))
            _state(closing, done, connection.sql("FROM told_again").to_arrow_table())


def _judge(
    closing: Closing,
    connection: Connection,
    done: Settled,
    first: datetime,
    *,
    owned_alone: bool = False,
) -> None:
    """Append what the rules say of the traces that are looked at; ``owned_alone``: of those in ``owned``."""
    found = find_corrections(connection, closing.pricing)
    if owned_alone:
        connection.register("found", found)
        found = connection.sql("FROM found WHERE trace_id IN (FROM owned)").to_arrow_table().cast(found.schema)
    _state(closing, done, found)
    closing.on_step(f"judged {first:%Y-%m-%d %H}")


def _state(closing: Closing, done: Settled, found: pa.Table) -> None:
    done.corrected += found.num_rows
    done.suppressed += found.filter(found["was_billed"]).num_rows
    closing.append("corrections", found.drop_columns("was_billed"), done.number)
