"""The first week and a day: what is a habit of every night or every Monday is not known yet, and everybody has them.

So the budget is kept by count. Of all tenants together as many notifications are told as the budget allows in the days
that are known, one at least; each one beyond must be as many times as odd: who has heard two where one was allowed
hears a third only at three times the bar.
"""

from __future__ import annotations

KNOWN_DAYS = 8.0
"""A job of every week is new until a week and a day are known."""
WEEK_DAYS = 7.0


def times_while_young(heard: float, *, budget: float, tenants: int, days: float) -> float:
    """How many times its bar the next must score.

    ``heard``: notifications so far; ``budget``: false ones per tenant-week; ``days`` of history.
    """
    if days >= KNOWN_DAYS:
        return 1.0
    return max((heard + 1) / max(budget * tenants * days / WEEK_DAYS, 1.0), 1.0)
