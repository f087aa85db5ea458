"""The comparison as a table: a row a cell, or a row a group of cells, whose causes add up to its difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa

from warehouse.errors import BadQuestion
from warehouse.invoices.causes import CAUSES, UNEXPLAINED, explain, settle_amounts
from warehouse.invoices.cells import Cell, build
from warehouse.invoices.gather import Sides
from warehouse.invoices.split import Rate
from warehouse.schemas import USD

BY = ("day", "provider", "account", "model", "token_kind", "tier")
SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        *(pa.field(name, pa.string()) for name in BY[1:]),
        *(pa.field(name, pa.float64()) for name in ("ours_tokens", "theirs_tokens", "capture_rate")),
        *(pa.field(name, USD) for name in ("ours_usd", "theirs_usd", "difference_usd")),
        *(pa.field(f"{cause}_usd", USD) for cause in CAUSES),
        pa.field("causes", pa.list_(pa.string())),
    ]
)
"""``difference_usd`` = theirs - ours = the sum of the causes. ``theirs_usd`` NULL: the bill gives no cost, and the
difference is that of the tokens at our prices. NULL in a dimension: the bill does not tell it apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A cell in amounts as the lake holds them; tokens None: the bill does not tell them.

    ``held_tokens``: those of ours that the bill tells the count of.
    """

    cell: Cell
    ours: Decimal
    theirs: Decimal | None
    difference: Decimal
    causes: dict[str, Decimal]
    ours_tokens: Fraction
    theirs_tokens: Fraction | None
    held_tokens: Fraction


def compare(sides: Sides, rate: Rate) -> list[Compared]:
    """All cells of all providers, explained."""
    providers = sorted({row["provider"] for row in sides.theirs})
    found: list[Compared] = []
    for provider in providers:
        bill = build(sides.ours, sides.theirs, sides.midnight, provider, rate)
        explain(bill)
        found += [_compared(cell) for cell in bill.cells if not _is_empty(cell)]
    return found


def _is_empty(cell: Cell) -> bool:
    """Whether neither side has anything: what only lies beside a midnight of another day."""
    return not cell.theirs and not cell.ours and not any(part.ours or part.theirs for part in cell.parts)


def _compared(cell: Cell) -> Compared:
    ours = _picos(cell.ours)
    theirs = None if cell.theirs is None else _picos(cell.theirs)
    difference = _picos(sum(cell.causes.values(), Fraction(0))) if theirs is None else theirs - ours
    counts = [(part.ours, part.theirs) for part in cell.parts if part.theirs is not None]
    return Compared(
        cell=cell,
        ours=ours,
        theirs=theirs,
        difference=difference,
        causes=settle_amounts(cell.causes, difference),
        ours_tokens=Fraction(sum(part.ours for part in cell.parts)),
        theirs_tokens=sum((count for _, count in counts), Fraction(0)) if counts else None,
        held_tokens=Fraction(sum(held for held, _ in counts)),
    )


def _picos(amount: Fraction) -> Decimal:
    return Decimal(round(amount * 10**12)).scaleb(-12)


def parse_by(text: str | None) -> tuple[str, ...]:
    """Dimensions to group by; None = all of them, each cell by itself. Raises BadQuestion."""
    if text is None:
        return BY
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in BY]:
        raise BadQuestion(f"--by {unknown[0]!r}: there are {', '.join(BY)}")
    return names


def as_table(compared: Iterable[Compared], by: Sequence[str] = BY) -> pa.Table:
    """A row a group in ``SCHEMA``, without the dimensions that it is not grouped by."""
    groups: dict[tuple[object, ...], list[Compared]] = {}
    for one in compared:
        key = one.cell.key
        named = dict(zip(BY, (key.day, *key[1:]), strict=True))
        groups.setdefault(tuple(named[name] for name in by), []).append(one)
    rows = [dict(zip(by, key, strict=True)) | _sums(group) for key, group in groups.items()]
    schema = pa.schema([field for field in SCHEMA if field.name in by or field.name not in BY])
    return pa.Table.from_pylist(rows, schema=schema)


def _sums(group: Sequence[Compared]) -> dict[str, object]:
    costs = [one.theirs for one in group if one.theirs is not None]
    counted = [one for one in group if one.theirs_tokens is not None]
    ours = sum((one.ours_tokens for one in group), Fraction(0))
    held = sum((one.held_tokens for one in counted), Fraction(0))
    told = sum((one.theirs_tokens or Fraction(0) for one in counted), Fraction(0))
    causes = {cause: sum((one.causes.get(cause, Decimal(0)) for one in group), Decimal(0)) for cause in CAUSES}
    said = [cause for cause in sorted(CAUSES, key=lambda cause: -abs(causes[cause])) if _has(group, cause)]
    return {
        "ours_tokens": float(ours),
        "theirs_tokens": float(told) if counted else None,
        "capture_rate": float(held / told) if told else None,
        "ours_usd": sum((one.ours for one in group), Decimal(0)),
        "theirs_usd": sum(costs, Decimal(0)) if costs else None,
        "difference_usd": sum((one.difference for one in group), Decimal(0)),
        **{f"{cause}_usd": amount for cause, amount in causes.items()},
        "causes": said,
    }


def _has(group: Sequence[Compared], cause: str) -> bool:
    return any(one.causes.get(cause) for one in group)


def unexplained_share(compared: Sequence[Compared]) -> Fraction:
    """Of the provider where it is largest: what has no cause, of what is billed (of ours, where no bill has a cost)."""
    worst = Fraction(0)
    for provider in {one.cell.key.provider for one in compared}:
        some = [one for one in compared if one.cell.key.provider == provider]
        open_ = sum((abs(Fraction(one.causes.get(UNEXPLAINED, 0))) for one in some), Fraction(0))
        billed = sum((abs(Fraction(one.ours if one.theirs is None else one.theirs)) for one in some), Fraction(0))
        worst = max(worst, open_ / billed if billed else Fraction(bool(open_)))
    return worst
