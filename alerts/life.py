"""The life of an incident, as a pure function of verdicts: opened, updated while it gets materially worse, resolved.

One incident per scope is open at a time. It opens at the first hot minute that is young enough to notify of, and is
resolved after ``calm_minutes`` calm full minutes in a row; the next one cannot reach back into what a resolved one told.
Judging the same minutes again, with what has been told by then, decides nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alerts.incidents import OPENED, RESOLVED, UPDATED, Incident
from alerts.state import Bools, Floats

WORSE = 2.0
"""An update is due when the excess has grown by this factor since it was last told …"""
MAX_UPDATES = 5
"""… at most so many times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Verdicts of one series over the minutes that may still change; arrays are (minutes,), USD."""

    first_minute: int
    spend: Floats
    expected: Floats
    hot: np.ndarray[tuple[int, ...], np.dtype[np.int16]]
    calm: Bools

    def excess(self, start: int, end: int) -> float:
        """Spend over expectation in the minutes [start, end)."""
        return float(self.spend[self._rows(start, end)].sum()) - self.expected_usd(start, end)

    def expected_usd(self, start: int, end: int) -> float:
        """Expectation of the minutes [start, end), or of those of them that are here."""
        return float(self.expected[self._rows(start, end)].sum())

    def _rows(self, start: int, end: int) -> slice:
        return slice(max(start - self.first_minute, 0), max(end - self.first_minute, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the clock and the settings say: minutes before ``notify_from`` open nothing, those before ``full_until`` are full."""

    notify_from: int
    full_until: int
    calm_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An event to be told: its kind, the minute in which the incident opened, and the minutes [start, end) it is about."""

    event: str
    opened: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The part of an incident that decisions depend on; ``end`` is None while it is open."""

    opened: int
    start: int
    end: int | None
    excess_usd: float
    updates: int


def told(incident: Incident) -> Told:
    """What has been told of an incident."""
    last = incident.last
    return Told(
        opened=_minute(incident.opened.opened_at.timestamp()),
        start=_minute(incident.opened.window_start.timestamp()),
        end=None if incident.is_open else -_minute(-last.window_end.timestamp()),
        excess_usd=float(last.excess_usd),
        updates=incident.updates,
    )


def decide(known: Told | None, line: Timeline, rules: Rules) -> Iterator[Decision]:
    """What must be told of a series now, in order of time."""
    while True:
        if known is None or known.end is not None:
            opening = _find_opening(line, rules, free_from=-1 if known is None or known.end is None else known.end)
            if opening is None:
                return
            end, _ = _find_end(line, rules, opening.opened)
            yield Decision(event=OPENED, opened=opening.opened, start=opening.start, end=end)
            excess = line.excess(opening.start, end)
            known = Told(opened=opening.opened, start=opening.start, end=None, excess_usd=excess, updates=0)
        end, over = _find_end(line, rules, known.opened)
        if not over:
            if known.updates < MAX_UPDATES and line.excess(known.start, end) >= WORSE * known.excess_usd:
                yield Decision(event=UPDATED, opened=known.opened, start=known.start, end=end)
            return
        yield Decision(event=RESOLVED, opened=known.opened, start=known.start, end=end)
        known = Told(opened=known.opened, start=known.start, end=end, excess_usd=known.excess_usd, updates=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    opened: int
    start: int


def _find_opening(line: Timeline, rules: Rules, *, free_from: int) -> _Opening | None:
    minutes = line.first_minute + np.arange(len(line.hot))
    starts = minutes - line.hot + 1
    rows = np.flatnonzero((line.hot > 0) & (minutes >= rules.notify_from) & (starts >= free_from))
    return _Opening(opened=int(minutes[rows[0]]), start=int(starts[rows[0]])) if rows.size else None


def _find_end(line: Timeline, rules: Rules, opened: int) -> tuple[int, bool]:
    """The minute after the last one that is not calm, and whether enough full calm ones followed it."""
    row = max(opened - line.first_minute + 1, 0)
    full_rows = min(rules.full_until - line.first_minute, len(line.calm))
    end = row
    for restless in [*np.flatnonzero(~line.calm[row:]) + row, len(line.calm)]:
        if min(restless, full_rows) - end >= rules.calm_minutes:
            return line.first_minute + end, True
        end = min(restless + 1, len(line.calm))
    last = np.flatnonzero(~line.calm[row:])
    return line.first_minute + (row + int(last[-1]) + 1 if last.size else row), False


def _minute(timestamp_s: float) -> int:
    return int(timestamp_s // 60)
