"""What is compared: cells, which a bill gives a cost for, made of parts, of which it tells how many tokens they had.

Bills tell more or less: a cost may be of a project's whole day while tokens are told by model and kind. So per provider

* a *part* is a day and those of account, model, kind and tier that the lines with a quantity tell apart (``grain``);
* a *cell* is a day and those of them that lines with a cost tell apart too. Where all have both, each is one part.

How far lines tell that apart, and whether accounts are, is in ``told``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from warehouse.invoices.gather import Rows
from warehouse.invoices.grain import Grain, Key, key_of
from warehouse.invoices.line import OTHER, USAGE
from warehouse.invoices.split import Rate, before_markup, split_costs, split_tokens
from warehouse.invoices.told import Told, find_told

ANTHROPIC_COSTS, NOT_IN_COSTS = "anthropic_costs", "priority"
"""The cost report that leaves a tier out, and how names of that tier begin."""

_DEVIATIONS = 4
"""Standard deviations of the sum of rounded lines that are still rounding: one cell in 16,000 has more."""
_OUR_ROUNDING = Fraction(1, 10**9)
"""What rounding each call to a picodollar may come to over a day, and what is lost where a file tells twelve places."""


@dataclass(slots=True, kw_only=True)
class Part:
    """Tokens of one key on both sides; ``theirs`` None = the bill does not say. Amounts are exact USD.

    ``unpriced``: those of ``ours`` without a cost, ``late``: those booked after the bill was made, ``absent``: those
    whose cost (``absent_cost``, not in ``cost``) no bill of this format has. ``early last crossed``: those beside a
    midnight. ``rate``: what the price book says one costs. ``taken``: tokens of the difference theirs - ours by cause.
    """

    key: Key
    ours: int = 0
    unpriced: int = 0
    late: int = 0
    early: int = 0
    last: int = 0
    crossed: int = 0
    cost: Fraction = Fraction(0)
    late_cost: Fraction = Fraction(0)
    theirs: Fraction | None = None
    rate: Fraction | None = None
    absent: int = 0
    absent_cost: Fraction = Fraction(0)
    taken: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def rest(self) -> Fraction:
        """What of the difference in tokens has no cause yet."""
        return (self.theirs or Fraction(0)) - self.ours - sum(self.taken.values(), Fraction(0))

    def price(self) -> Fraction | None:
        """What one token costs in our books, else by the price book."""
        priced = self.ours - self.unpriced - self.absent
        return self.cost / priced if priced > 0 else self.rate


@dataclass(slots=True, kw_only=True)
class Cell:
    """What a bill gives one cost for; ``theirs`` None = it gives none.

    ``most_off``: what rounding each line comes to at most, ``variance``: of that sum, USD squared. ``rate``: what the
    price book says a token costs, where all are of one kind.
    """

    key: Key
    theirs: Fraction | None = None
    most_off: Fraction = Fraction(0)
    variance: float = 0.0
    rate: Fraction | None = None
    parts: list[Part] = field(default_factory=list)
    causes: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def ours(self) -> Fraction:
        """The cost in our books."""
        return sum((part.cost + part.absent_cost for part in self.parts), Fraction(0))

    @property
    def explained(self) -> Fraction:
        """Our cost with the causes that are found so far."""
        return self.ours + sum(self.causes.values(), Fraction(0))

    @property
    def rest(self) -> Fraction:
        """What of the difference has no cause yet."""
        return (self.theirs or Fraction(0)) - self.explained

    @property
    def off_by(self) -> Fraction:
        """What rounding explains: errors of lines cancel out, so of many far less than the sum of all of them."""
        return min(self.most_off, Fraction(_DEVIATIONS * math.sqrt(self.variance)))

    @property
    def tolerance(self) -> Fraction:
        """What rounding explains on both sides."""
        return self.off_by + _OUR_ROUNDING

    def price(self) -> Fraction | None:
        """What one token costs in our books, else by the price book; None where they are of several kinds."""
        return (self.parts[0].price() if len(self.parts) == 1 else None) or self.rate


@dataclass(slots=True, kw_only=True)
class Bill:
    """Both sides of one provider. ``calls requests``: by part without its kind; ``without_usage``: calls of ours."""

    cells: list[Cell]
    parts: dict[Key, Part]
    calls: dict[Key, int]
    without_usage: dict[Key, int]
    requests: dict[Key, int]
    has_quantities: bool


def build(ours: Rows, theirs: Rows, midnight: Rows, provider: str, rate: Rate) -> Bill:
    """Cells and parts of one provider that has a bill, from its first to its last day."""
    told = find_told(ours, theirs, provider)
    midnight = [row for row in midnight if row["provider"] == provider]
    bill = Bill(cells=[], parts={}, calls={}, without_usage={}, requests={}, has_quantities=bool(told.tokens))
    is_partial = any(row["format"] == ANTHROPIC_COSTS for row in told.theirs)
    _add_ours(bill, told.ours, told.fine, rate, is_partial=is_partial)
    _add_midnight(bill, midnight, told.fine)
    spoken = _as_spoken(rate, told.ours)
    _add_quantities(bill, told.tokens, told.fine, spoken)
    _add_zeros(bill, told)
    _add_requests(bill, told.theirs, told.fine)
    _add_costs(bill, told, spoken)
    return bill


def _part(bill: Bill, key: Key) -> Part:
    return bill.parts.setdefault(key, Part(key=key))


def _as_spoken(rate: Rate, ours: Rows) -> Rate:
    """Rates of what bills name, asked for by the names that our calls have for it, where they have any."""
    spoken = {row["model"]: (row["said_provider"], row["said_model"]) for row in ours}

    def ask(row: Mapping[str, Any], kind: str) -> Fraction | None:
        provider, model = spoken.get(row["model"], (row["provider"], row["said_model"]))
        return rate({**row, "said_provider": provider, "said_model": model, "said_tier": row["tier"]}, kind)

    return ask


def _add_ours(bill: Bill, rows: Rows, fine: Grain, rate: Rate, *, is_partial: bool) -> None:
    for row in rows:
        is_absent = is_partial and str(row["tier"]).startswith(NOT_IN_COSTS)
        named = fine.cut(key_of(row, None))
        bill.calls[named] = bill.calls.get(named, 0) + row["calls"]
        bill.without_usage[named] = bill.without_usage.get(named, 0) + row["without_usage"]
        tokens = split_tokens(row)
        costs = split_costs(row, tokens, rate)
        for kind, count in tokens.items():
            cost = costs.get(kind, Fraction(0))
            if not count and not cost:
                continue
            part = _part(bill, fine.cut(key_of(row, kind)))
            part.ours += count
            if is_absent:
                part.absent += count
                part.absent_cost += cost
                continue
            part.cost += cost
            part.unpriced += 0 if row["is_priced"] else count
            part.late += count if row["is_late"] else 0
            part.late_cost += cost if row["is_late"] else 0
            part.rate = part.rate or rate(row, kind)
        if row["other_cost_usd"]:
            other = _part(bill, fine.cut(key_of(row, OTHER))._replace(kind=OTHER))
            other.cost += before_markup(row, row["other_cost_usd"])


def _add_midnight(bill: Bill, rows: Rows, fine: Grain) -> None:
    for row in rows:
        for kind, count in split_tokens(row).items():
            if count:
                part = _part(bill, fine.cut(key_of(row, kind)))
                part.early += count if row["is_early"] else 0
                part.last += count if row["is_late"] else 0
                part.crossed += count if row["is_crossed"] else 0


def _add_quantities(bill: Bill, rows: Rows, fine: Grain, rate: Rate) -> None:
    for row in rows:
        part = _part(bill, fine.cut(key_of(row, row["kind"])))
        part.theirs = (part.theirs or Fraction(0)) + Fraction(row["quantity"])
        if part.rate is None and row["kind"] is not None and row["said_model"] is not None:
            part.rate = rate(row, row["kind"])


def _add_zeros(bill: Bill, told: Told) -> None:
    """What a report does not tell of was not counted, but for models that are billed on the day and never counted then.

    Of these it is not known: images or seconds of a usage report, endpoints that it is not of, rows with a cost alone.
    """
    apart = told.fine.shared & (told.coarse.shared | {"model"})
    counted = {part.key.only(apart) for part in bill.parts.values() if part.theirs is not None}
    billed = {key_of(row, None).only(apart) for row in told.costs if row["model"] is not None} - counted
    days = {row["day"] for row in told.tokens}
    for part in bill.parts.values():
        is_within = bool(days) and part.key.kind != OTHER and min(days) <= part.key.day <= max(days)
        if is_within and part.theirs is None and part.key.only(apart) not in billed:
            part.theirs = Fraction(0)


def _add_requests(bill: Bill, rows: Rows, fine: Grain) -> None:
    for row in rows:
        if row["unit"] == "requests" and row["charge"] == USAGE and row["quantity"] is not None:
            key = fine.cut(key_of(row, None))
            bill.requests[key] = bill.requests.get(key, 0) + int(row["quantity"])


def _add_costs(bill: Bill, told: Told, rate: Rate) -> None:
    """Cells of parts, with the costs of the bill; what is no usage has a cell of its own."""
    theirs, costs, coarse = told.theirs, told.costs, told.coarse
    cells: dict[Key, Cell] = {}
    extras = [row for row in theirs if row["has_cost"] and (row["charge"] != USAGE or row["kind"] == OTHER)]
    apart = any(row["charge"] == USAGE for row in extras)
    for part in bill.parts.values():
        is_other = part.key.kind == OTHER
        key = coarse.cut(part.key)
        if is_other and (apart or key.kind):
            key = _other_key(part.key, coarse, OTHER)
        if not is_other or costs or extras:
            cells.setdefault(key, Cell(key=key)).parts.append(part)
    days = [row["day"] for row in theirs if row["has_cost"]]
    for cell in cells.values():
        if days and min(days) <= cell.key.day <= max(days):
            cell.theirs = Fraction(0)
    for row in (*costs, *extras):
        is_usage = row["charge"] == USAGE and row["kind"] != OTHER
        full = key_of(row, row["kind"] if row["charge"] == USAGE else row["charge"])
        key = coarse.cut(full) if is_usage else _other_key(full, coarse, full.kind)
        cell = cells.setdefault(key, Cell(key=key))
        cell.theirs = (cell.theirs or Fraction(0)) + Fraction(row["cost_usd"])
        cell.most_off += Fraction(row["off_by"] or Decimal(0))
        cell.variance += row["variance"] or 0.0
        if is_usage and cell.rate is None and None not in (full.kind, full.model):
            cell.rate = rate(row, str(full.kind))
    bill.cells = [cells[key] for key in sorted(cells, key=lambda key: tuple(str(one or "") for one in key))]


def _other_key(key: Key, coarse: Grain, kind: str | None) -> Key:
    return key.only(coarse.shared - {"model"})._replace(kind=kind)
