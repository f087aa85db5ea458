"""How things stand before a settlement, and what it is to do: read from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pyarrow as pa

from warehouse.engine import Connection
from warehouse.questions import load_question
from warehouse.relations import FIRST, LAST
from warehouse.schemas import TIME
from warehouse.settle.statements import read_sql

HOUR = timedelta(hours=1)
FIRST_DAY = FIRST.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the last settlement left: ``number`` 0 = there was none.

    ``offsets``: by stream the next one that it had not read; ``offsets_at_close``: likewise the one that closed hours
    for the last time.
    """

    number: int = 0
    closed_to: datetime = FIRST
    months_closed_to: date = FIRST_DAY
    offsets: Mapping[str, int] = field(default_factory=dict)
    offsets_at_close: Mapping[str, int] = field(default_factory=dict)


def read_standing(connection: Connection) -> Standing:
    """The last row of the view ``settlements``."""
    rows = connection.sql(
        "SELECT settlement, closed_to, months_closed_to, offsets, "
        "first_value(offsets) OVER (PARTITION BY closed_to ORDER BY settlement) AS offsets_at_close "
        "FROM settlements ORDER BY settlement DESC LIMIT 1"
    ).to_arrow_table()
    if not rows.num_rows:
        return Standing()
    last = rows.to_pylist(maps_as_pydicts="strict")[0]
    return Standing(
        number=last["settlement"],
        closed_to=last["closed_to"],
        months_closed_to=last["months_closed_to"],
        offsets=last["offsets"],
        offsets_at_close=last["offsets_at_close"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What no settlement has read. ``offsets``: by stream the next one that the snapshot does not hold.

    ``first``: (stream, number, first_offset, first_at) of the streams of spans: what no settlement has read of one is
    of ``first_offset`` or later and came not before ``first_at``. ``number``: what tells it from others. Rows of a
    version that did not write their stream are of the one that is named by their partition. ``has_spans``: there is
    something.
    """

    offsets: Mapping[str, int]
    first: pa.Table
    has_spans: bool


_FIRST_OF = pa.schema(
    [
        pa.field("stream", pa.string()),
        *(pa.field(name, pa.int64()) for name in ("number", "first_offset")),
        pa.field("first_at", TIME),
    ]
)

NOTHING = Unread(offsets={}, first=_FIRST_OF.empty_table(), has_spans=False)
"""Where nothing is read."""


def read_unread(connection: Connection, standing: Standing) -> Unread:
    """From the view ``flushes``; a topic that was made anew is another stream."""
    connection.register("read_to", offsets_table(standing.offsets))
    streams = connection.execute(read_sql("unread")).fetchall()
    first: dict[str, tuple[int, datetime]] = {}
    unnamed: dict[str, tuple[int, datetime]] = {}
    for app_id, partition, next_offset, first_offset, first_at, brings_spans in streams:
        if not brings_spans:
            continue
        first[app_id] = (first_offset, FIRST)
        if first_offset < next_offset:
            offset, moment = unnamed.get(str(partition), (first_offset, LAST))
            unnamed[str(partition)] = (min(offset, first_offset), min(moment, first_at or FIRST))
    rows = [
        {"stream": stream, "number": number, "first_offset": offset, "first_at": moment}
        for number, (stream, (offset, moment)) in enumerate((first | unnamed).items())
    ]
    return Unread(
        offsets={app_id: next_offset for app_id, _, next_offset, *_ in streams},
        first=pa.Table.from_pylist(rows, schema=_FIRST_OF),
        has_spans=bool(unnamed),
    )


def offsets_table(offsets: Mapping[str, int]) -> pa.Table:
    """(app_id, next_offset) of each stream."""
    names, following = pa.array(offsets.keys(), pa.string()), pa.array(offsets.values(), pa.int64())
    return pa.table({"app_id": names, "next_offset": following})


def read_watermark(connection: Connection, now: datetime, *, without_spans: bool) -> datetime | None:
    """Up to when all spans have arrived, from the view ``flushes``; None where none was ever flushed.

    ``without_spans``: of a lake to which nobody ever sent any, up to when all else has.
    """
    asked = load_question("watermark")
    values = asked.parse({"now": now})
    answer = connection.sql(asked.render(values), params=asked.bound(values, whole=True)).to_arrow_table()
    found: datetime | None = answer["spans_watermark"][0].as_py()
    return found or (answer["watermark"][0].as_py() if without_spans else None)


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
