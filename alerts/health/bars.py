"""From which score on people are told, by the false alerts that they will have.

Spend has most of the budget (``alerts.signals.bars``), health a fifth of it: what is false counts together. The scores
were found on worlds 1 to 3 of ``python -m benchmarks.health``.
"""

from __future__ import annotations

import math

OFTEN, SELDOM = 0.5, 0.1
"""False alerts per tenant-week, of all signals …"""
BARS = (8.0, 10.0)
"""… whose fifth these scores keep; other budgets lie between or beyond them on a logarithmic scale."""
LEAST = 5.0
SHARE = 0.2
"""Of the budget."""


def bar_for(budget: float) -> float:
    """Powers of ten."""
    part = math.log(OFTEN / budget) / math.log(OFTEN / SELDOM)
    often, seldom = BARS
    return float(max(LEAST, often * (seldom / often) ** part))
