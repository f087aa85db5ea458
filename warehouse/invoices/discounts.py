"""Discounts that a bill does not name: one factor below 1 between its unit prices and ours, over several models.

What a contract may cover, account, model and tier, is discounted where some of its cells have the factor and none of
that day stands at our price. It takes three cells, of two models; a change of one model's prices is no discount. Where
only one model is on the bill, or models are not told, nothing tells the two apart: one factor over two kinds of its
tokens is called a discount.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from warehouse.invoices.grain import Key

LEAST_CELLS, LEAST_NAMES = 3, 2
_NEAR = Fraction(1, 1_000_000)
_PLACES = (2, 3, 4, 6)
_ONE = Fraction(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A cell's cost at the bill's prices and at ours, for the same tokens; ``off_by``: what rounding may do to it."""

    key: Key
    theirs: Fraction
    ours: Fraction
    off_by: Fraction

    @property
    def subject(self) -> Key:
        """What a contract may cover, on its day: all kinds of tokens."""
        return self.key._replace(kind=None)

    def spans(self, factor: Fraction) -> bool:
        """Whether the factor explains the bill's cost."""
        return abs(self.theirs - self.ours * factor) <= self.off_by + self.theirs * _NEAR

    def bounds(self) -> tuple[Fraction, Fraction]:
        """Factors that explain it."""
        width = self.off_by + self.theirs * _NEAR
        return (self.theirs - width) / self.ours, (self.theirs + width) / self.ours


Bounded = tuple[Priced, Fraction, Fraction]
"""A cell, and the least and the largest factor that it may have."""


@dataclass(slots=True)
class Group:
    """Cells of one factor, which lies between the bounds."""

    low: Fraction
    high: Fraction
    cells: list[Priced]

    def is_discount(self, models: set[str | None]) -> bool:
        """Whether it is over enough cells that have no other reason in common; ``models``: all of the bill."""
        found = {cell.key.model for cell in self.cells}
        names = {(cell.key.model, cell.key.kind) for cell in self.cells}
        is_wide = len(found) >= LEAST_NAMES or found == models
        return is_wide and len(self.cells) >= LEAST_CELLS and (len(names) >= LEAST_NAMES or names == {(None, None)})


def find_factors(cells: Sequence[Priced]) -> dict[Key, Fraction]:
    """The discount's factor by what it covers on a day (``Priced.subject``). All cells are one provider's."""
    by_day: dict[date, list[Priced]] = defaultdict(list)
    for cell in cells:
        if cell.ours > 0 and cell.theirs > 0:
            by_day[cell.key.day].append(cell)
    bounds = {day: _lower(by_day[day]) for day in sorted(by_day)}
    groups: list[Group] = []
    for found in filter(None, map(_widest, bounds.values())):
        same = next((one for one in groups if max(one.low, found.low) <= min(one.high, found.high)), None)
        if same:
            same.low, same.high = max(same.low, found.low), min(same.high, found.high)
            same.cells += found.cells
        else:
            groups.append(found)
    models = {cell.key.model for held in by_day.values() for cell in held}
    discounts = [(group, _plain(group.cells)) for group in groups if group.is_discount(models)]
    factors = {key: factor for group, factor in discounts for key in _covered(group)}
    for _, factor in discounts:  # days on which something else is the widest
        for cell, low, high in (one for found in bounds.values() for one in found):
            if low <= factor <= high:
                factors.setdefault(cell.subject, factor)
    return factors


def _covered(group: Group) -> set[Key]:
    """Whatever has the factor on some day has it on all days of the group."""
    days = {cell.key.day for cell in group.cells}
    return {subject._replace(day=day) for subject in {cell.subject for cell in group.cells} for day in days}


def _lower(cells: Sequence[Priced]) -> list[Bounded]:
    """Those of a day that cost less than ours, unless something else of their subject stands at our price."""
    least = _at_our_price(cells)
    found: list[Bounded] = []
    for cell in cells:
        low, high = cell.bounds()
        low = max(low, least.get(cell.subject, low))
        if low <= high < _ONE:
            found.append((cell, low, high))
    return found


def _widest(bounds: Sequence[Bounded]) -> Group | None:
    """The factor that most models of a day have, of those the one with most cost; a sweep over all bounds."""
    edges = sorted((edge, is_end, at) for at, (_, *pair) in enumerate(bounds) for is_end, edge in enumerate(pair))
    models: Counter[str | None] = Counter()
    weight, best, at = Fraction(0), (0, Fraction(0)), _ONE
    for edge, is_end, number in edges:
        cell, sign = bounds[number][0], -1 if is_end else 1
        weight += sign * cell.ours
        models[cell.key.model] += sign
        if not is_end and (score := (sum(count > 0 for count in models.values()), weight)) > best:
            best, at = score, edge
    held = [one for one in bounds if one[1] <= at <= one[2]]
    if not held:
        return None
    low, high = max(low for _, low, _ in held), min(high for *_, high in held)
    return Group(low=low, high=high, cells=[cell for cell, *_ in held])


def _at_our_price(cells: Sequence[Priced]) -> Mapping[Key, Fraction]:
    """By subject the lowest factor that its cells at our own price allow."""
    least: dict[Key, Fraction] = {}
    for cell in cells:
        if cell.spans(_ONE):
            least[cell.subject] = max(cell.bounds()[0], least.get(cell.subject, Fraction(0)))
    return least


def _plain(cells: Sequence[Priced]) -> Fraction:
    """The factor with as few decimals as explain all cells, else as the sums have it."""
    exact = sum((cell.theirs for cell in cells), Fraction(0)) / sum((cell.ours for cell in cells), Fraction(0))
    for places in _PLACES:
        short = Fraction(round(exact * 10**places), 10**places)
        if all(cell.spans(short) for cell in cells):
            return short
    return exact
