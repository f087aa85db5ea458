"""The price of one call, line by line: what was counted, at which rate, from where, and what that makes.

    usage                 rate                     USD
    1,000 input           2.5 per 1,000,000        0.0025        genai-prices/0.2.3 openai/gpt-4o
    discount              -12.5 %                  -0.0003125    book entry 3: openai/gpt-4o* of acme

The sum of the lines, rounded once half-even to a picodollar, is the call's ``cost_usd``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from processors.pricing.book import PriceBook
from processors.pricing.columns import NEEDED, Calls, choose_rates, usable
from processors.pricing.exact import calculate
from processors.pricing.kinds import KINDS, kind_name
from processors.pricing.rates import Rates, as_shown
from warehouse.schemas import SPANS

_NEEDED = pa.schema([SPANS.field(name) for name in NEEDED])
PAID_BY_GPU = "paid_by_gpu"
"""Kind of the only line, zero, of a call that is paid for through the GPU it runs on: it has no rates."""
_PICODOLLAR = Decimal("1e-12")
_DIGITS = Context(prec=80)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One part of a cost; ``usd`` is exact, also where it has no end as a decimal.

    A priced part: ``quantity`` of ``kind`` (``input``, ``cached_input``, ``searches``, ``audio_seconds`` …; what is
    billed at this very rate, so an input line leaves out the cached tokens) at ``rate_usd`` for ``per`` of them.
    An adjustment: ``kind`` is ``discount`` or ``markup``, ``percent`` of the lines above (negative for a discount).
    ``source``: the version of the catalogue with provider, model, tier, dates and context bracket, or the book's entry.
    """

    kind: str
    usd: Fraction
    source: str
    quantity: Decimal | None = None
    rate_usd: Decimal | None = None
    per: int | None = None
    percent: Decimal | None = None


def price_lines(call: Mapping[str, Any], book: PriceBook) -> tuple[PriceLine, ...]:
    """Lines of one canonical call (the keys ``NEEDED``; what is left out is NULL); none where the call has no cost.

    ``started_at`` and ``ended_at`` are aware datetimes or RFC 3339 text; ``units`` is a mapping or a list of pairs.
    """
    calls = Calls.of(pa.Table.from_pylist([_row(call)], schema=_NEEDED), book)
    which, rates = choose_rates(calls, book)
    able = usable(calls, which, rates)
    if not calculate(calls.used, rates, np.where(able, which, -1)).consistent[0]:
        return ()
    counts, (grain,) = calls.used.as_integers(np.zeros(1, np.int64))
    amounts = [Fraction(0)] * len(KINDS)
    for kind, count in zip(calls.used.kinds, counts[0], strict=True):
        amounts[kind] = Fraction(int(count), int(grain))
    return _lines(as_shown(rates[0]), amounts)


def sum_lines(lines: Sequence[PriceLine]) -> Decimal | None:
    """The cost that lines add up to, rounded once to a picodollar; None where there are none."""
    if not lines:
        return None
    picodollars = round(sum((line.usd for line in lines), Fraction(0)) / Fraction(_PICODOLLAR))  # half to even
    return (Decimal(picodollars) * _PICODOLLAR).quantize(_PICODOLLAR, ROUND_HALF_EVEN, _DIGITS)


def as_text(usd: Fraction) -> str:
    """An amount as a decimal where it has an end, else to twenty places with an ellipsis."""
    left = usd.denominator
    for prime in (2, 5):
        while left % prime == 0:
            left //= prime
    decimal = _DIGITS.divide(Decimal(usd.numerator), Decimal(usd.denominator))
    if left == 1:
        return f"{decimal.normalize(_DIGITS):f}"
    return f"{decimal.quantize(Decimal('1e-20'), context=_DIGITS):f}…"


def _row(call: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: call.get(name) for name in NEEDED}
    for name in ("started_at", "ended_at"):
        if isinstance(text := row[name], str):
            row[name] = dt.datetime.fromisoformat(text)
    if isinstance(row["units"], Mapping):
        row["units"] = list(row["units"].items())
    if row["reported_cost_usd"] is not None:
        row["reported_cost_usd"] = Decimal(str(row["reported_cost_usd"]))
    return row


def _lines(rates: Rates, amounts: list[Fraction]) -> tuple[PriceLine, ...]:
    for column, least in rates.least:
        amounts[column] = max(amounts[column], Fraction(least)) if amounts[column] else amounts[column]
    lines = [line for kind in KINDS if kind in rates.prices and (line := _line(kind, rates, amounts)) is not None]
    if not lines:
        lines = [PriceLine(kind=PAID_BY_GPU if rates.by_gpu else "free", usd=Fraction(0), source=rates.source)]
    for adjustment in rates.adjustments:
        so_far = sum((line.usd for line in lines), Fraction(0))
        lines.append(
            PriceLine(
                kind=adjustment.kind,
                usd=so_far * Fraction(adjustment.percent) / 100,
                source=adjustment.source,
                percent=adjustment.percent,
            )
        )
    return tuple(lines)


def _line(kind: str, rates: Rates, amounts: Sequence[Fraction]) -> PriceLine | None:
    """A kind that was used at all; one whose whole amount has other rates is left out."""
    billed = sum((times * amount for times, amount in zip(rates.leaves[kind], amounts, strict=True)), Fraction(0))
    if not billed:
        return None
    price = rates.prices[kind]
    return PriceLine(
        kind=kind_name(kind),
        usd=billed * price.of_one(),
        source=rates.source,
        quantity=_DIGITS.divide(Decimal(billed.numerator), Decimal(billed.denominator)),
        rate_usd=price.usd,
        per=price.per,
    )
