"""What people said of alerts about a scope, as bars heed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.signals.causes import Scope, is_within
from alerts.signals.leaves import Leaf

FORGET = 0.5 ** (1 / (30 * 1440))  # of minutes: 30 days


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Of a scope: scores must be so many ``times`` as high, and excess more than ``least_usd``, since minute ``at``."""

    scope: Scope
    at: int
    times: float = 1.0
    least_usd: float = 0.0


def times_for(tunings: Sequence[Tuning], leaf: Leaf, minute: int) -> float:
    """By how much its bars are higher."""
    found = 1.0
    for one in tunings:
        if is_within(leaf, one.scope):
            found *= one.times ** (FORGET ** max(minute - one.at, 0))
    return found


def least_usd_for(tunings: Sequence[Tuning], leaf: Leaf) -> float:
    """What its excess must be more than."""
    return max((one.least_usd for one in tunings if is_within(leaf, one.scope)), default=0.0)
