"""What an excess is made of: more calls, more attempts at each, longer prompts and answers, another mix, other prices.

The window is compared with what was expected of it: calls with the tokens, mix and prices of the day before, as many as
the expected amount pays for. Each factor's part is its Shapley value (``warehouse.planning.causes``) in whole
picodollars; what rounding leaves goes to the parts that were cut most, so they add up to the excess exactly. Where
nothing was expected all of it is volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pyarrow as pa

from alerts.parts import Factor
from warehouse.planning.causes import Attempts, Cell, Cells, cost_of, scaled, split_finely
from warehouse.planning.series import to_picos, to_usd
from warehouse.planning.variance import cell_of

MIX = ("provider", "model", "service_tier")
"""What calls are alike in."""
SUMS = (
    *("calls", "priced_calls", "retries"),
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens"),
    *("input_cost_usd", "cached_cost_usd", "cache_write_cost_usd", "output_cost_usd", "cost_usd"),
)
INPUT, ALL = 3, 4
"""So many kinds of tokens are input, and there are: ``warehouse.planning.causes.Cell``."""
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What some calls are made of."""

    cells: Cells
    attempts: Attempts

    def times(self, factor: Fraction) -> Made:
        """As many times as much of it."""
        attempts = Attempts(calls=self.attempts.calls * factor, requests=self.attempts.requests * factor)
        return Made(cells=scaled(self.cells, factor), attempts=attempts)

    def per_call(self, first: int, end: int) -> float | None:
        """Tokens a call, of some of the kinds."""
        calls = sum((cell.calls for cell in self.cells.values()), ZERO)
        return float(self._tokens(first, end) / calls) if calls > 0 else None

    def cached(self) -> float | None:
        """Share of the input that was cached."""
        whole = self._tokens(0, INPUT)
        return float(self._tokens(1, 2) / whole) if whole > 0 else None

    def _tokens(self, first: int, end: int) -> Fraction:
        return sum((sum(cell.tokens[first:end], ZERO) for cell in self.cells.values()), ZERO)


def factor_excess(window: pa.Table, before: pa.Table, expected_usd: Decimal) -> tuple[Factor, ...]:
    """The factors of ``cost of window - expected_usd``, the largest part first; without those that are nothing.

    ``window`` and ``before``: columns ``MIX`` and ``SUMS``.
    """
    after = _made(window)
    usual = _usual(_made(before), after, Fraction(to_picos(expected_usd)))
    parts = split_finely(usual.cells, after.cells, (usual.attempts, after.attempts))
    numbers = {
        "calls": (_float(after.attempts.requests), _float(usual.attempts.requests)),
        "retries": (_rate(after.attempts), _rate(usual.attempts)),
        "input_tokens_per_call": (after.per_call(0, INPUT), usual.per_call(0, INPUT)),
        "output_tokens_per_call": (after.per_call(INPUT, ALL), usual.per_call(INPUT, ALL)),
        "cache_share": (after.cached(), usual.cached()),
    }
    found = []
    for name, picos in parts.items():
        observed, expected = numbers.get(name, (None, None))
        found.append(Factor(factor=name, excess_usd=to_usd(picos), observed=observed, expected=expected))
    return tuple(sorted((one for one in found if one.excess_usd), key=lambda one: -one.excess_usd))


def _usual(before: Made, after: Made, picos: Fraction) -> Made:
    """What was expected: as the day before; where that cost nothing, as the window itself."""
    for like in (before, after):
        cost = cost_of(like.cells)
        if cost > 0:
            return like.times(picos / cost)
    none = (ZERO,) * ALL
    odd = Cell(calls=ZERO, tokens=none, picos=none, other=picos)
    return Made(cells={(): odd}, attempts=Attempts(calls=ZERO, requests=ZERO))


def _made(usage: pa.Table) -> Made:
    sums = pl.DataFrame(usage.select([*MIX, *SUMS])).group_by(*MIX).agg(pl.col(*SUMS).sum())
    cells: dict[tuple[object, ...], Cell] = {}
    calls = first = 0
    for row in sums.iter_rows(named=True):
        cells[tuple(row[name] for name in MIX)] = cell_of({**row, "calls": row["priced_calls"]})
        calls += row["priced_calls"]
        first += row["calls"] - row["retries"]
    return Made(cells=cells, attempts=Attempts(calls=Fraction(calls), requests=Fraction(min(first, calls))))


def _rate(attempts: Attempts) -> float | None:
    rate = attempts.per_request
    return None if rate is None else float(rate)


def _float(some: Fraction) -> float:
    return round(float(some), 3)
