"""Which hours of GPUs are divided anew: those that samples or calls tell something new of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from warehouse.engine import Connection
from warehouse.gpus import read_fleet
from warehouse.relations import FIRST
from warehouse.settle.closing import Closing, Scene, Settled
from warehouse.settle.gpus import REACH, find_gpu_lines
from warehouse.settle.standing import HOUR, Hour, Standing, chunk, hour_of, offsets_table

FURTHEST = 10
"""How many look-backs before the oldest hour late samples are still counted in."""
GPU_TABLES = ("spans", "corrections", "gpu_samples", "gpu_minutes")

_TOLD = """
SELECT
    hour_of(g.sampled_at) AS hour,
    bool_or(g.sampled_at >= $closed_to OR coalesce(g.source_offset >= coalesce(r.next_offset, 0), false)) AS is_news
FROM gpu_samples AS g
LEFT JOIN read_to AS r ON r.app_id = g.source_app_id
WHERE g.sampled_at >= $since AND g.sampled_at < $before
GROUP BY hour_of(g.sampled_at)
"""

_LATE = """
SELECT count(*)
FROM gpu_samples AS g
LEFT JOIN read_to AS r ON r.app_id = g.source_app_id
WHERE g.sampled_at >= $since AND g.sampled_at < $before AND g.source_offset >= coalesce(r.next_offset, 0)
"""


def divide_gpus(closing: Closing, scene: Scene, done: Settled, booked: Mapping[datetime, int]) -> None:
    """Append the lines of ``gpu_minutes`` that hours lack of which samples or calls tell something new."""
    if not scene.snapshot.files["gpu_samples"].num_rows:
        return
    fleet, snapshot = read_fleet(closing.how.gpus), closing.corrected(scene)
    oldest = closing.oldest(scene.standing)
    done.late_samples = _count_late(closing, scene, oldest)
    window = (oldest, done.closed_to + REACH)
    with closing.desk.lay(snapshot, "gpu_samples", window=window) as connection:
        told = read_told(connection, scene.standing, *window)
    hours = hours_to_divide(told, booked, done.closed_to, window[0])
    for some in chunk([Hour(start=hour, spans=booked.get(hour, 0)) for hour in hours], closing.how.chunk_spans):
        around = (max(some[0].start, FIRST + REACH) - REACH, some[-1].start + HOUR + REACH)
        with closing.desk.lay(snapshot, *GPU_TABLES, window=around) as connection:
            lines = find_gpu_lines(connection, fleet, scene.standing, [hour.start for hour in some])
        late = (minute for minute in lines["minute"].to_pylist() if minute < scene.standing.closed_to)
        done.reopened |= {hour_of(minute) for minute in late}
        closing.append("gpu_minutes", lines, done.number)
        closing.on_step(f"divided {some[0].start:%Y-%m-%d %H}")


def _count_late(closing: Closing, scene: Scene, oldest: datetime) -> int:
    """Samples that no settlement has read and that are too old to divide anything, up to ten look-backs."""
    if oldest == FIRST:
        return 0
    since = max(oldest - FURTHEST * timedelta(days=closing.how.lookback_days), FIRST)
    with closing.desk.lay(scene.snapshot, "gpu_samples", window=(since, oldest)) as connection:
        connection.register("read_to", offsets_table(scene.standing.offsets))
        found = connection.sql(_LATE, params={"since": since, "before": oldest}).fetchall()
    return int(found[0][0])


def hours_to_divide(
    told: Mapping[datetime, bool], booked: Iterable[datetime], closed_to: datetime, since: datetime
) -> list[datetime]:
    """Closed hours from ``since`` on whose minutes may have become others, in order.

    ``told``: hours with samples -> whether there is news among them; ``booked``: hours whose calls were just booked.
    A sample speaks of the time since the one before it, and the next one of less then; a call may have begun an hour
    before it ended.
    """
    near = (-REACH, timedelta(), REACH)
    news = {hour + step for hour, is_news in told.items() if is_news for step in near}
    calls = {hour - step for hour in booked if hour > FIRST for step in (timedelta(), REACH)}
    there = {hour + step for hour in told for step in near}
    return sorted(hour for hour in (news | calls) & there if since <= hour < closed_to)


def read_told(connection: Connection, standing: Standing, since: datetime, before: datetime) -> dict[datetime, bool]:
    """Hours with samples -> whether any is news: no settlement has read it, or its hour was not closed yet.

    Needs the view ``gpu_samples``.
    """
    connection.register("read_to", offsets_table(standing.offsets))
    given = {"since": since, "before": before, "closed_to": standing.closed_to}
    return dict(connection.sql(_TOLD, params=given).fetchall())
