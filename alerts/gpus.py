"""Model servers that are full, or that nobody asks, as incidents: by model, from what the servers say themselves.

Rules, no statistics: a queue is full or it is not. ``gpu_saturated`` is on while servers of a model are full in most of
the last ten minutes and were not in most of the day; ``gpu_idle`` when nobody has asked them for a whole day. Incidents
name the model and no tenant: GPUs are the operator's, so who may see some tenants only does not see them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.events import WARNING
from alerts.health.table import IDLE, SATURATED
from alerts.health.words import percent
from alerts.incidents import Scope, Subject
from alerts.rules import Case

RECENT, DAY = timedelta(minutes=10), timedelta(days=1)
LEAST_MOMENTS = 10
"""Samples of late from which anything is said: ten minutes of one server that is asked every minute."""
FULL, CALM, USUALLY_FULL = 0.8, 0.4, 0.5
"""Shares of moments: full from the first on, over below the second; what always is beyond the third is meant to be."""
KNOWN = timedelta(hours=23)
"""So long a model must be known to be idle."""


def cases_of(loads: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Case]:
    """Two of each model; ``loads``: rows of the question ``gpu-load`` of the last ``DAY``, ``recent`` of ``RECENT``."""
    for load in loads:
        yield _saturated(load, now)
        yield _idle(load, now)


def _saturated(load: Mapping[str, Any], now: datetime) -> Case:
    share = load["recent_full"] / max(load["recent_moments"], 1)
    earlier = load["moments"] - load["recent_moments"]
    usual = (load["full_moments"] - load["recent_full"]) / max(earlier, 1)
    said = (
        f"servers of model {load['model']} are full: requests wait or the KV cache is full in {percent(share)} "
        f"of the last 10 min (usually {percent(usual)}); {', '.join(_seen(load))}"
    )
    return Case(
        subject=Subject(signal=SATURATED, scope=Scope.of({"model": load["model"]})),
        severity=WARNING,
        is_on=load["recent_moments"] >= LEAST_MOMENTS and share >= FULL and usual < USUALLY_FULL,
        is_calm=share < CALM or usual >= USUALLY_FULL,
        window=(now - RECENT, now),
        measured=share,
        usual=usual,
        affected=load["recent_full"],
        said=said,
    )


def _seen(load: Mapping[str, Any]) -> Iterator[str]:
    """What the servers tell; of what none of them tells, nothing."""
    yield _servers(load)
    if (waiting := load["waiting_mean"]) is not None:
        yield f"{waiting:.1f} requests wait for each"
    if (used := load["kv_cache_mean"]) is not None:
        yield f"{percent(used)} of the cache in use"


def _servers(load: Mapping[str, Any]) -> str:
    return "1 server" if load["servers"] == 1 else f"{load['servers']} servers"


def _idle(load: Mapping[str, Any], now: datetime) -> Case:
    busy = load["busy_moments"] / max(load["moments"], 1)
    who = f"nobody asks for model {load['model']}"
    is_known = load["recent_moments"] >= LEAST_MOMENTS and load["first_at"] <= now - KNOWN
    return Case(
        subject=Subject(signal=IDLE, scope=Scope.of({"model": load["model"]})),
        severity=WARNING,
        is_on=is_known and not load["busy_moments"],
        is_calm=load["recent_busy"] > 0 or not load["recent_moments"],
        window=(now - DAY, now),
        measured=busy,
        usual=1.0,
        affected=load["servers"],
        said=f"{who}: {_servers(load)} had no request in 24 h, and what is idle is paid for",
    )
