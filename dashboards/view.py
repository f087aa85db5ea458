"""What the reader chose to look at: period, tenants, features, models, time zone. It stands in the URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dashboards.grid import UNATTRIBUTED
from dashboards.period import ALL_TIME, Period, previous, resolve

DIMENSIONS = ("tenant", "feature", "model")
CALLED = ("provider", "model_family", "route", "prompt_name", "prompt_version", "service_tier")
"""Dimensions that narrow the page of single calls beside these."""
ENDED = ("status", "error_class")
"""How they ended, likewise."""
UNPRICED = "price_status"
"""Why they have no price, likewise."""
RETRIES = "retries"
"""Those that repeat a failed one (``true``), likewise."""
SETTLED, WITHIN = "settled", "within"
"""Likewise: of the settled hours alone (``true``), of a part of the period (``START/END``)."""
TRUE = "true"
ALSO = (*CALLED, *ENDED, UNPRICED, RETRIES, SETTLED, WITHIN)
"""All that an address may narrow the page of single calls by, of most of which there are no controls."""


def title_of(dimension: str) -> str:
    """What a column of it is called. Of rates a model is its family: what failed knows no more of it."""
    return "Model" if dimension == "model_family" else dimension.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One choice, as the controls give it; ``chosen`` holds the values of a dimension, none = all of them.

    ``also``: what of ``ALSO`` the page of single calls is narrowed by, as its address says it. ``settled``: what is
    counted is of the settled hours alone.
    """

    period: str
    zone: ZoneInfo
    days: tuple[date, date] | None = None
    chosen: Mapping[str, Sequence[str]]
    compared: bool = False
    also: Mapping[str, str] = field(default_factory=dict)
    settled: bool = False

    def at(self, now: datetime) -> Period:
        """The period at this moment: it moves on while a page stays open."""
        return resolve(self.period, now, self.zone, self.days)

    def before(self, period: Period, now: datetime) -> Period | None:
        """What the period is compared with, where the reader wants it to be."""
        return previous(period, now, self.zone) if self.compared else None

    def where(self) -> dict[str, tuple[str | None, ...]]:
        """The chosen values by dimension as a question takes them: None = unattributed."""
        return {
            name: tuple(None if value == UNATTRIBUTED else value for value in values)
            for name, values in self.chosen.items()
            if values
        }

    def narrowed(self, dimension: str, value: str | None) -> str:
        """Address of this page with ``dimension`` narrowed to ``value``."""
        return self.address("", **{dimension: value})

    def address(self, page: str, /, **narrow: str | None) -> str:
        """Address of a page (its path; nothing = this one) with each of ``narrow`` as the one value that it shows."""
        named = {name: UNATTRIBUTED if value is None else value for name, value in narrow.items()}
        chosen = {**self.chosen, **self.also, **named}
        days = {"from": self.days[0].isoformat(), "to": self.days[1].isoformat()} if self.days else {}
        more = {"compare": TRUE} if self.compared else {}
        return f"{page}?" + urlencode(
            {"period": self.period, **days, **chosen, "zone": self.zone.key, **more}, doseq=True
        )

    def everything(self) -> str:
        """Address of this page with all that there is: whatever the time, of everybody."""
        return replace(self, period=ALL_TIME, days=None, chosen={}, also={}).address("")

    def narrowing(self, dimension: str) -> Callable[[str | None], str] | None:
        """What gives the address of this page narrowed to a value; None where the address has no such dimension."""
        return partial(self.narrowed, dimension) if dimension in DIMENSIONS else None

    def calls_of(self, by: Sequence[str], **more: str) -> Callable[[Mapping[str, Any]], str] | None:
        """What gives the address of the calls behind a row of a table ``by`` these; None where it cannot say which.

        ``more``: what else of ``ALSO`` they are narrowed by.
        """
        if not set(by) <= {*DIMENSIONS, *CALLED, *ENDED, UNPRICED}:
            return None
        more |= {SETTLED: TRUE} if self.settled else {}
        return lambda row: self.address("calls", **{name: row[name] for name in by}, **more)

    def without(self, name: str) -> str:
        """Address of this page with one of ``also`` taken off."""
        return replace(self, also={other: value for other, value in self.also.items() if other != name}).address("")
