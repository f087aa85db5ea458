"""From which score on people are told, by the false alerts that they will have.

The two columns were found on six worlds of ``benchmarks.spend`` (``python -m benchmarks.spend.fit``); other budgets lie
between or beyond them on a logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from alerts.signals.fold import CALLS, FLOORS, PRICE, SPEND, TOKENS

Bars = Mapping[tuple[str, int], float]
"""Signal and window -> score."""

OFTEN, SELDOM = 0.5, 0.1
"""False alerts per tenant-week that the columns of the table keep."""
LEAST_BUDGET, MOST_BUDGET = 0.02, 5.0
TABLE: Mapping[tuple[str, int], tuple[float, float]] = {
    (SPEND, 15): (0.45, 9.0),
    (SPEND, 60): (1.43, 3.3),
    (SPEND, 360): (2.25, 5.0),
    (CALLS, 15): (0.5, 3.9),
    (CALLS, 60): (0.82, 4.0),
    (CALLS, 360): (4.0, 12.0),
    (TOKENS, 2): (5.3, 10.7),
    (TOKENS, 7): (3.6, 7.1),
    (TOKENS, 24): (3.6, 24.0),
}
PRICE_BAR = 0.05
"""A price is exact: whatever people want to be told of, they are told when it rises by a twentieth."""


def bars_for(budget: float) -> Bars:
    """The bars that keep ``budget`` false alerts per tenant-week, from ``LEAST_BUDGET`` to ``MOST_BUDGET``."""
    part = math.log(OFTEN / budget) / math.log(OFTEN / SELDOM)
    found = {key: max(FLOORS[key], often * (seldom / often) ** part) for key, (often, seldom) in TABLE.items()}
    return {**found, **{key: PRICE_BAR for key in FLOORS if key[0] == PRICE}}
