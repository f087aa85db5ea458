"""A price that rose: by how much, and which window holds it.

Until a price changes what is paid is what is due, so a window that reaches back before the change holds no more excess
than one that begins with it, and its share in excess is too low.
"""

from __future__ import annotations

from collections.abc import Sequence

from alerts.signals.windows import LONGEST, MINUTES, QUARTER

NEARLY = 0.9
"""Part of an excess that counts as all of it."""

Paid = tuple[float, float]
"""USD that were paid, and USD that were due at the prices known before."""


def rise_of(score: float, minute: Paid, five: Paid, quarter: Paid, *_: Paid) -> float:
    """By which share more is paid than before, ``score`` at least; sums of the last 1, 5 and 15 minutes.

    It is that of five minutes; while these hold all of the excess, so that it may have begun within them, of the last.
    """
    is_young = _excess(five) >= NEARLY * _excess(quarter)
    paid, due = minute if is_young and minute[1] > 0 else five
    return max(score, paid / due - 1 if due > 0 else 0.0)


def window_of_rise(paid: Sequence[Paid]) -> int:
    """Minutes of the shortest window, from a quarter of an hour on, that holds the excess of the longest.

    ``paid``: in each of ``MINUTES``.
    """
    whole = NEARLY * _excess(paid[LONGEST])
    return next(width for width, one in zip(MINUTES[QUARTER:], paid[QUARTER:], strict=True) if _excess(one) >= whole)


def _excess(paid: Paid) -> float:
    return paid[0] - paid[1]
