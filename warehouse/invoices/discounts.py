"""Discounts that a bill does not name: one factor between its unit prices and ours, over many cells.

A factor below 1 is a discount where it holds for cells of at least two models or kinds, three cells altogether, and on
each of its days for most of what the provider's tokens cost; a change of one model's price is none of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from warehouse.invoices.cells import Key

LEAST_CELLS, LEAST_NAMES = 3, 2
_MOST_OF = Fraction(1, 2)
_NEAR = Fraction(1, 1_000_000)
_PLACES = (2, 3, 4, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A cell's cost at the bill's prices and at ours, for the same tokens; ``off_by``: what rounding may do to it."""

    key: Key
    theirs: Fraction
    ours: Fraction
    off_by: Fraction

    def spans(self, factor: Fraction) -> bool:
        """Whether the factor explains the bill's cost."""
        return abs(self.theirs - self.ours * factor) <= self.off_by + self.theirs * _NEAR

    def bounds(self) -> tuple[Fraction, Fraction]:
        """Factors that explain it."""
        width = self.off_by + self.theirs * _NEAR
        return (self.theirs - width) / self.ours, (self.theirs + width) / self.ours


@dataclass(slots=True)
class Group:
    """Days of one factor, which lies between the bounds."""

    low: Fraction
    high: Fraction
    days: list[date]
    cells: list[Priced]

    def is_discount(self) -> bool:
        """Whether it is over enough cells that have no other reason in common."""
        names = {(cell.key.model, cell.key.kind) for cell in self.cells}
        return len(self.cells) >= LEAST_CELLS and (len(names) >= LEAST_NAMES or names == {(None, None)})


def find_factors(cells: Sequence[Priced]) -> dict[date, Fraction]:
    """The discount's factor by day, of the days that have one. All cells are one provider's."""
    by_day: dict[date, list[Priced]] = defaultdict(list)
    for cell in cells:
        if cell.ours > 0 and cell.theirs > 0:
            by_day[cell.key.day].append(cell)
    groups: list[Group] = []
    for day in sorted(by_day):
        found = _majority(day, by_day[day])
        same = next((one for one in groups if found and max(one.low, found.low) <= min(one.high, found.high)), None)
        if found and same:
            same.low, same.high = max(same.low, found.low), min(same.high, found.high)
            same.days += found.days
            same.cells += found.cells
        elif found:
            groups.append(found)
    return {day: _plain(group.cells) for group in groups if group.is_discount() for day in group.days}


def _majority(day: date, cells: Sequence[Priced]) -> Group | None:
    """The factor below 1 that most of a day's cost has; a sweep over the bounds of each cell."""
    lower = [cell for cell in cells if cell.theirs < cell.ours and not cell.spans(Fraction(1))]
    bounds = [cell.bounds() for cell in lower]
    edges = sorted((edge, is_end, number) for number, pair in enumerate(bounds) for is_end, edge in enumerate(pair))
    weight, best, at = Fraction(0), Fraction(0), Fraction(0)
    for edge, is_end, number in edges:
        weight += -lower[number].ours if is_end else lower[number].ours
        if weight > best:
            best, at = weight, edge
    if best <= _MOST_OF * sum((cell.ours for cell in cells), Fraction(0)):
        return None
    held = [(cell, pair) for cell, pair in zip(lower, bounds, strict=True) if pair[0] <= at <= pair[1]]
    low, high = max(pair[0] for _, pair in held), min(pair[1] for _, pair in held)
    return Group(low=low, high=high, days=[day], cells=[cell for cell, _ in held])


def _plain(cells: Sequence[Priced]) -> Fraction:
    """The factor with as few decimals as explain all cells, else as the sums have it."""
    exact = sum((cell.theirs for cell in cells), Fraction(0)) / sum((cell.ours for cell in cells), Fraction(0))
    for places in _PLACES:
        short = Fraction(round(exact * 10**places), 10**places)
        if all(cell.spans(short) for cell in cells):
            return short
    return exact
