"""Causes of each cell's difference, theirs - ours: amounts that add up to it exactly.

With q tokens, of which ours are q_o and u of those have no cost, our cost O = (q_o - u) p and their cost T::

    T - O  =  u p  +  (q_t - q_o) p  +  (f - 1) q_t p  +  (T - f q_t p)
              unpriced  tokens: by move   discount f         rounding or price mismatch

Where a bill does not tell tokens, its cost is held against ours: what neither a missing side, late rows, a discount nor
rounding explains is ``unexplained``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

from warehouse.invoices.cells import Bill, Cell, Part
from warehouse.invoices.discounts import Priced, find_factors
from warehouse.invoices.grain import Key
from warehouse.invoices.line import CHARGES, OTHER, USAGE
from warehouse.invoices.moves import EXTRA, LATE, MISSING, TIER, TOKENS_DIFFER, explain_tokens, move_costs

PRICE, DISCOUNT, ROUNDING = "price_mismatch", "discount", "rounding"
UNPRICED, OTHERS, UNEXPLAINED = "unpriced", "other_charges", "unexplained"
CAUSES = (MISSING, EXTRA, TOKENS_DIFFER, PRICE, DISCOUNT, TIER, ROUNDING, LATE, UNPRICED, OTHERS, UNEXPLAINED)
_PICODOLLARS = 10**12


def explain(bill: Bill) -> None:
    """Fill the causes of all cells of one provider."""
    explain_tokens(bill)
    for cell in bill.cells:
        _explain_quantities(cell)
    comparable = [cell for cell in bill.cells if _is_usage(cell) and cell.theirs is not None]
    move_costs([cell for cell in comparable if not _is_told(cell)])
    priced = {cell.key: _priced(cell) for cell in comparable}
    factors = find_factors([*priced.values()])
    for cell in bill.cells:
        _explain_rest(cell, priced.get(cell.key), factors)


def _is_usage(cell: Cell) -> bool:
    return cell.key.kind not in (OTHER, *(charge for charge in CHARGES if charge != USAGE))


def _is_told(cell: Cell) -> bool:
    return any(part.theirs is not None for part in cell.parts)


def _priced(cell: Cell) -> Priced:
    """With the bill's tokens at our prices, which is what we had and what tokens explain."""
    return Priced(key=cell.key, theirs=cell.theirs or Fraction(0), ours=cell.explained, off_by=cell.tolerance)


def _explain_quantities(cell: Cell) -> None:
    """Causes that lie in tokens."""
    alone = cell.theirs if len(cell.parts) == 1 else None
    for part in cell.parts:
        if part.absent_cost:
            cell.causes[TIER] -= part.absent_cost
        if part.theirs is not None and part.key.kind != OTHER:
            _explain_part(cell, part, alone)


def _explain_part(cell: Cell, part: Part, cost: Fraction | None) -> None:
    """``cost``: of the bill for this part alone, which prices tokens that nobody else has a price for."""
    tokens = (part.theirs or Fraction(0)) - part.absent
    price = part.price()
    if price is None and cost is not None and tokens:
        price = cost / tokens
    if price is None:
        return
    cell.causes[UNPRICED] += part.unpriced * price
    for cause, moved in part.taken.items():
        cell.causes[cause] += moved * price


def _explain_rest(cell: Cell, priced: Priced | None, factors: Mapping[Key, Fraction]) -> None:
    if cell.theirs is None:
        return
    if priced is None:
        cell.causes[DISCOUNT if cell.key.kind == DISCOUNT else _small(cell, OTHERS)] += cell.rest
        return
    if not _is_told(cell):
        _explain_costs(cell)
    factor = factors.get(priced.subject)
    if factor is not None and cell.rest and not priced.spans(Fraction(1)):
        cell.causes[DISCOUNT] += priced.ours * (factor - 1)
    cell.causes[_small(cell, _remaining(cell))] += cell.rest


def _small(cell: Cell, otherwise: str) -> str:
    return ROUNDING if abs(cell.rest) <= cell.tolerance else otherwise


def _remaining(cell: Cell) -> str:
    """What a difference is that neither tokens nor a discount nor rounding explain."""
    told = [part for part in cell.parts if part.theirs is not None]
    unknown = [part for part in told if part.price() is None]
    if any(part.unpriced for part in unknown):
        return UNPRICED
    if unknown and all(not part.ours for part in unknown):
        return MISSING
    return PRICE if told else UNEXPLAINED


def _explain_costs(cell: Cell) -> None:
    """All of a cell whose tokens the bill does not tell, where one side is missing or has no price."""
    if not any(part.ours or part.cost for part in cell.parts):
        cell.causes[MISSING] += cell.rest
    elif any(part.unpriced for part in cell.parts) and cell.rest > 0:
        cell.causes[UNPRICED] += cell.rest
    elif not cell.theirs and cell.rest < 0:
        cell.causes[EXTRA] += cell.rest


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
