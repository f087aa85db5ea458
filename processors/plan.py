"""Which offsets a flush takes: a pure function of what is pending and what the lake has.

A partition's stream has a name of its own (``app_id`` = cluster id / topic id / partition), and every table of the
lake knows the next offset it expects of that stream. Normally all tables agree. After a crash between two commits they
do not: then the first flush takes exactly the range up to the furthest of them, so that the tables which are behind get
the same rows as the ones which are not (the in-flush rules see one range at a time).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processors.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """What the lake has of one stream: the smallest and the largest next offset over its tables; None = nothing."""

    nearest: int | None
    furthest: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One range ``[first, next)`` to flush, its messages, and what lies around it."""

    app_id: str
    first: int
    next: int
    messages: tuple[Message, ...]
    missing: int  # offsets of the range for which Kafka gave no message: transaction markers, compaction, or a loss


def have(next_offsets: Mapping[str, int | None]) -> Have:
    """Sum up the next offsets of one stream by table."""
    known = [offset for offset in next_offsets.values() if offset is not None]
    complete = len(known) == len(next_offsets)
    return Have(nearest=min(known) if complete and known else None, furthest=max(known, default=None))


def take(app_id: str, pending: Sequence[Message], had: Have) -> Take | None:
    """The next range of one stream, or None where nothing can be taken yet.

    ``pending`` holds messages of one partition with strictly ascending offsets. Messages before the nearest next offset
    are had by every table and left out. None also means: the range that a crash left behind has not arrived whole.
    """
    start = had.nearest if had.nearest is not None else 0
    behind = had.furthest is not None and had.nearest != had.furthest
    end = had.furthest if behind else None
    fresh = tuple(m for m in pending if m.offset >= start and (end is None or m.offset < end))
    if behind:
        assert end is not None  # noqa: S101 -- follows from `behind`; tells mypy
        if not pending or pending[-1].offset < end - 1:
            return None
        first = had.nearest if had.nearest is not None else (fresh[0].offset if fresh else 0)
        return Take(app_id=app_id, first=first, next=end, messages=fresh, missing=end - first - len(fresh))
    if not fresh:
        return None
    first = had.nearest if had.nearest is not None else fresh[0].offset
    following = fresh[-1].offset + 1
    return Take(app_id=app_id, first=first, next=following, messages=fresh, missing=following - first - len(fresh))
