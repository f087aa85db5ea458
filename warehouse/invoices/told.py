"""What both sides tell of one provider, and how far they tell it apart; accounts, where they do not, are to be told of.

Where our calls do not name their account, or none that the bill names, accounts are not told apart; nor where a line of
the bill that is compared, a cost or a count, names none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from warehouse.invoices.gather import Rows
from warehouse.invoices.grain import DIMENSIONS, Grain
from warehouse.invoices.line import OTHER, TOKENS, USAGE
from warehouse.invoices.workspaces import name_default


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Rows of one provider, from the bill's first to its last day.

    ``tokens``: lines that count them, ``costs``: those that have one. ``fine``: how far counts tell things apart,
    ``coarse``: how far costs do too.
    """

    ours: Rows
    theirs: Rows
    tokens: Rows
    costs: Rows
    fine: Grain
    coarse: Grain


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Lines of a bill that name no account, counts if some of them do not; of the first one the day and the model."""

    are_costs: bool
    day: date
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A provider whose accounts are not told apart, though one of the sides names them.

    ``unnamed``: of ``calls`` of ours those that name no account; 0: they name ``ours``, and ``bare`` of the bill does
    not; where that is None, none of them is on the bill.
    """

    provider: str
    calls: int
    unnamed: int
    ours: tuple[str, ...]
    billed: tuple[str, ...]
    bare: Bare | None


def find_told(ours: Rows, theirs: Rows, provider: str) -> Told:
    """Of a provider that has a bill, by the names of accounts that both sides have."""
    theirs = [row for row in theirs if row["provider"] == provider]
    days = [row["day"] for row in theirs]
    ours = [row for row in ours if row["provider"] == provider and min(days) <= row["day"] <= max(days)]
    theirs = name_default(ours, theirs)
    tokens, costs = _usage(theirs)
    kept = _kept(ours, theirs)
    fine = Grain.of(tokens or costs, kept)
    coarse = Grain.of(costs or tokens, kept, within=fine)
    return Told(ours=ours, theirs=theirs, tokens=tokens, costs=costs, fine=fine, coarse=coarse)


def accounts_together(ours: Rows, theirs: Rows, provider: str) -> Together | None:
    """What is to be said of a provider's accounts; None where they are told apart, or neither side names several."""
    told = find_told(ours, theirs, provider)
    named, billed = ({row["account"] for row in rows} - {None} for rows in (told.ours, told.theirs))
    if "account" in told.coarse.shared or not (told.tokens or told.costs):
        return None
    is_kept = "account" in _kept(told.ours, told.theirs)
    if not (len(named) > 1 or len(billed) > 1 or (billed and not is_kept)):
        return None
    return Together(
        provider=provider,
        calls=sum(row["calls"] for row in told.ours),
        unnamed=sum(row["calls"] for row in told.ours if row["account"] is None),
        ours=tuple(sorted(named)),
        billed=tuple(sorted(billed)),
        bare=_bare(told) if is_kept or not billed else None,
    )


def _bare(told: Told) -> Bare | None:
    tokens, costs = ([row for row in rows if row["account"] is None] for rows in (told.tokens, told.costs))
    bare = tokens or costs
    if not bare:
        return None
    first = min(bare, key=lambda row: (row["day"], str(row["said_model"] or "")))
    return Bare(are_costs=not tokens, day=first["day"], model=first["said_model"])


def _usage(theirs: Rows) -> tuple[Rows, Rows]:
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
