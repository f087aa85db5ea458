"""While little is known: the first two days, and the rest of the first week and a day.

In the first two days nothing is known of days: series are compared with the most that they have held so far. One that
is too young for that is compared with what the others of its tenant and feature have held; where these are as young,
with nothing. The keys of a model that is new to its feature are compared together. Bars are higher, so that a morning
that follows a night is nothing odd.

Until a week and a day are known a series that is new in such hours is compared with the others of its tenant and
feature as well, if there are any; and where a fifth of the tenants rise at once (the first Monday after an
installation on a Friday), each must rise further than they do.
"""

from __future__ import annotations

import math

import numpy as np

from alerts.signals.arrays import TINY, Bools, Floats, Numbers, summed
from alerts.signals.bars import OFTEN
from alerts.signals.envelope import LEAST_DAYS
from alerts.signals.kinds import CALLS, SPEND
from alerts.signals.leaves import Leaves
from alerts.signals.windows import MINUTES
from alerts.young import KNOWN_DAYS

NEVER = np.iinfo(np.int64).max // 2
LEAST_AGE = 60
"""Minutes; and twice the window."""
LEAST_BARS = {
    **{(SPEND, width): bar for width, bar in zip(MINUTES, (4.5, 6.0, 12.0, 30.0), strict=True)},
    **{(CALLS, width): bar for width, bar in zip(MINUTES, (4.0, 8.0, 15.0, 40.0), strict=True)},
}
"""Where 0.5 false alerts per tenant-week are bearable; six are 2.2 times the most at least."""
NEW_MODEL = 0.5
"""Part of what the others have held that a model new to their feature is compared with: not all have it at once."""
STRICTER = 1.5
"""Power of the budget by which these bars grow."""
ALIKE, LEAST_ALIKE = 0.2, 2
"""Share of the tenants, and tenants, that have a cause in common if they rise at once."""
TIMES = 10.0
"""As high are the bars of other signals."""


def cold_edge(most: Floats, age: Numbers, leaves: Leaves) -> Floats:
    """(windows, leaves) from which on windows are odd; infinite = never. ``most``: of all hours; ``age``: minutes."""
    known = _is_known(age)
    own = np.where(known, most, 0)
    others = np.stack([summed(row, leaves.parent, len(leaves.parents))[leaves.parent] for row in own])
    others *= np.where(_is_used(known, leaves), 1.0, NEW_MODEL)
    return np.where(known, most, np.where(others > 0, others, np.inf))


def cold_sums(sums: Floats, age: Numbers, leaves: Leaves) -> Floats:
    """(windows, leaves) what is compared: of a feature's model that nobody is known to use what all have in it.

    Who steals a key may come under many names.
    """
    together = np.stack([summed(row, leaves.use, len(leaves.uses))[leaves.use] for row in sums])
    return np.where(_is_used(_is_known(age), leaves), sums, together)


def _is_used(known: Bools, leaves: Leaves) -> Bools:
    """(windows, leaves) whether somebody is known to use their model in their feature."""
    return np.stack([summed(row, leaves.use, len(leaves.uses))[leaves.use] > 0 for row in known.astype(np.float64)])


def _is_known(age: Numbers) -> Bools:
    """(windows, leaves) which are old enough to be compared with themselves."""
    return np.asarray(age[None] >= np.maximum(LEAST_AGE, 2 * np.array(MINUTES))[:, None])


def young_edge(edge: Floats, leaves: Leaves) -> Floats:
    """(windows, leaves) likewise from the third day on: of what is new that of the others, 0 where there are none."""
    others = np.stack([summed(row, leaves.parent, len(leaves.parents))[leaves.parent] for row in edge])
    return np.where(edge > 0, edge, others)


def common_rise(sums: Floats, edge: Floats, leaves: Leaves) -> Floats:
    """(windows, 1) how many times its edge a fifth of the tenants, two at least, hold at once; never below one."""
    known = np.isfinite(edge) & (edge > 0)
    rank = max(LEAST_ALIKE, math.ceil(ALIKE * len(leaves.tenants)))
    if rank > len(leaves.tenants):
        return np.ones((len(edge), 1))
    held, due = (
        np.stack([summed(row, leaves.tenant, len(leaves.tenants)) for row in np.where(known, values, 0)])
        for values in (sums, edge)
    )
    times = np.where(due > 0, held / np.maximum(due, TINY), 0)
    return np.asarray(np.maximum(np.partition(times, -rank, axis=1)[:, -rank, None], 1.0))


def raised(need: Floats, signal: str, window: int, days: float, budget: float) -> Floats:
    """The bars of series while there are so many days of history; ``budget``: false alerts per tenant-week."""
    if days >= LEAST_DAYS:
        return need * max(1.0, KNOWN_DAYS / days)
    least = LEAST_BARS.get((signal, window))
    return need * TIMES if least is None else np.maximum(need, least * (OFTEN / budget) ** STRICTER)
