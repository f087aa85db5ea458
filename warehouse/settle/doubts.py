"""Which traces a settlement judges again, and in which parts: found once for all that it has not read.

Every part is judged with the traces of other parts that bear on it; what it says of those is left to their own part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from warehouse.engine import Connection
from warehouse.schemas import TIME
from warehouse.settle.standing import HOUR, Hour, chunk
from warehouse.settle.statements import read_sql

SHARE_SPANS = 16_000_000
"""Spans whose traces and response ids are counted at a time."""

STEPS = 3
"""How far a call's twin may depend on its neighbours, and on theirs."""

_LONG = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Traces by when they began and ended, (first hour, last hour), or the ``piece`` of ``pieces`` of these."""

    cells: tuple[tuple[datetime, datetime], ...]
    piece: int = 0
    pieces: int = 1

    def table(self) -> pa.Table:
        """The cells as the SQL takes them."""
        first, last = zip(*self.cells, strict=True)
        return pa.table({"first_hour": pa.array(first, TIME), "last_hour": pa.array(last, TIME)})


def find_doubtful(connection: Connection, window: tuple[datetime, datetime], fresh: list[Hour], spans: int) -> int:
    """Make the table ``looked_at`` of traces to judge; how many there are.

    Needs the views ``spans`` (about so many ``spans`` in the ``window``) and ``unread``. ``fresh``: hours of what no
    settlement has read and is not alone.
    """
    _set(connection, since=window[0], before=window[1], fresh_from=min(hour.start for hour in fresh))
    connection.execute(read_sql("doubt"))
    shares = -(-spans // SHARE_SPANS) or 1
    for share in range(shares):
        _set(connection, shares=shares, share=share)
        connection.execute(read_sql("several"))
    _run_over(connection, fresh, "joined")
    connection.execute(read_sql("spoken"))
    if connection.execute("FROM spoken LIMIT 1").fetchall():
        _run_over(connection, fresh, "beside")
    connection.execute(read_sql("doubtful"))
    _repeat(connection, "reach")
    return _count(connection)


def share_out(connection: Connection, spans: int) -> list[Part]:
    """Parts of about so many spans, in order of time; needs ``looked_at``, makes the table ``placed``."""
    connection.execute(read_sql("placed"))
    cells = connection.sql(
        "SELECT first_hour, last_hour, sum(spans)::BIGINT FROM placed GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    near = [(first, last, count) for first, last, count in cells if last - first <= _LONG]
    far = [(first, last, count) for first, last, count in cells if last - first > _LONG]
    return [*_parts(near, spans), *_parts(far, spans)]


def _parts(cells: list[tuple[datetime, datetime, int]], spans: int) -> Iterable[Part]:
    some: list[tuple[datetime, datetime]] = []
    held = 0
    for first, last, count in cells:
        if some and held + count > spans:
            yield from _pieces(tuple(some), held, spans)
            some, held = [], 0
        some.append((first, last))
        held += count
    if some:
        yield from _pieces(tuple(some), held, spans)


def _pieces(cells: tuple[tuple[datetime, datetime], ...], held: int, spans: int) -> Iterable[Part]:
    pieces = max(1, round(held / spans))
    return (Part(cells=cells, piece=piece, pieces=pieces) for piece in range(pieces))


def take_part(connection: Connection, part: Part) -> tuple[datetime, datetime, bool] | None:
    """Make ``owned``, the traces of the part, and ``looked_at``, with those that bear on them.

    Returns from when to when all these are, and whether there are others than those of the part; None of a piece that
    has no trace, as where few are larger than a part. Needs ``placed``, ``linking``, ``joined`` and ``beside``.
    """
    connection.register("cells", part.table())
    _set(connection, piece=part.piece, pieces=part.pieces)
    connection.execute(read_sql("part"))
    owned = _count(connection)
    if not owned:
        return None
    for _ in range(STEPS):
        connection.execute(read_sql("neighbours"))
    _repeat(connection, "reach")
    first, last = connection.execute(
        "SELECT min(first_hour), max(last_hour) FROM placed WHERE trace_id IN (SELECT trace_id FROM looked_at)"
    ).fetchall()[0]
    return first, last + HOUR, _count(connection) > owned


def _run_over(connection: Connection, fresh: list[Hour], name: str) -> None:
    """Some hours at a time, each with the one before and after it."""
    for hours in chunk(fresh, SHARE_SPANS):
        _set(connection, first_hour=hours[0].start - HOUR, last_hour=hours[-1].start + HOUR)
        connection.execute(read_sql(name))


def _repeat(connection: Connection, name: str) -> None:
    while connection.execute(read_sql(name)).fetchall() != [(0,)]:
        pass


def _count(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM looked_at").fetchall()[0][0])


def _set(connection: Connection, **values: object) -> None:
    for name, value in values.items():
        connection.execute(f"SET VARIABLE {name} = $1", [value])
