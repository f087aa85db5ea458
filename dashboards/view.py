"""What the reader chose to look at: period, tenants, features, models, time zone. It stands in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dashboards.grid import UNATTRIBUTED
from dashboards.period import Period, resolve

DIMENSIONS = ("tenant", "feature", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One choice, as the controls give it; ``chosen`` holds the values of a dimension, none = all of them."""

    period: str
    zone: ZoneInfo
    days: tuple[date, date] | None = None
    chosen: Mapping[str, Sequence[str]]

    def at(self, now: datetime) -> Period:
        """The period at this moment: it moves on while a page stays open."""
        return resolve(self.period, now, self.zone, self.days)

    def where(self) -> dict[str, tuple[str | None, ...]]:
        """The chosen values by dimension as a question takes them: None = unattributed."""
        return {
            name: tuple(None if value == UNATTRIBUTED else value for value in values)
            for name, values in self.chosen.items()
            if values
        }

    def narrowed(self, dimension: str, value: str | None) -> str:
        """Address of this page with ``dimension`` narrowed to ``value``."""
        chosen = {**self.chosen, dimension: [UNATTRIBUTED if value is None else value]}
        days = {"from": self.days[0].isoformat(), "to": self.days[1].isoformat()} if self.days else {}
        return "?" + urlencode({"period": self.period, **days, **chosen, "zone": self.zone.key}, doseq=True)
