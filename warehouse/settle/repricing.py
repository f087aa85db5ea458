"""Price calls anew: from the tokens that stand, with the prices of today or of any book; the old cost stays readable.

What changes is stated in ``corrections`` (``why`` = ``repriced``) and booked as lines of its own (``entry`` =
``repriced``). A later settlement keeps the new cost as long as what it is made of stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from warehouse.corrected import correct_spans
from warehouse.damage import FAILURES
from warehouse.engine import DuckDB, Opener
from warehouse.errors import LakeUnavailable
from warehouse.lake import Lake
from warehouse.lake.place import one_line
from warehouse.schemas.kinds import USD, fields
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.closing import Closing, Scene, Settled
from warehouse.settle.corrections import Pricing
from warehouse.settle.standing import HOUR, NOTHING, Hour, chunk, hour_of, read_standing
from warehouse.settle.statements import PRICES, read_sql

ENTRY = "repriced"

_NO_CHANGES = pa.schema(
    [
        *fields("tenant provider model before_version after_version", pa.string()),
        pa.field("calls", pa.int64()),
        *fields("before_usd after_usd", USD),
    ]
).empty_table()

_CALLS = """
SELECT row_number() OVER (ORDER BY trace_id, span_id, received_at, source_partition, source_offset) - 1 AS row, *
FROM corrected_spans
WHERE billable AND ($model IS NULL OR coalesce(response_model, request_model) = $model)
ORDER BY row
"""

_HOURS = """
SELECT hour_of(ended_at) AS hour, count(*)
FROM spans
WHERE billable AND ended_at >= $start AND ended_at < $end
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repriced:
    """What was or would be changed.

    ``changes``: tenant, provider, model, before_version, after_version, calls, before_usd, after_usd, difference_usd of
    the calls whose cost changes; NULL = without a price.
    """

    settled: Settled
    changes: pa.Table


def reprice(
    lake: Lake,
    place: LakeSettings,
    how: SettleSettings,
    pricing: Pricing,
    *,
    now: datetime,
    window: tuple[datetime, datetime],
    model: str | None = None,
    dry_run: bool = False,
    actor: str = "",
    on_step: Callable[[str], None] = lambda _: None,
    engine: Opener = DuckDB,
) -> Repriced:
    """Price the calls that ended in ``window`` (half-open), of one ``model`` or of all; ``dry_run``: change nothing.

    Raises Overtaken, LakeUnavailable, LakeMissing; nothing counts of what was done by then.
    """
    try:
        with Closing(
            lake=lake, place=place, how=how, pricing=pricing, actor=actor, on_step=on_step, engine=engine
        ) as closing:
            return _reprice(closing, now, window, model, dry_run=dry_run)
    except FAILURES as error:
        raise LakeUnavailable(f"cannot reprice {lake.url}: {one_line(error)}") from error


def _reprice(
    closing: Closing, now: datetime, window: tuple[datetime, datetime], model: str | None, *, dry_run: bool
) -> Repriced:
    snapshot = closing.taker.take()
    start, end = window
    with closing.desk.lay(snapshot, "settlements", "spans", window=window) as connection:
        standing = read_standing(connection)
        counted = connection.execute(_HOURS, {"start": start, "end": end}).fetchall()
    scene = Scene(snapshot=snapshot, standing=standing, unread=NOTHING)
    done = Settled(number=standing.number + 1, closed_to=standing.closed_to, months_closed_to=standing.months_closed_to)
    changes = []
    for hours in chunk([Hour(start=hour, spans=spans) for hour, spans in counted], closing.how.chunk_spans):
        found, said = _find(closing, scene, (max(start, hours[0].start), min(end, hours[-1].start + HOUR)), model)
        changes.append(said)
        done.repriced += found.num_rows
        if not dry_run:
            closing.append("corrections", found, done.number)
        closing.on_step(f"priced {hours[0].start:%Y-%m-%d %H}")
    if dry_run or not done.repriced:
        done.number = 0
    else:
        closing.book(scene, done, hour_of(start), entry=ENTRY)
        closing.close("reprice", scene, done, now)
    return Repriced(settled=done, changes=_sum(closing, scene, changes))


def _find(
    closing: Closing, scene: Scene, window: tuple[datetime, datetime], model: str | None
) -> tuple[pa.Table, pa.Table]:
    """Corrections of the calls of ``window`` whose price is another one, and what that comes to."""
    with closing.desk.lay(scene.snapshot, "spans", "corrections", window=window) as connection:
        correct_spans(connection, *window)
        calls = connection.sql(_CALLS, params={"model": model}).to_arrow_table()
        priced = closing.pricing.price(calls.drop_columns(list(PRICES))) if calls.num_rows else calls
        connection.register("as_priced", calls)
        connection.register("priced", pa.table({name: priced[name] for name in ("row", *PRICES)}))
        connection.execute(read_sql("reprice"))
        return (
            connection.sql("FROM repriced ORDER BY ALL").to_arrow_table(),
            connection.sql("FROM changes ORDER BY ALL").to_arrow_table(),
        )


def _sum(closing: Closing, scene: Scene, changes: list[pa.Table]) -> pa.Table:
    """The changes of all parts of the window as one table."""
    with closing.desk.lay(scene.snapshot) as connection:
        connection.register("parts", pa.concat_tables([_NO_CHANGES, *changes]))
        connection.execute(read_sql("repriced_total"))
        return connection.sql("FROM total ORDER BY abs(difference_usd) DESC, tenant, provider, model").to_arrow_table()
