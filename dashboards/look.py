"""One look of a page at the lake, and how a page is drawn: again and again, or it says what to do instead."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.answers import Answers, Source
from dashboards.frame import EMPTY_VIEW, NOT_SETTLED, empty, nothing_yet, readable
from dashboards.grid import Row
from dashboards.period import Period, previous, whole_hours
from dashboards.view import View
from warehouse.questions.parameters import begins_within_hours

UTC_ZONE = ZoneInfo("UTC")


class Axis(TypedDict):
    """The axis of time of a chart."""

    bucket: str
    zone: ZoneInfo
    bounds: tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All numbers of one refresh: one snapshot, one moment, one period.

    ``hourly``: nothing is kept by the minute; ``is_final``: spend is that of the settled books.
    """

    source: Source
    answers: Answers
    view: View
    period: Period
    now: datetime
    hourly: bool = False
    is_final: bool = False

    def of(self, question: str, *, by: Sequence[str] = (), bucket: str | None = None, **more: object) -> list[Row]:
        """What a question says of the view in the period: see ``Answers.of``."""
        return self.answers.of(question, self.view, self.period, by=by, bucket=bucket, **more)

    def spend(self, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """Spend in the view, of the stream, or of the books where that is final."""
        return self.spend_in(self.period, by=by, bucket=bucket)

    def spend_in(self, period: Period, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """The same of another period, which lies before this one."""
        question = "settled-spend" if self.is_final else "spend"
        return self.answers.of(question, self.view, period, by=by, bucket=bucket)

    def before(self) -> Look | None:
        """The same look at what the period is compared with; None where it is open.

        Of a period that is not over as much as there is of it: of the books, as much as is settled.
        """
        told_to = (self.closed_to() or self.now) if self.hourly else self.now
        earlier = previous(self.period, told_to, self.view.zone)
        if earlier is None or earlier.start is None or earlier.end is None or earlier.start >= earlier.end:
            return None
        return replace(self, period=whole_hours(earlier) if self.hourly else earlier)

    @property
    def total(self) -> Row:
        """Spend of all of the view in one row."""
        return self.spend()[0]

    def final(self) -> Look:
        """The same look with spend of the books, where these have all of the period: what no longer changes."""
        closed_to, end = self.closed_to(), self.period.end
        is_over = closed_to is not None and end is not None and end <= closed_to
        if not is_over or whole_hours(self.period) != self.period:
            return self
        return replace(self, view=replace(self.view, settled=True), is_final=True, hourly=True)

    def closed_to(self) -> datetime | None:
        """Up to when the books have all hours; None where nothing is settled."""
        settled = self.answers.ask("settlements", limit=1)
        return settled[0]["closed_to"] if settled else None

    def books(self) -> Look:
        """The same look in whole hours, as the settled books are kept; days are those of UTC where a zone's are not."""
        zone = UTC_ZONE if begins_within_hours(self.view.zone.key) else self.view.zone
        view = replace(self.view, zone=zone, settled=True)
        return replace(self, view=view, period=whole_hours(self.period), hourly=True)

    def axis(self) -> Axis:
        """From the first call of the period to the last."""
        first = self.answers.ask("status")[0]["first_minute"]
        bucket, bounds = self.period.bucket(first, self.now), self.period.drawn(first, self.now)
        if self.hourly and bucket == "minute":
            bucket = "hour"
        return Axis(bucket=bucket, zone=self.view.zone, bounds=bounds)


def look_at(source: Source, view: View) -> Look:
    """What there is now. Raises LakeMissing, LakeMismatch, LakeUnavailable."""
    now = datetime.now(UTC)
    return Look(source=source, answers=source.answers(), view=view, period=view.at(now), now=now)


def again(draw: Callable[[Look], None]) -> Callable[[Source, View], None]:
    """A page that ``draw`` draws every few seconds; what goes wrong at the lake is a line that says what to do."""

    @functools.wraps(draw)
    def live(source: Source, view: View) -> None:
        with readable():
            draw(look_at(source, view))

    def show(source: Source, view: View) -> None:
        st.fragment(live, run_every=source.refresh_s)(source, view)

    return show


def of_books(draw: Callable[[Look, Row], None]) -> Callable[[Source, View], None]:
    """Likewise a page about the settled books, in whole hours; ``draw`` gets what was spent by them in one row too."""

    @functools.wraps(draw)
    def drawn(look: Look) -> None:
        booked = look.books()
        total = booked.of("settled-spend")
        if total and total[0]["calls"]:
            draw(booked, total[0])
        else:
            st.html(nothing_yet(look.answers) or empty(NOT_SETTLED, look.view))

    return again(drawn)


def of_calls(draw: Callable[[Look], None]) -> Callable[[Source, View], None]:
    """Likewise a page about calls: where the view has none, it says what to do instead."""

    @functools.wraps(draw)
    def drawn(look: Look) -> None:
        if look.total["calls"]:
            draw(look)
        else:
            st.html(nothing_yet(look.answers) or empty(EMPTY_VIEW, look.view))

    return again(drawn)
