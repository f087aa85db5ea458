"""What became of tasks, by the outcomes that tell of them, however far back the spans lie that these name.

1. Outcomes find their tasks among the spans of the hours that are made anew anyway.
2. Where that would overturn what the books say of a task, or an outcome that has just come found none, those that found
   none are looked for among the spans of ``outcome_days`` before, too. So an outcome that a person gives weeks later
   counts, and one that names the first turn of a session still does when only the last turn is made anew.

Hours before are reopened for outcomes that have just come, up to ``lookback_days`` after the oldest spans looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.corrected import correct_spans
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import FIRST, LAST
from warehouse.settings import SettleSettings
from warehouse.settle.books import NO_VERDICTS, count_hours, decide_tasks, find_named, overturns
from warehouse.settle.desk import Layout
from warehouse.settle.standing import HOUR, Hour, Standing, chunk, offsets_table
from warehouse.settle.statements import read_sql

ON_THE_WAY = HOUR
"""So long an outcome may take from its record to the lake, where the row does not say which record it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The hours from ``since`` on: ``counts`` of their spans, as they lie on the ``desk``."""

    desk: Layout
    how: SettleSettings
    snapshot: Snapshot
    since: datetime
    counts: Mapping[datetime, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """``verdicts`` as ``verdicts.sql`` gives them.

    ``counts``: of the hours before, from ``fresh_since`` on, in which outcomes that have just come may decide tasks.
    ``homeless``: those of them that are about no task that there is, once hours are closed.
    """

    verdicts: pa.Table
    counts: Mapping[datetime, int] = field(default_factory=dict)
    fresh_since: datetime = LAST
    homeless: int = 0


def decide(past: Past, standing: Standing, *, closes: bool) -> Decided:
    """What became of the tasks that outcomes tell of; ``closes``: hours are closed that were open."""
    if not past.snapshot.files["outcomes"].num_rows:
        return Decided(verdicts=NO_VERDICTS)
    told = _told(past, standing)
    named = _named(past, past.counts, told)
    verdicts, homeless = _decide(past, told, named)
    is_sought = closes and _count_fresh(homeless) > 0
    if past.since == FIRST or not (is_sought or (homeless.num_rows and _overturns(past, verdicts))):
        return Decided(verdicts=verdicts, homeless=_count_fresh(homeless) if closes else 0)
    reach = past.since - timedelta(days=past.how.outcome_days)
    with past.desk.lay(past.snapshot, "spans", window=(reach, past.since)) as connection:
        before = count_hours(connection, reach, past.since)
    named += _named(past, before, homeless)
    verdicts, homeless = _decide(past, told, named)
    fresh_since = reach + timedelta(days=past.how.lookback_days)
    counts = {hour: spans for hour, spans in before.items() if hour >= fresh_since}
    return Decided(
        verdicts=verdicts,
        counts=counts,
        fresh_since=min(fresh_since, past.since),
        homeless=_count_fresh(homeless) if closes else 0,
    )


def _told(past: Past, standing: Standing) -> pa.Table:
    """Outcomes, each once; ``is_fresh``: no settlement has read it that closed hours."""
    with past.desk.lay(past.snapshot, "outcomes") as connection:
        connection.register("read_to", offsets_table(standing.offsets_at_close))
        connection.execute("SET VARIABLE came_since = $1", [max(standing.closed_to - ON_THE_WAY, FIRST)])
        connection.execute(read_sql("told"))
        return connection.sql("FROM told").to_arrow_table()


def _named(past: Past, counts: Mapping[datetime, int], told: pa.Table) -> list[pa.Table]:
    """Spans of these hours whose tasks outcomes may be about."""
    found = []
    hours = [Hour(start=hour, spans=spans) for hour, spans in counts.items()]
    for some in chunk(hours, past.how.chunk_spans):
        window = (some[0].start, some[-1].start + HOUR)
        with past.desk.lay(past.snapshot, "spans", "corrections", window=window) as connection:
            correct_spans(connection, *window)
            found.append(find_named(connection, told))
    return found


def _decide(past: Past, told: pa.Table, named: list[pa.Table]) -> tuple[pa.Table, pa.Table]:
    if not named:
        return NO_VERDICTS, told
    with past.desk.lay(past.snapshot) as connection:
        return decide_tasks(connection, told, named)


def _count_fresh(told: pa.Table) -> int:
    return int(pc.sum(told["is_fresh"], min_count=0).as_py())


def _overturns(past: Past, verdicts: pa.Table) -> bool:
    with past.desk.lay(past.snapshot, "tasks") as connection:
        return overturns(connection, past.since, verdicts)
