"""Which single calls an address asks for, and how many there are: the number that led to them.

The list is of the ledger as it stands; how many there are comes from the sums that pages count by: of the books where
the number was theirs, of what has no price as Pipeline tells it, else of the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dashboards.grid import UNATTRIBUTED, Row
from dashboards.look import Look
from dashboards.view import CALLED, ENDED, RETRIES, SETTLED, TRUE, UNPRICED, WITHIN
from warehouse.errors import BadQuestion
from warehouse.questions.parameters import parse_time

OPEN = ".."
TIER = "service_tier"
Where = dict[str, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What is asked: the ``look`` has the view's filters and the time, ``where`` all dimensions, ``how`` what else."""

    look: Look
    where: Where
    how: Mapping[str, str]

    def rows(self, most: int) -> list[Row]:
        """The latest of them."""
        period = self.look.period
        if period.start and period.end and period.start >= period.end:  # nothing of it is settled
            return []
        asked: dict[str, object] = {"where": self.where, "start": period.start, "end": period.end}
        attempt = {"attempt": 2} if self.retries else {}
        return self.look.answers.ask("calls", **asked, **self.how, **attempt, limit=most)

    def total(self) -> Row | None:
        """How many there are and what they cost; None where no sum tells it."""
        if UNPRICED in self.how:
            return self._unpriced()
        question = "settled-spend" if SETTLED in self.look.view.also else "spend"
        ended = {name: (_value(self.how[name]),) for name in ENDED if name in self.how}
        period = self.look.period
        rows = self.look.answers.ask(question, by=(), where=self.where | ended, start=period.start, end=period.end)
        if rows and self.retries:
            return {"calls": rows[0]["retries"], "cost_usd": None}
        return rows[0] if rows else None

    @property
    def retries(self) -> bool:
        """Whether only those are asked for that repeat a failed one."""
        return self.look.view.also.get(RETRIES) == TRUE

    def _unpriced(self) -> Row | None:
        """Of the report of calls without a price, which has no filter: its lines that these are."""
        if set(self.how) != {UNPRICED} or self.retries:
            return None
        period, by = self.look.period, tuple(name for name in self.where if name != TIER)
        lines = self.look.answers.ask("unpriced", by=by, start=period.start, end=period.end)
        mine = self.where | {UNPRICED: (_value(self.how[UNPRICED]),)}
        found = [row for row in lines if all(row[name] in values for name, values in mine.items())]
        return {"calls": sum(row["calls"] for row in found), "cost_usd": None}


def called(look: Look) -> Called:
    """What the address of a look asks for. Raises BadQuestion where it names no time."""
    also = look.view.also
    if also.get(SETTLED) == TRUE:
        look = settled(look)
    if WITHIN in also:
        look = replace(look, period=replace(look.period, **_cut(look, also[WITHIN])))
    narrow = {name: (_value(also[name]),) for name in CALLED if name in also}
    how = {name: also[name] for name in (*ENDED, UNPRICED) if name in also}
    return Called(look=look, where=look.view.where() | narrow, how=how)


def settled(look: Look) -> Look:
    """The same look at what of its period is settled: whole hours."""
    booked = look.books()
    closed_to = booked.closed_to()
    end = min((at for at in (booked.period.end, closed_to) if at), default=None)
    return replace(booked, period=replace(booked.period, end=end))


def interval(start: datetime | None, end: datetime | None) -> str:
    """A part of a period as an address says it: ``2026-11-01T00:00:00+00:00/..``."""
    return "/".join(at.isoformat() if at else OPEN for at in (start, end))


def instants(text: str) -> tuple[datetime | None, datetime | None]:
    """Its ends. Raises BadQuestion."""
    first, _, last = text.partition("/")
    try:
        start, end = (None if one == OPEN else parse_time(one) for one in (first, last))
    except ValueError as error:
        raise BadQuestion(f"{WITHIN} = {text!r}: {error}") from error
    return start, end


def _cut(look: Look, text: str) -> dict[str, Any]:
    """What of the period lies within."""
    start, end = instants(text)
    starts, ends = ([at for at in pair if at] for pair in ((look.period.start, start), (look.period.end, end)))
    return {"start": max(starts, default=None), "end": min(ends, default=None)}


def _value(text: str) -> str | None:
    return None if text == UNATTRIBUTED else text
