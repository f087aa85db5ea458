"""How a number has changed since the period before: the words of it. Pure: rows in, HTML out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from dashboards import figures
from dashboards.figures import Figure
from dashboards.grid import Row

NOTHING = Figure(text="nothing before", exact="unknown in the period before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A row of the period before, under the names of the row of this one; None = there was nothing.

    ``compared``: whether the reader wants to see it.
    """

    row: Row | None = None
    compared: bool = True

    def time(self, name: str, now: float | None) -> str:
        """The change of a duration: `` (+12 ms)``, with what it was on hover."""
        return self._beside(name, now, figures.signed(figures.milliseconds), figures.milliseconds)

    def share(self, name: str, now: float | None) -> str:
        """Of a share: `` (+1.2 points)``."""
        return self._beside(name, now, figures.points, figures.share)

    def count(self, name: str, now: float | None) -> str:
        """Of a number of things: `` (+12)``."""
        return self._beside(name, now, figures.signed(figures.count), figures.count)

    def usd(self, name: str, now: Any) -> str:
        """Of money: `` (-$0.02)``."""
        return self._beside(name, now, figures.signed(figures.usd), figures.usd)

    def _beside(self, name: str, now: Any, changed: Callable[[Any], Figure], shown: Callable[[Any], Figure]) -> str:
        if not self.compared or now is None:
            return ""
        then = None if self.row is None else self.row[name]
        figure = NOTHING if then is None else Figure(text=changed(now - then).text, exact=f"was {shown(then).exact}")
        return f' <span class="sl-change" title="{escape(figure.exact)}">({escape(figure.text)})</span>'


ALONE = Before(compared=False)
"""Nobody compares."""
