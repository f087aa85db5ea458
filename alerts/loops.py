"""A loop is one incident: what it spends as well is told beside it only where it becomes critical."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from alerts.health.table import STEPS
from alerts.incidents import Incident, Scope

AFTER = timedelta(hours=3)
"""Its spend may be told for as long after its end: windows of spend are longer."""


def part_of_loops(incidents: Iterable[Incident], now: datetime) -> Callable[[Scope], bool]:
    """Whether a loop that people were told of has all of a scope."""
    loops = [
        one.opened.scope.as_dict().items()
        for one in incidents
        if one.opened.signal == STEPS and (one.is_open or now < one.last.window_end + AFTER)
    ]
    return lambda scope: any(loop <= scope.as_dict().items() for loop in loops)
