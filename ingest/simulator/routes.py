"""Which way a router sends the calls of a feature that has one.

A small part of the tasks goes by a ``canary``, which answers a little sooner, all others by the ``primary`` way; what
is tried again goes by the ``fallback``.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.simulator.catalog import Feature
    from ingest.simulator.tasks import Call

PRIMARY, CANARY, FALLBACK = "primary", "canary", "fallback"
CANARY_SHARE = 0.2
_PACE = {CANARY: 0.85}
"""How long an answer takes, where not as long as by the others."""


def draw_route(feature: Feature, rng: Random) -> str | None:
    """By which way a task goes; None without a router."""
    if not feature.routed:
        return None
    return CANARY if rng.random() < CANARY_SHARE else PRIMARY


def send(call: Call, route: str | None, attempt: int) -> Call:
    """An attempt at ``call`` of a task that goes by ``route``."""
    way = FALLBACK if route and attempt > 1 else route
    return replace(call, route=way, ttft_ns=None if call.ttft_ns is None else int(call.ttft_ns * pace_of(way)))


def pace_of(route: str | None) -> float:
    """How long an answer takes by this way, as a share of the usual time."""
    return _PACE.get(route or "", 1.0)
