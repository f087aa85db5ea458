"""From which score on people are told, by the false alerts that they will have.

The two columns were found on worlds 1 to 6 of ``benchmarks.spend`` with 0.25 USD as the least excess (``python -m
benchmarks.spend.fit``), then moved to keep the budgets in other worlds with 0.15 USD, with what new principals
must be worth, and with windows of five minutes, which find faster. Other budgets lie between or beyond them on a
logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from alerts.signals.kinds import CALLS, FLOORS, PRICE, SPEND, TOKENS

Bars = Mapping[tuple[str, int], float]
"""Signal and window -> score."""

OFTEN, SELDOM = 0.5, 0.1
"""False alerts per tenant-week that the columns of the table keep."""
LEAST_BUDGET, MOST_BUDGET = 0.02, 5.0
TABLE: Mapping[tuple[str, int], tuple[float, float]] = {
    (SPEND, 5): (2.1, 12),
    (SPEND, 15): (0.662, 14),
    (SPEND, 60): (1.3, 5.15),
    (SPEND, 360): (3.31, 9.48),
    (CALLS, 5): (1.58, 8.97),
    (CALLS, 15): (1.03, 7.4),
    (CALLS, 60): (1.21, 6.21),
    (CALLS, 360): (4.2, 18.7),
    (TOKENS, 2): (6.63, 12.9),
    (TOKENS, 7): (4.49, 8.58),
    (TOKENS, 24): (4.49, 29),
}
SHARE = 0.8
"""Of the budget; health (``alerts.health.bars``) has the rest."""
PRICE_BAR = 0.05
"""A price is exact: whatever people want to be told of, they are told when it rises by a twentieth."""

KIN_USD, MOST_KIN_USD = 0.02, 10.0


def kin_usd_for(budget: float) -> float:
    """USD from which a new principal is told of that asks the model that others of its feature ask already.

    Mostly it is a key that was changed, or a job: where few false alerts are wanted it must be worth 2 USD (at 0.1).
    """
    return min(KIN_USD / budget**2, MOST_KIN_USD)


def bars_for(budget: float) -> Bars:
    """The bars that keep ``budget`` false alerts per tenant-week, from ``LEAST_BUDGET`` to ``MOST_BUDGET``."""
    part = math.log(OFTEN / budget) / math.log(OFTEN / SELDOM)
    found = {key: max(FLOORS[key], often * (seldom / often) ** part) for key, (often, seldom) in TABLE.items()}
    return {**found, **{key: PRICE_BAR for key in FLOORS if key[0] == PRICE}}
