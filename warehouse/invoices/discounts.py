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


def find_factors(cells: Sequence[Priced]) -> dict[date, Fraction]:
    """The discount's factor by day, of the days that have one. All cells are one provider's."""
    usable = [cell for cell in cells if cell.ours > 0 and cell.theirs > 0]
    by_day: dict[date, Fraction] = defaultdict(Fraction)
    for cell in usable:
        by_day[cell.key.day] += cell.ours
    left = [cell for cell in usable if not cell.spans(Fraction(1)) and cell.theirs < cell.ours]
    found: dict[date, Fraction] = {}
    while len(left) >= LEAST_CELLS:
        shared = _largest(left)
        held: dict[date, Fraction] = defaultdict(Fraction)
        for cell in shared:
            held[cell.key.day] += cell.ours
        days = {day for day, cost in held.items() if cost > _MOST_OF * by_day[day] and day not in found}
        members = [cell for cell in shared if cell.key.day in days]
        names = {(cell.key.model, cell.key.kind) for cell in members}
        if len(members) >= LEAST_CELLS and (len(names) >= LEAST_NAMES or names == {(None, None)}):
            found |= dict.fromkeys(days, _plain(members))
        left = [cell for cell in left if cell not in shared]
    return found


def _largest(cells: Sequence[Priced]) -> list[Priced]:
    """Those that share a factor, of all such groups the one that costs most: a sweep over the bounds of each."""
    edges = sorted(
        [(cell.bounds()[0], 0, number) for number, cell in enumerate(cells)]
        + [(cell.bounds()[1], 1, number) for number, cell in enumerate(cells)]
    )
    weight, best, at = Fraction(0), Fraction(-1), Fraction(1)
    for edge, is_end, number in edges:
        weight += -cells[number].ours if is_end else cells[number].ours
        if weight > best:
            best, at = weight, edge
    return [cell for cell in cells if cell.bounds()[0] <= at <= cell.bounds()[1]]


def _plain(cells: Sequence[Priced]) -> Fraction:
    """The factor with as few decimals as explain all cells, else as the sums have it."""
    exact = sum((cell.theirs for cell in cells), Fraction(0)) / sum((cell.ours for cell in cells), Fraction(0))
    for places in _PLACES:
        short = Fraction(round(exact * 10**places), 10**places)
        if all(cell.spans(short) for cell in cells):
            return short
    return exact
