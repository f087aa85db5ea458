"""Which values explain the excess: the spend of each feature, model and so on against its own expectation.

A value's expectation is the scope's expectation times the share that the value had of the scope's spend in the day
before the window. Within a dimension the parts therefore add up to the whole excess, to the last digit; a value that
was never seen before is all excess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

import pyarrow as pa
import pyarrow.compute as pc

from alerts.incidents import Contributor

DIMENSIONS = ("feature", "model", "principal")
TOP = 3
"""Contributors named per dimension."""
LEAST_SHARE = Decimal("0.02")
"""Of the excess that a contributor must explain."""
QUANTUM = Decimal("1e-12")
PRECISION = 60
ZERO = Decimal(0)


def total_usd(usage: pa.Table) -> Decimal:
    """Exact spend of these rows; what is unpriced is unknown and not in it."""
    found = pc.sum(usage["cost_usd"]).as_py()
    return ZERO if found is None else found


def explain(
    window: pa.Table, before: pa.Table, expected_usd: Decimal, dimensions: Sequence[str] = DIMENSIONS
) -> tuple[Contributor, ...]:
    """The largest contributors to ``spend of window - expected_usd``, largest excess first.

    ``window`` and ``before`` hold the scope's usage: columns calls, cost_usd and the dimensions. Left out is what
    explains next to nothing, and a dimension that nothing of the window names.
    """
    least = LEAST_SHARE * (total_usd(window) - expected_usd)
    named = [dimension for dimension in dimensions if window[dimension].null_count < window.num_rows]
    found = [part for dimension in named for part in rank(dimension, window, before, expected_usd)[:TOP]]
    return tuple(sorted((part for part in found if part.excess_usd > least), key=lambda part: -part.excess_usd))


def rank(dimension: str, window: pa.Table, before: pa.Table, expected_usd: Decimal) -> list[Contributor]:
    """Every value of the dimension, largest excess first; observed, expected and excess add up to the scope's."""
    observed, usual = _by_value(window, dimension), _by_value(before, dimension)
    weights = usual if sum(usd for usd, _ in usual.values()) else observed
    expected = split(expected_usd, {value: usd for value, (usd, _) in weights.items()})
    parts = [
        Contributor(
            dimension=dimension,
            value=value,
            observed_usd=observed.get(value, (ZERO, 0))[0],
            expected_usd=expected.get(value, ZERO),
            excess_usd=observed.get(value, (ZERO, 0))[0] - expected.get(value, ZERO),
            calls=observed.get(value, (ZERO, 0))[1],
        )
        for value in observed.keys() | expected.keys()
    ]
    return sorted(parts, key=lambda part: (-part.excess_usd, part.value or ""))


def split(amount: Decimal, weights: dict[str | None, Decimal]) -> dict[str | None, Decimal]:
    """The amount in proportion to the weights, to 1e-12 USD; the largest weight takes the remainder."""
    whole = sum(weights.values(), ZERO)
    if not whole:
        return {}
    with localcontext() as context:
        context.prec = PRECISION
        parts = {value: (amount * weight / whole).quantize(QUANTUM) for value, weight in weights.items()}
        largest = max(weights, key=lambda value: (weights[value], value or ""))
        parts[largest] += amount - sum(parts.values(), ZERO)
    return parts


def share(part: Contributor, excess_usd: Decimal) -> float:
    """How much of the excess this value explains; 1 = all of it."""
    return float(part.excess_usd / excess_usd) if excess_usd else 0.0


def _by_value(usage: pa.Table, dimension: str) -> dict[str | None, tuple[Decimal, int]]:
    sums = usage.group_by(dimension).aggregate([("cost_usd", "sum"), ("calls", "sum")])
    columns: Iterable[tuple[str | None, Decimal | None, int]] = zip(
        sums[dimension].to_pylist(), sums["cost_usd_sum"].to_pylist(), sums["calls_sum"].to_pylist(), strict=True
    )
    return {value: (usd or ZERO, calls) for value, usd, calls in columns}
