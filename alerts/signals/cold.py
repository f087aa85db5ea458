"""The first two days, in which nothing is known of days: series are compared with the most that they have held so far.

One that is too young for that is compared with what the others of its tenant and feature have held; where these are as
young, with nothing. Bars are higher, so that a morning that follows a night is nothing odd.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, Numbers, summed
from alerts.signals.bars import OFTEN
from alerts.signals.envelope import LEAST_DAYS
from alerts.signals.kinds import CALLS, SPEND
from alerts.signals.leaves import Leaves
from alerts.signals.windows import MINUTES

NEVER = np.iinfo(np.int64).max // 2
LEAST_AGE = 60
"""Minutes; and twice the window."""
LEAST_BARS = {
    **{(SPEND, width): bar for width, bar in zip(MINUTES, (4.5, 6.0, 12.0, 30.0), strict=True)},
    **{(CALLS, width): bar for width, bar in zip(MINUTES, (4.0, 8.0, 15.0, 40.0), strict=True)},
}
"""Where 0.5 false alerts per tenant-week are bearable; six are 2.2 times the most at least."""
STRICTER = 1.5
"""Power of the budget by which these bars grow."""
TIMES = 10.0
"""As high are the bars of other signals."""
KNOWN_DAYS = 8.0
"""A job of every week is new until a week and a day are known."""


def cold_edge(most: Floats, age: Numbers, leaves: Leaves) -> Floats:
    """(windows, leaves) from which on windows are odd; infinite = never. ``most``: of all hours; ``age``: minutes."""
    known = age[None] >= np.maximum(LEAST_AGE, 2 * np.array(MINUTES))[:, None]
    own = np.where(known, most, 0)
    others = np.stack([summed(row, leaves.parent, len(leaves.parents))[leaves.parent] for row in own])
    return np.where(known, most, np.where(others > 0, others, np.inf))


def raised(need: Floats, signal: str, window: int, days: float, budget: float) -> Floats:
    """The bars of series while there are so many days of history; ``budget``: false alerts per tenant-week."""
    if days >= LEAST_DAYS:
        return need * max(1.0, KNOWN_DAYS / days)
    least = LEAST_BARS.get((signal, window))
    return need * TIMES if least is None else np.maximum(need, least * (OFTEN / budget) ** STRICTER)
