"""Causes of each cell's difference, theirs - ours: amounts that add up to it exactly.

With q tokens, of which ours are q_o and u of those have no cost, our cost O = (q_o - u) p and their cost T::

    T - O  =  u p  +  (q_t - q_o) p  +  (f - 1) q_t p  +  (T - f q_t p)
              unpriced  tokens: by move   discount f         rounding or price mismatch

Where a bill does not tell tokens, its cost is held against ours: what neither a missing side, late rows, a discount nor
rounding explains is ``unexplained``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

from warehouse.invoices.cells import Bill, Cell, Part
from warehouse.invoices.discounts import Priced, find_factors
from warehouse.invoices.line import CHARGES, OTHER, USAGE
from warehouse.invoices.moves import EXTRA, LATE, MISSING, TIER, TOKENS_DIFFER, explain_tokens

PRICE, DISCOUNT, ROUNDING = "price_mismatch", "discount", "rounding"
UNPRICED, OTHERS, UNEXPLAINED = "unpriced", "other_charges", "unexplained"
CAUSES = (MISSING, EXTRA, TOKENS_DIFFER, PRICE, DISCOUNT, TIER, ROUNDING, LATE, UNPRICED, OTHERS, UNEXPLAINED)
_PICODOLLARS = 10**12
_OUR_ROUNDING = Fraction(1, 10**9)
"""What rounding each call to a picodollar may come to over a day, and what is lost where a file tells twelve places."""


def explain(bill: Bill) -> None:
    """Fill the causes of all cells of one provider."""
    explain_tokens(bill)
    values = {cell.key: _explain_quantities(cell) for cell in bill.cells}
    factors = find_factors([_priced(cell, values[cell.key]) for cell in bill.cells if _is_comparable(cell)])
    for cell in bill.cells:
        _explain_rest(cell, values[cell.key], factors)


def _is_usage(cell: Cell) -> bool:
    return cell.key.kind not in (OTHER, *(charge for charge in CHARGES if charge != USAGE))


def _is_comparable(cell: Cell) -> bool:
    return _is_usage(cell) and cell.theirs is not None


def _priced(cell: Cell, value: Fraction) -> Priced:
    return Priced(key=cell.key, theirs=cell.theirs or Fraction(0), ours=value, off_by=_tolerance(cell))


def _tolerance(cell: Cell) -> Fraction:
    return cell.off_by + _OUR_ROUNDING


def _explain_quantities(cell: Cell) -> Fraction:
    """Causes that lie in tokens; gives what the bill's tokens cost at our prices."""
    alone = cell.theirs if len(cell.parts) == 1 else None
    value = Fraction(0)
    for part in cell.parts:
        if part.absent_cost:
            cell.causes[TIER] -= part.absent_cost
        if part.theirs is None or part.key.kind == OTHER:
            value += part.cost
        else:
            value += _explain_part(cell, part, alone)
    return value


def _explain_part(cell: Cell, part: Part, cost: Fraction | None) -> Fraction:
    """``cost``: of the bill for this part alone, which prices tokens that nobody else has a price for."""
    tokens = (part.theirs or Fraction(0)) - part.absent
    price = part.price()
    if price is None and cost is not None and tokens:
        price = cost / tokens
    if price is None:
        return Fraction(0)
    cell.causes[UNPRICED] += part.unpriced * price
    for cause, moved in part.taken.items():
        cell.causes[cause] += moved * price
    return tokens * price


def _explain_rest(cell: Cell, value: Fraction, factors: Mapping[date, Fraction]) -> None:
    if cell.theirs is None:
        return
    rest = cell.theirs - cell.ours - sum(cell.causes.values(), Fraction(0))
    if not _is_usage(cell):
        cell.causes[DISCOUNT if cell.key.kind == DISCOUNT else _small(cell, rest, OTHERS)] += rest
        return
    if not any(part.theirs is not None for part in cell.parts):
        rest = _explain_costs(cell, rest)
    factor = factors.get(cell.key.day)
    if factor is not None and rest and not _priced(cell, value).spans(Fraction(1)):
        cell.causes[DISCOUNT] += value * (factor - 1)
        rest -= value * (factor - 1)
    cell.causes[_small(cell, rest, _remaining(cell))] += rest


def _small(cell: Cell, rest: Fraction, otherwise: str) -> str:
    return ROUNDING if abs(rest) <= _tolerance(cell) else otherwise


def _remaining(cell: Cell) -> str:
    """What a difference is that neither tokens nor a discount nor rounding explain."""
    told = [part for part in cell.parts if part.theirs is not None]
    unknown = [part for part in told if part.price() is None]
    if any(part.unpriced for part in unknown):
        return UNPRICED
    if unknown and all(not part.ours for part in unknown):
        return MISSING
    return PRICE if told else UNEXPLAINED


def _explain_costs(cell: Cell, rest: Fraction) -> Fraction:
    """Of a cell whose tokens the bill does not tell; gives what is left."""
    cause = None
    if not any(part.ours or part.cost for part in cell.parts):
        cause = MISSING
    elif any(part.unpriced for part in cell.parts) and rest > 0:
        cause = UNPRICED
    late = sum((part.late_cost for part in cell.parts), Fraction(0))
    if cause is None and late > 0 > rest:
        taken = min(late, -rest)
        cell.causes[LATE] -= taken
        rest += taken
    if cause is None and not cell.theirs and rest < 0:
        cause = EXTRA
    if cause is None:
        return rest
    cell.causes[cause] += rest
    return Fraction(0)


def settle_amounts(causes: Mapping[str, Fraction], difference: Decimal) -> dict[str, Decimal]:
    """Causes as the lake holds money: whole picodollars that add up to the difference, the largest takes the rest."""
    picos = {name: round(amount * _PICODOLLARS) for name, amount in causes.items() if amount}
    total = int(difference.scaleb(12))
    if picos or total:
        most = max(picos, key=lambda name: abs(picos[name]), default=ROUNDING)
        picos[most] = picos.get(most, 0) + total - sum(picos.values())
    return {name: Decimal(amount).scaleb(-12) for name, amount in picos.items() if amount}


def add_up(cells: Iterable[Cell]) -> dict[str, Fraction]:
    """Causes of several cells."""
    total: dict[str, Fraction] = {}
    for cell in cells:
        for name, amount in cell.causes.items():
            total[name] = total.get(name, Fraction(0)) + amount
    return total
