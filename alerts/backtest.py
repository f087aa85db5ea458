"""What would have been told of a history of usage, had its minutes come one by one: the production detectors over it.

A line is what was known when it opened; only ``resolved_at`` came later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from alerts.calendar import Event
from alerts.minutes import to_time
from alerts.settings import AlertSettings
from alerts.signals.causes import Scope
from alerts.signals.episode import Episode
from alerts.signals.episodes import Episodes
from alerts.signals.fold import Fold
from alerts.signals.leaves import DIMENSIONS, Leaves
from alerts.usage_file import minutes_of

BUDGET = 0.5
"""False alerts per tenant-week."""
LEAST_USD = 0.15
LEAST_SHARE = AlertSettings().min_excess_percent / 100
"""Of what was expected: as the worker has it by default."""
MICRO = 6
"""Decimals of USD, and of shares, that are told."""


def backtest(
    usage: pa.Table, calendar: Sequence[Event] = (), *, budget: float = BUDGET, least_usd: float = LEAST_USD
) -> list[Episode]:
    """Episodes in the order in which they opened. ``usage``: as ``usage_file.read_usage`` gives it."""
    fold = Fold(Leaves())
    episodes = Episodes(budget, calendar, least_usd=least_usd, least_share=LEAST_SHARE)
    told: list[Episode] = []
    for minute in minutes_of(usage, fold.leaves):
        told += episodes.step(fold.step(minute), fold)
        episodes.close(minute.minute, is_heard=fold.is_heard)
    return told


def as_line(episode: Episode) -> Mapping[str, Any]:
    """One notification as JSON has it: null in the scope is all of them, USD are numbers, times RFC 3339."""
    return {
        "opened_at": _time(episode.opened),
        "resolved_at": None if episode.resolved is None else _time(episode.resolved),
        **_scope(episode.scope),
        "signal": episode.signal,
        "severity": episode.severity,
        "observed_usd": round(episode.observed_usd, MICRO),
        "expected_usd": round(episode.expected_usd, MICRO),
        "excess_usd": round(episode.excess_usd, MICRO),
        "contributors": [
            {**_scope(one.scope), "excess_usd": round(one.excess_usd, MICRO), "share": round(one.share, MICRO)}
            for one in episode.contributors
        ],
    }


def _scope(scope: Scope) -> Mapping[str, str | None]:
    return {name: scope.get(name) for name in DIMENSIONS}


def _time(minute: int) -> str:
    return to_time(minute).isoformat().replace("+00:00", "Z")
