"""How things stand before a settlement, and what it is to do: read from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from warehouse.engine import Connection
from warehouse.questions import load_question
from warehouse.schemas import TIME

HOUR = timedelta(hours=1)
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = FIRST.date()
LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the last settlement left: ``number`` 0 = there was none."""

    number: int = 0
    closed_to: datetime = FIRST
    months_closed_to: date = FIRST_DAY
    offsets: Mapping[str, int] = field(default_factory=dict)


def read_standing(connection: Connection) -> Standing:
    """The last row of the view ``settlements``."""
    rows = connection.sql(
        "SELECT settlement, closed_to, months_closed_to, offsets FROM settlements ORDER BY settlement DESC LIMIT 1"
    ).to_arrow_table()
    if not rows.num_rows:
        return Standing()
    last = rows.to_pylist(maps_as_pydicts="strict")[0]
    return Standing(
        number=last["settlement"],
        closed_to=last["closed_to"],
        months_closed_to=last["months_closed_to"],
        offsets=last["offsets"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What no settlement has read. ``offsets``: by stream the next one that the snapshot does not hold.

    ``first``: (partition, first_offset) of the partitions of spans; one that is not in it was read to its end.
    """

    offsets: Mapping[str, int]
    first: pa.Table


NOTHING = Unread(
    offsets={}, first=pa.schema([pa.field("partition", pa.int32()), pa.field("first_offset", pa.int64())]).empty_table()
)
"""Where nothing is read."""


def read_unread(connection: Connection, standing: Standing) -> Unread:
    """From the view ``flushes``: of a topic that was made anew what the two have in common counts as unread."""
    streams = connection.sql(
        "SELECT app_id, any_value(partition) AS partition, max(next_offset) AS next, min(first_offset) AS first, "
        "coalesce(sum(spans), 1) > 0 AS brings_spans FROM flushes GROUP BY app_id ORDER BY app_id"
    ).fetchall()
    first: dict[int, int] = {}
    for app_id, partition, next_offset, first_offset, brings_spans in streams:
        begin = standing.offsets.get(app_id, first_offset)
        if brings_spans and begin < next_offset:
            first[partition] = min(begin, first.get(partition, begin))
    return Unread(
        offsets={app_id: next_offset for app_id, _, next_offset, _, _ in streams},
        first=pa.table(
            {"partition": pa.array(first.keys(), pa.int32()), "first_offset": pa.array(first.values(), pa.int64())}
        ),
    )


def read_watermark(connection: Connection, now: datetime) -> datetime | None:
    """Up to when all spans have arrived, from the view ``flushes``; None where nothing was ever flushed."""
    asked = load_question("watermark")
    values = asked.parse({"now": now})
    answer = connection.sql(asked.render(values), params=asked.bound(values, whole=True)).to_arrow_table()
    found: datetime | None = answer["spans_watermark"][0].as_py()
    return found


def hour_of(moment: datetime) -> datetime:
    """The hour that a moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """An hour with spans. ``alone``: too old to be made anew."""

    start: datetime
    spans: int
    alone: bool = False


def chunk(hours: list[Hour], spans: int) -> list[list[Hour]]:
    """Hours in order of time, in groups of about so many spans and of at most a day; those alone apart from others."""
    groups: list[list[Hour]] = []
    for hour in sorted(hours, key=lambda one: one.start):
        last = groups[-1] if groups else None
        if (
            last is None
            or sum(one.spans for one in last) + hour.spans > spans
            or hour.start - last[0].start >= timedelta(days=1)
            or hour.alone != last[0].alone
        ):
            groups.append([hour])
        else:
            last.append(hour)
    return groups


def as_table(hours: list[Hour]) -> pa.Table:
    """Hours as the SQL takes them: (hour, alone)."""
    return pa.table(
        {
            "hour": pa.array([one.start for one in hours], TIME),
            "alone": pa.array([one.alone for one in hours], pa.bool_()),
        }
    )
