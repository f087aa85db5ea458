"""Why one period cost more than another: calls, tokens per call, model mix, cache share and unit price, exactly.

What a group of calls costs is a product of factors::

    calls x sum over cells of: share of the calls x (input tokens per call x sum over kinds of (share x price)
                                                     + output tokens per call x price + other cost per call)

A cell is a model at a provider and tier; the kinds of input are plain, cached and written to a cache. Each factor's
part is its Shapley value (Shapley 1953; for cost accounting Shorrocks 2013, doi 10.1007/s10888-011-9214-z): its
marginal effect, averaged over all orders in which the factors can change. No order is preferred, so swapping the
periods negates every part, and a factor that did not change has none. All is reckoned in fractions of picodollars; what
rounding to whole ones leaves goes to the parts that were cut most.

What one period does not know it takes from the other: the price of a kind of token that it has none of, all of a cell
without calls (a new model is mix), all of a group without calls (a new tenant is calls).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import factorial
from typing import Any

FACTORS = ("calls", "tokens_per_call", "model_mix", "cache_share", "unit_price", "other")
"""What can change, in the order in which equal remainders are served."""

ZERO = Fraction(0)
INPUT = 3
"""So many of the token kinds are input: plain, cached, written to a cache; the fourth is output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Calls that are alike: ``tokens`` plain, cached, written, output; ``picos`` what they cost, in picodollars.

    ``other``: picodollars of what is no token.
    """

    calls: Fraction
    tokens: tuple[Fraction, ...]
    picos: tuple[Fraction, ...]
    other: Fraction = ZERO

    @property
    def cost(self) -> Fraction:
        """Picodollars."""
        return sum(self.picos, self.other)


Cells = Mapping[tuple[object, ...], Cell]
"""Of one group in one period."""


def scaled(cells: Cells, factor: Fraction) -> Cells:
    """As many times the calls, tokens and costs: what a budget buys at the prices and in the mix of a period."""
    return {
        key: Cell(
            calls=cell.calls * factor,
            tokens=tuple(some * factor for some in cell.tokens),
            picos=tuple(some * factor for some in cell.picos),
            other=cell.other * factor,
        )
        for key, cell in cells.items()
    }


def cost_of(cells: Cells) -> Fraction:
    """Picodollars."""
    return sum((cell.cost for cell in cells.values()), ZERO)


def split_difference(before: Cells, after: Cells) -> dict[str, int]:
    """Picodollars by factor; they add up to what ``after`` costs more than ``before``, which must be a whole number."""
    (odd_before, even_before), (odd_after, even_after) = _apart(before), _apart(after)
    parts = _shapley(_value_of(even_before, even_after))
    parts["other"] += odd_after - odd_before
    return _whole(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often was asked, and paid for: ``calls`` paid ones, ``requests`` first attempts, of which each was paid once.

    So many attempts were paid for a request: at least one, where any was.
    """

    calls: Fraction
    requests: Fraction

    @property
    def per_request(self) -> Fraction | None:
        """Paid attempts a request; None = not known, as there are none."""
        return max(self.calls / self.requests, Fraction(1)) if self.requests > 0 else None


def split_finely(before: Cells, after: Cells, attempts: tuple[Attempts, Attempts]) -> dict[str, int]:
    """As ``split_difference``, with calls split into requests and retries, and tokens per call into input and output.

    Calls are requests times paid attempts each, the tokens of a call are a sum: so the other parts stay as they are.
    """
    (odd_before, even_before), (odd_after, even_after) = _apart(before), _apart(after)
    parts = _shapley(_value_of(even_before, even_after))
    parts["other"] += odd_after - odd_before
    per_call = _shapley(_value_of(even_before, even_after, calls=(ZERO, Fraction(1))))["calls"]
    retries = per_call * _by_attempts(*attempts)
    longer_input = _shapley(_value_of(_without_output(even_before), _without_output(even_after)))["tokens_per_call"]
    fine = {
        "calls": parts.pop("calls") - retries,
        "retries": retries,
        "input_tokens_per_call": longer_input,
        "output_tokens_per_call": parts.pop("tokens_per_call") - longer_input,
    }
    return _whole(fine | parts)


def _by_attempts(before: Attempts, after: Attempts) -> Fraction:
    """Calls that there are more because requests are tried more often; the mean of both orders."""
    usual, now = _both(before.per_request, after.per_request, Fraction(1))
    return Fraction((now - usual) * (before.calls / usual + after.calls / now)) / 2


def _without_output(cells: Cells) -> Cells:
    return {key: replace(cell, picos=(*cell.picos[:INPUT], ZERO)) for key, cell in cells.items()}


def _apart(cells: Cells) -> tuple[Fraction, Cells]:
    """What is no product of the factors (cost without calls, less than no tokens), in picodollars, and the cells."""
    odd, even = ZERO, {}
    for key, cell in cells.items():
        if cell.calls <= 0 or min(cell.tokens) < 0:
            odd += cell.cost
        else:
            even[key] = _tidy(cell)
    return odd, even


def _tidy(cell: Cell) -> Cell:
    """The cost of a kind without tokens belongs to what is no token."""
    kept = tuple(cost if tokens else ZERO for cost, tokens in zip(cell.picos, cell.tokens, strict=True))
    return replace(cell, picos=kept, other=cell.other + sum(cell.picos) - sum(kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """A cell per unit; None = not known, as there are none. ``cached``: shares of the kinds of input."""

    share: Fraction | None
    tokens: tuple[Fraction, Fraction] | None
    cached: tuple[Fraction, ...] | None
    prices: tuple[Fraction | None, ...]
    other: Fraction | None


NONE = Rates(share=ZERO, tokens=None, cached=None, prices=(None,) * (INPUT + 1), other=None)


def _rates(cells: Cells, key: tuple[object, ...]) -> Rates:
    calls, cell = _calls_of(cells), cells.get(key)
    if cell is None:
        return replace(NONE, share=ZERO if calls else None)
    input_tokens = sum(cell.tokens[:INPUT], ZERO)
    return Rates(
        share=cell.calls / calls,
        tokens=(input_tokens / cell.calls, cell.tokens[INPUT] / cell.calls),
        cached=tuple(some / input_tokens for some in cell.tokens[:INPUT]) if input_tokens else None,
        prices=tuple(cost / some if some else None for cost, some in zip(cell.picos, cell.tokens, strict=True)),
        other=cell.other / cell.calls,
    )


def _value_of(
    before: Cells, after: Cells, calls: tuple[Fraction, Fraction] | None = None
) -> Callable[[Sequence[int]], Fraction]:
    """What it costs when each factor is as before (0) or after (1), in the order of ``FACTORS``.

    ``calls``: so many, where it is not as many as the cells have.
    """
    periods = (before, after)
    calls = calls or (_calls_of(before), _calls_of(after))
    found = []
    for key in dict.fromkeys([*before, *after]):
        rates = [_rates(cells, key) for cells in periods]
        found.append((_both(rates[0].share, rates[1].share), _unit_costs(*rates)))
    per_call = {
        (mix, *rest): sum((shares[mix] * units[rest] for shares, units in found), ZERO)
        for mix in (0, 1)
        for rest in itertools.product((0, 1), repeat=4)
    }

    def value(at: Sequence[int]) -> Fraction:
        volume, tokens, mix, cached, price, other = at
        return calls[volume] * per_call[mix, tokens, cached, price, other]

    return value


def _calls_of(cells: Cells) -> Fraction:
    return sum((cell.calls for cell in cells.values()), ZERO)


def _unit_costs(before: Rates, after: Rates) -> dict[tuple[int, ...], Fraction]:
    """What a call of a cell costs by (tokens, cached, price, other) as before or after."""
    tokens = _both(before.tokens, after.tokens, (ZERO, ZERO))
    cached = _both(before.cached, after.cached, (ZERO,) * INPUT)
    other = _both(before.other, after.other)
    prices = list(zip(*(_both(*two) for two in zip(before.prices, after.prices, strict=True)), strict=True))
    return {
        (t, c, p, x): tokens[t][0] * sum((cached[c][k] * prices[p][k] for k in range(INPUT)), ZERO)
        + tokens[t][1] * prices[p][INPUT]
        + other[x]
        for t, c, p, x in itertools.product((0, 1), repeat=4)
    }


def _both(before: Any, after: Any, none: Any = ZERO) -> tuple[Any, Any]:
    """What one period does not know it takes from the other."""
    known = [one for one in (before, after) if one is not None] or [none]
    return (known[0] if before is None else before), (known[-1] if after is None else after)


def _shapley(value: Callable[[Sequence[int]], Fraction]) -> dict[str, Fraction]:
    """Each factor's marginal effect, averaged over all orders."""
    count = len(FACTORS)
    parts = dict.fromkeys(FACTORS, ZERO)
    worth = {at: value(at) for at in itertools.product((0, 1), repeat=count)}
    for at, cost in worth.items():
        changed = sum(at)
        for place, name in enumerate(FACTORS):
            if not at[place]:
                then = worth[(*at[:place], 1, *at[place + 1 :])]
                orders = Fraction(factorial(changed) * factorial(count - changed - 1), factorial(count))
                parts[name] += orders * (then - cost)
    return parts


def _whole(parts: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole picodollars that add up, the same for parts of the other sign; what is left goes where most was cut."""
    rounded = {name: _nearest(part) for name, part in parts.items()}
    left = sum(parts.values(), ZERO) - sum(rounded.values())
    sign = 1 if left > 0 else -1
    cut = sorted(parts, key=lambda name: -sign * (parts[name] - rounded[name]))
    return {name: rounded[name] + sign * (name in cut[: int(abs(left))]) for name in parts}


def _nearest(part: Fraction) -> int:
    """The nearest whole number; halves away from zero."""
    size = abs(part) + Fraction(1, 2)
    return (1 if part > 0 else -1) * (size.numerator // size.denominator)
