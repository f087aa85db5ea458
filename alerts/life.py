"""The life of an incident, as a pure function of verdicts: opened, updated while it gets materially worse, resolved.

One incident per scope is open at a time. It opens at the first hot minute that is young enough to notify of, and is
resolved after ``calm_minutes`` calm full minutes in a row; the next one cannot reach back into what a resolved one
told. Judging the same minutes again, with what has been told by then, decides nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

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

    def onset(self, earliest: int, minute: int) -> int:
        """The minute, from ``earliest`` to ``minute``, since which the excess is largest."""
        sums = np.cumsum((self.spend - self.expected)[self._rows(earliest, minute + 1)][::-1])
        return minute - int(sums.argmax())

    def end(self, start: int, minute: int, latest: int) -> int:
        """The minute after ``minute``, up to ``latest``, until which the excess since ``start`` is largest."""
        sums = np.cumsum((self.spend - self.expected)[self._rows(start, latest)])
        least = max(minute - max(start, self.first_minute), 0)
        return max(start, self.first_minute) + least + int(sums[least:].argmax()) + 1 if sums[least:].size else latest

    def expected_usd(self, start: int, end: int) -> float:
        """Expectation of the minutes [start, end), or of those of them that are here."""
        return float(self.expected[self._rows(start, end)].sum())

    def _rows(self, start: int, end: int) -> slice:
        return slice(max(start - self.first_minute, 0), max(end - self.first_minute, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What clock and settings say: minutes before ``notify_from`` open nothing, before ``full_until`` are full."""

    notify_from: int
    full_until: int
    calm_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An event to be told: its kind, the incident's opening minute, the minutes [start, end) it is about."""

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
            yield opening
            excess = line.excess(opening.start, opening.end)
            known = Told(opened=opening.opened, start=opening.start, end=None, excess_usd=excess, updates=0)
        restless_until, over = _find_calm(line, rules, known.opened)
        end = line.end(known.start, known.opened, restless_until)
        if over:
            yield Decision(event=RESOLVED, opened=known.opened, start=known.start, end=end)
            known = replace(known, end=end)
            continue
        if known.updates < MAX_UPDATES and line.excess(known.start, end) >= WORSE * known.excess_usd:
            yield Decision(event=UPDATED, opened=known.opened, start=known.start, end=end)
        return


def _find_opening(line: Timeline, rules: Rules, *, free_from: int) -> Decision | None:
    """The first hot window that may be told; its stretch of largest excess is what is told."""
    minutes = line.first_minute + np.arange(len(line.hot))
    starts = minutes - line.hot + 1
    rows = np.flatnonzero((line.hot > 0) & (minutes >= rules.notify_from) & (starts >= free_from))
    if not rows.size:
        return None
    opened = int(minutes[rows[0]])
    start = line.onset(int(starts[rows[0]]), opened)
    restless_until, _ = _find_calm(line, rules, opened)
    return Decision(event=OPENED, opened=opened, start=start, end=line.end(start, opened, restless_until))


def _find_calm(line: Timeline, rules: Rules, opened: int) -> tuple[int, bool]:
    """The minute after the last restless one, or after the first that enough calm ones follow; and whether any is."""
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
