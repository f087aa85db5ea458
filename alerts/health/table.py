"""What is watched: one row a signal.

``parts`` of ``whole`` are its share, of a ``quantile`` the calls that are slower than nine in ten usually are. It must
hold ``least`` of the whole and ``least_part`` more (of what falls: fewer) parts than usual, differ by ``points`` from
the usual share and be ``times`` as high (or low). What counts as slow is ``ahead`` bins beyond the one that nine in ten
stay below, and beyond ``least_bin``; its ``unit`` is ms, or none. ``kin``: so many calls of a new series are taken to
be like everybody's; 0 = a series is compared with itself alone, from the second day on. From ``critical_at`` on it is
critical. It is not told where one of ``yields_to`` is: that is its cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from alerts.signals import kinds

DIMENSIONS = ("tenant", "feature", "provider", "model")
"""Of a leaf; checks have no provider, tools no model either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Series that are counted alike: ``dimensions`` of a leaf, and of the sums that are watched beside the leaves."""

    name: str
    dimensions: tuple[str, ...]
    sums: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A row of the table; ``said``: what the parts are, ``of``: what the whole is."""

    name: str
    family: str
    said: str
    of: str = "calls"
    parts: tuple[str, ...] = ()
    whole: str = "calls"
    quantile: str | None = None
    ahead: int = 0
    least_bin: int = 0
    unit: str = "ms"
    falls: bool = False
    least: float = 15
    least_part: float = 5
    points: float = 0.03
    times: float = 2.0
    kin: float = 30
    critical_at: float | None = None
    yields_to: tuple[str, ...] = ()


CALLS, CHECKS, TOOLS = "calls", "checks", "tools"
STEPS = "agent_steps"
MONEY = (kinds.SPEND, kinds.CALLS, kinds.TOKENS)
"""Signals of spend that a loop of an agent raises as well: whichever is told first is told alone."""
FAMILIES: Mapping[str, Family] = {
    one.name: one
    for one in (
        Family(name=CALLS, dimensions=DIMENSIONS, sums=(("tenant",), ("tenant", "feature"), ("provider", "model"))),
        Family(name=CHECKS, dimensions=("tenant", "feature", "model"), sums=(("tenant",),)),
        Family(name=TOOLS, dimensions=("tenant", "feature"), sums=(("tenant",),)),
    )
}


def _errors(name: str, *classes: str, critical_at: float | None = None, points: float = 0.03) -> Signal:
    parts = tuple(f"error {one}" for one in classes)
    return Signal(name=f"errors_{name}", family=CALLS, said="fail", parts=parts, critical_at=critical_at, points=points)


_FAILURES = (
    _errors("rate_limit", "rate_limit", critical_at=0.5),
    _errors("quota", "quota_exceeded", critical_at=0.5),
    _errors("provider", "overloaded", "server_error", "timeout", "network", critical_at=0.5),
    _errors("auth", "auth", "permission", critical_at=0.5),
    _errors("content_filter", "content_filter", "guardrail_blocked", points=0.05),
    _errors("context_length", "context_length_exceeded"),
    _errors("request", "invalid_request", "not_found", "conflict", critical_at=0.5),
    _errors("answer", "parse_error", points=0.05),
    _errors("other", "unknown"),
)
_FAILED = tuple(one.name for one in _FAILURES)
SIGNALS: tuple[Signal, ...] = (
    *_FAILURES,
    Signal(name="retry_share", family=CALLS, said="are retries", parts=("retries",), yields_to=_FAILED, points=0.05),
    Signal(
        name="ttft_p95",
        family=CALLS,
        said="time to first token",
        quantile="ttft",
        kin=0,
        points=0.15,
        yields_to=_FAILED,
    ),
    Signal(
        name="duration_p95",
        family=CALLS,
        said="duration",
        quantile="latency",
        kin=0,
        points=0.15,
        yields_to=(*_FAILED, "ttft_p95"),
    ),
    Signal(
        name="cache_share",
        family=CALLS,
        said="comes from the cache",
        of="the input",
        parts=("cached",),
        whole="prompted",
        falls=True,
        kin=0,
        points=0.1,
    ),
    Signal(name="unpriced_share", family=CALLS, said="have no price", parts=("unpriced",), points=0.05),
    Signal(
        name="injections",
        family=CHECKS,
        said="show an injection",
        of="checks",
        parts=("injections",),
        whole="injection_checks",
        points=0.02,
        critical_at=0.2,
    ),
    Signal(name="pii", family=CHECKS, said="show personal data", of="checks", parts=("pii",), whole="pii_checks"),
    Signal(
        name="safety_blocks",
        family=CHECKS,
        said="are blocked",
        of="checks",
        parts=("blocked",),
        whole="checks",
        yields_to=("injections", "pii", "errors_content_filter"),
    ),
    Signal(
        name="safety_triggers",
        family=CHECKS,
        said="find something",
        of="checks",
        parts=("triggered",),
        whole="checks",
        yields_to=("injections", "pii", "safety_blocks", "errors_content_filter"),
    ),
    Signal(
        name="tool_failures",
        family=TOOLS,
        said="fail",
        of="tool calls",
        parts=("tool_failures",),
        whole="tool_calls",
        points=0.05,
    ),
    Signal(
        name="retrieval_failures",
        family=TOOLS,
        said="fail",
        of="retrievals",
        parts=("retrieval_failures",),
        whole="retrievals",
        points=0.05,
    ),
    Signal(
        name=STEPS,
        family=TOOLS,
        said="steps of a task",
        of="steps",
        quantile="steps",
        ahead=2,
        least_bin=6,
        unit="",
        kin=0,
        points=0.05,
        yields_to=(*_FAILED, "retry_share", "tool_failures", "retrieval_failures", *MONEY),
    ),
)
"""The first is told first: others may yield to it."""
SILENCE, NEWCOMER = "silence", "newcomer"
BY_NAME: Mapping[str, Signal] = {one.name: one for one in SIGNALS}
WATCHED = (*BY_NAME, SILENCE)
"""Signals that are judged by the minute."""
FAST_BURN, SLOW_BURN = "slo_fast_burn", "slo_slow_burn"
"""Of objectives (``alerts.burns``)."""
SATURATED, IDLE = "gpu_saturated", "gpu_idle"
"""Of model servers (``alerts.gpus``)."""
HEALTH = frozenset((*WATCHED, NEWCOMER, FAST_BURN, SLOW_BURN, SATURATED, IDLE))
"""All signals of health: what people say of them changes nothing of spend."""


@cache
def signals_of(family: str) -> tuple[Signal, ...]:
    """Those of a family, in the order of the table."""
    return tuple(one for one in SIGNALS if one.family == family)
