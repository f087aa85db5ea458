"""What is compared: cells, which a bill gives a cost for, made of parts, of which it tells how many tokens they had.

Bills tell more or less: a cost may be of a project's whole day while tokens are told by model and kind. So per provider

* a *part* is a day and those of account, model, kind and tier that every line with a quantity names;
* a *cell* is a day and those of them that every line with a cost names too. Where all lines
  have both, each is one part.

Where our calls do not name their account, or none that the bill names, accounts are not told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from warehouse.invoices.gather import Rows
from warehouse.invoices.line import OTHER, TOKENS, USAGE

DIMENSIONS = ("account", "model", "kind", "tier")
ANTHROPIC_COSTS, NOT_IN_COSTS = "anthropic_costs", "priority"
"""The cost report that leaves a tier out, and how names of that tier begin."""

Rate = Callable[[Mapping[str, Any], str], Fraction | None]
"""USD for one token of a kind, for a row with the names ``said_provider said_model tier day``; None = nobody knows."""


class Key(NamedTuple):
    """What a cell or a part is of; None: all of them together."""

    day: date
    provider: str
    account: str | None = None
    model: str | None = None
    kind: str | None = None
    tier: str | None = None

    def only(self, dimensions: Collection[str]) -> Key:
        """With those dimensions alone."""
        kept = [getattr(self, name) if name in dimensions else None for name in DIMENSIONS]
        return Key(self.day, self.provider, *kept)


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
    """What a bill gives one cost for; ``theirs`` None = it gives none. ``off_by``: what rounding explains."""

    key: Key
    theirs: Fraction | None = None
    off_by: Fraction = Fraction(0)
    parts: list[Part] = field(default_factory=list)
    causes: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def ours(self) -> Fraction:
        """The cost in our books."""
        return sum((part.cost + part.absent_cost for part in self.parts), Fraction(0))


@dataclass(slots=True, kw_only=True)
class Bill:
    """Both sides of one provider. ``calls requests``: by part without its kind; ``without_usage``: calls of ours."""

    cells: list[Cell]
    parts: dict[Key, Part]
    calls: dict[Key, int]
    without_usage: dict[Key, int]
    requests: dict[Key, int]
    has_quantities: bool


_PART_OF_COST = {
    "input_cost_usd": ("input", "audio_input"),
    "cached_cost_usd": ("cached_input",),
    "cache_write_cost_usd": ("cache_write", "cache_write_1h"),
    "output_cost_usd": ("output", "audio_output"),
}
"""Which kinds of tokens share a part of our costs."""


def split_tokens(row: Mapping[str, Any]) -> dict[str, int]:
    """Our nested counts as the disjoint kinds of bills."""
    written, hour = row["cache_write_tokens"], row["cache_write_1h_tokens"]
    cached, audio = row["cached_input_tokens"], row["audio_input_tokens"]
    return {
        "input": row["input_tokens"] - cached - written - audio,
        "cached_input": cached,
        "cache_write": written - hour,
        "cache_write_1h": hour,
        "output": row["output_tokens"] - row["audio_output_tokens"],
        "audio_input": audio,
        "audio_output": row["audio_output_tokens"],
    }


def split_costs(row: Mapping[str, Any], tokens: Mapping[str, int], rate: Rate) -> dict[str, Fraction]:
    """Our costs by kind: a part that two kinds share is split by what they cost at the rates of the price book."""
    costs: dict[str, Fraction] = {}
    for name, kinds in _PART_OF_COST.items():
        whole, used = Fraction(row[name]), [kind for kind in kinds if tokens[kind]] or [kinds[0]]
        weights = {kind: tokens[kind] * (rate(row, kind) or 0) for kind in used} if len(used) > 1 else {}
        if sum(weights.values()) == 0:
            weights = {kind: Fraction(tokens[kind]) for kind in used}
        left, total = whole, sum(weights.values())
        for kind in used[:-1]:
            costs[kind] = Fraction(round(whole * weights[kind] / total * 10**12), 10**12)
            left -= costs[kind]
        costs[used[-1]] = left
    return costs


def build(ours: Rows, theirs: Rows, midnight: Rows, provider: str, rate: Rate) -> Bill:
    """Cells and parts of one provider that has a bill, from its first to its last day."""
    ours, theirs, midnight = ([row for row in rows if row["provider"] == provider] for rows in (ours, theirs, midnight))
    days = [row["day"] for row in theirs]
    ours = [row for row in ours if min(days) <= row["day"] <= max(days)]
    tokens, costs = _told(theirs)
    kept = _kept(ours, theirs)
    fine = [one for one in _named(tokens or costs) if one in kept]
    coarse = [one for one in _named(costs or tokens) if one in fine]
    bill = Bill(cells=[], parts={}, calls={}, without_usage={}, requests={}, has_quantities=bool(tokens))
    is_partial = any(row["format"] == ANTHROPIC_COSTS for row in theirs)
    _add_ours(bill, ours, fine, rate, is_partial=is_partial)
    _add_midnight(bill, midnight, fine)
    _add_quantities(bill, tokens, fine, _as_spoken(rate, ours))
    _add_requests(bill, theirs, fine)
    _add_costs(bill, theirs, costs, coarse)
    return bill


def _told(theirs: Rows) -> tuple[Rows, Rows]:
    """Lines that count tokens, of a usage report where there is one, and lines that cost something."""
    usage = [row for row in theirs if row["charge"] == USAGE and row["kind"] != OTHER]
    counted = [row for row in usage if row["has_quantity"] and row["unit"] == TOKENS]
    reported = [row for row in counted if not row["has_cost"]]
    return reported or counted, [row for row in usage if row["has_cost"]]


def _named(rows: Rows) -> list[str]:
    return [name for name in DIMENSIONS if rows and all(row[name] is not None for row in rows)]


def _kept(ours: Rows, theirs: Rows) -> set[str]:
    """Dimensions that both sides can tell apart."""
    accounts, known = {row["account"] for row in ours}, {row["account"] for row in theirs}
    is_told = not accounts or (None not in accounts and bool(accounts & known))
    return set(DIMENSIONS) if is_told else set(DIMENSIONS) - {"account"}


def key_of(row: Mapping[str, Any], kind: str | None) -> Key:
    """The full key of a row."""
    return Key(row["day"], row["provider"], row["account"], row["model"], kind, row["tier"])


def _part(bill: Bill, key: Key) -> Part:
    return bill.parts.setdefault(key, Part(key=key))


def _as_spoken(rate: Rate, ours: Rows) -> Rate:
    """Rates of what bills name, asked for by the names that our calls have for it, where they have any."""
    spoken = {row["model"]: (row["said_provider"], row["said_model"]) for row in ours}

    def ask(row: Mapping[str, Any], kind: str) -> Fraction | None:
        provider, model = spoken.get(row["model"], (row["provider"], row["said_model"]))
        return rate({**row, "said_provider": provider, "said_model": model, "said_tier": row["tier"]}, kind)

    return ask


def _add_ours(bill: Bill, rows: Rows, fine: list[str], rate: Rate, *, is_partial: bool) -> None:
    for row in rows:
        is_absent = is_partial and str(row["tier"]).startswith(NOT_IN_COSTS)
        named = key_of(row, None).only(fine)
        bill.calls[named] = bill.calls.get(named, 0) + row["calls"]
        bill.without_usage[named] = bill.without_usage.get(named, 0) + row["without_usage"]
        tokens = split_tokens(row)
        costs = split_costs(row, tokens, rate)
        for kind, count in tokens.items():
            cost = costs.get(kind, Fraction(0))
            if not count and not cost:
                continue
            part = _part(bill, key_of(row, kind).only(fine))
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
            other = _part(bill, key_of(row, OTHER).only({*fine, "kind"}))
            other.cost += Fraction(row["other_cost_usd"])


def _add_midnight(bill: Bill, rows: Rows, fine: list[str]) -> None:
    for row in rows:
        for kind, count in split_tokens(row).items():
            if count:
                part = _part(bill, key_of(row, kind).only(fine))
                part.early += count if row["is_early"] else 0
                part.last += count if row["is_late"] else 0
                part.crossed += count if row["is_crossed"] else 0


def _add_quantities(bill: Bill, rows: Rows, fine: list[str], rate: Rate) -> None:
    for row in rows:
        part = _part(bill, key_of(row, row["kind"]).only(fine))
        part.theirs = (part.theirs or Fraction(0)) + Fraction(row["quantity"])
        if part.rate is None and row["kind"] is not None and row["said_model"] is not None:
            part.rate = rate(row, row["kind"])
    if rows:  # what a report does not tell of was not counted
        days = {row["day"] for row in rows}
        for part in bill.parts.values():
            if part.theirs is None and part.key.kind != OTHER and min(days) <= part.key.day <= max(days):
                part.theirs = Fraction(0)


def _add_requests(bill: Bill, rows: Rows, fine: list[str]) -> None:
    for row in rows:
        if row["unit"] == "requests" and row["charge"] == USAGE and row["quantity"] is not None:
            key = key_of(row, None).only(fine)
            bill.requests[key] = bill.requests.get(key, 0) + int(row["quantity"])


def _add_costs(bill: Bill, theirs: Rows, costs: Rows, coarse: list[str]) -> None:
    """Cells of parts, with the costs of the bill; what is no usage has a cell of its own."""
    cells: dict[Key, Cell] = {}
    extras = [row for row in theirs if row["has_cost"] and (row["charge"] != USAGE or row["kind"] == OTHER)]
    apart = "kind" in coarse or any(row["charge"] == USAGE for row in extras)
    for part in bill.parts.values():
        is_other = part.key.kind == OTHER
        key = _other_key(part.key, coarse, OTHER) if is_other and apart else part.key.only(coarse)
        if not is_other or costs or extras:
            cells.setdefault(key, Cell(key=key)).parts.append(part)
    days = [row["day"] for row in theirs if row["has_cost"]]
    for cell in cells.values():
        if days and min(days) <= cell.key.day <= max(days):
            cell.theirs = Fraction(0)
    for row in (*costs, *extras):
        is_usage = row["charge"] == USAGE and row["kind"] != OTHER
        full = key_of(row, row["kind"] if row["charge"] == USAGE else row["charge"])
        key = full.only(coarse) if is_usage else _other_key(full, coarse, full.kind)
        cell = cells.setdefault(key, Cell(key=key))
        cell.theirs = (cell.theirs or Fraction(0)) + Fraction(row["cost_usd"])
        cell.off_by += Fraction(row["off_by"] or Decimal(0))
    bill.cells = [cells[key] for key in sorted(cells, key=lambda key: tuple(str(one or "") for one in key))]


def _other_key(key: Key, coarse: list[str], kind: str | None) -> Key:
    return key.only([one for one in coarse if one == "account"])._replace(kind=kind)
