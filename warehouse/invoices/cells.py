"""What is compared: cells, which a bill gives a cost for, made of parts, of which it tells how many tokens they had.

Bills tell more or less: a cost may be of a project's whole day while tokens are told by model and kind. So per provider

* a *part* is a day and those of account, model, kind and tier that the lines with a quantity tell apart (``grain``);
* a *cell* is a day and those of them that lines with a cost tell apart too. Where all have both, each is one part.

Where our calls do not name their account, or none that the bill names, accounts are not told apart.
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
from warehouse.invoices.grain import DIMENSIONS, Grain, Key, key_of
from warehouse.invoices.line import OTHER, TOKENS, USAGE
from warehouse.invoices.split import Rate, before_markup, split_costs, split_tokens
from warehouse.invoices.workspaces import name_default

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A provider whose bill names accounts that are not told apart, since our calls do not name them.

    ``unnamed``: of ``calls`` of ours those that name no account; 0: they name ``ours``, none of which the bill has.
    """

    provider: str
    calls: int
    unnamed: int
    ours: tuple[str, ...]
    billed: tuple[str, ...]


def accounts_together(ours: Rows, theirs: Rows, provider: str) -> Together | None:
    """What is to be said of a provider's accounts; None where they are told apart, or the bill does not name any."""
    ours, theirs = _of_provider(ours, theirs, provider)
    billed = sorted({row["account"] for row in theirs} - {None})
    if not billed or "account" in _kept(ours, theirs):
        return None
    return Together(
        provider=provider,
        calls=sum(row["calls"] for row in ours),
        unnamed=sum(row["calls"] for row in ours if row["account"] is None),
        ours=tuple(sorted({row["account"] for row in ours} - {None})),
        billed=tuple(billed),
    )


def _of_provider(ours: Rows, theirs: Rows, provider: str) -> tuple[Rows, Rows]:
    """Its rows on the days from the bill's first to its last, by the names of accounts that both sides have."""
    theirs = [row for row in theirs if row["provider"] == provider]
    days = [row["day"] for row in theirs]
    ours = [row for row in ours if row["provider"] == provider and min(days) <= row["day"] <= max(days)]
    return ours, name_default(ours, theirs)


def build(ours: Rows, theirs: Rows, midnight: Rows, provider: str, rate: Rate) -> Bill:
    """Cells and parts of one provider that has a bill, from its first to its last day."""
    ours, theirs = _of_provider(ours, theirs, provider)
    midnight = [row for row in midnight if row["provider"] == provider]
    tokens, costs = _told(theirs)
    kept = _kept(ours, theirs)
    fine = Grain.of(tokens or costs, kept)
    coarse = Grain.of(costs or tokens, kept, within=fine)
    bill = Bill(cells=[], parts={}, calls={}, without_usage={}, requests={}, has_quantities=bool(tokens))
    is_partial = any(row["format"] == ANTHROPIC_COSTS for row in theirs)
    _add_ours(bill, ours, fine, rate, is_partial=is_partial)
    _add_midnight(bill, midnight, fine)
    spoken = _as_spoken(rate, ours)
    _add_quantities(bill, tokens, fine, spoken)
    _add_requests(bill, theirs, fine)
    _add_costs(bill, theirs, costs, coarse, spoken)
    return bill


def _told(theirs: Rows) -> tuple[Rows, Rows]:
    """Lines that count tokens, of a usage report where there is one, and lines that cost something."""
    usage = [row for row in theirs if row["charge"] == USAGE and row["kind"] != OTHER]
    counted = [row for row in usage if row["has_quantity"] and row["unit"] == TOKENS]
    reported = [row for row in counted if not row["has_cost"]]
    return reported or counted, [row for row in usage if row["has_cost"]]


def _kept(ours: Rows, theirs: Rows) -> set[str]:
    """Dimensions that both sides can tell apart."""
    accounts, known = {row["account"] for row in ours}, {row["account"] for row in theirs}
    is_told = not accounts or (None not in accounts and bool(accounts & known))
    return set(DIMENSIONS) if is_told else set(DIMENSIONS) - {"account"}


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
    if rows:  # what a report does not tell of was not counted
        days = {row["day"] for row in rows}
        for part in bill.parts.values():
            if part.theirs is None and part.key.kind != OTHER and min(days) <= part.key.day <= max(days):
                part.theirs = Fraction(0)


def _add_requests(bill: Bill, rows: Rows, fine: Grain) -> None:
    for row in rows:
        if row["unit"] == "requests" and row["charge"] == USAGE and row["quantity"] is not None:
            key = fine.cut(key_of(row, None))
            bill.requests[key] = bill.requests.get(key, 0) + int(row["quantity"])


def _add_costs(bill: Bill, theirs: Rows, costs: Rows, coarse: Grain, rate: Rate) -> None:
    """Cells of parts, with the costs of the bill; what is no usage has a cell of its own."""
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
