"""Weeks of minutes of a platform: how many calls there are, how they fail, how long they take, what guards find.

Nothing is as even as a textbook has it: traffic has days, weekends and noise that stays a while, and is heavy-tailed
over tenants; shares wander and fail in clumps of minutes; rate limits come at the busiest times; latency has a time of
day, minutes that are slow, and a nightly job with long answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.health.counts import BINS, Block, Index
from alerts.health.speeds import STEP
from alerts.health.table import CALLS, CHECKS, FAMILIES, TOOLS
from alerts.health.vitals import Body
from benchmarks.health.incidents import DAY, FIRST, Incident, plan

Floats = NDArray[np.float64]
TENANTS = 12
MODELS = (("openai", "gpt-4o"), ("openai", "gpt-4o-mini"), ("anthropic", "sonnet"), ("google", "flash"))
USUAL = {
    "error rate_limit": (0.004, 0.02),
    "error overloaded": (0.001, 0.01),
    "error server_error": (0.0015, 0.01),
    "error timeout": (0.001, 0.01),
    "error context_length_exceeded": (0.001, 0.005),
    "error content_filter": (0.003, 0.01),
    "error invalid_request": (0.0005, 0.005),
    "error parse_error": (0.004, 0.01),
}
"""Usual share of the calls, and how much it varies between minutes (as rho of a beta-binomial)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A leaf of calls; ``rate``: calls a minute on average."""

    tenant: str
    feature: str
    provider: str
    model: str
    rate: float
    phase_h: float
    weekend: float
    cached: float
    ttft_ms: float
    is_batch: bool

    @property
    def leaf(self) -> tuple[str, ...]:
        """In the order of ``DIMENSIONS``."""
        return (self.tenant, self.feature, self.provider, self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``weeks`` of lanes; incidents begin in the second week."""

    seed: int
    weeks: int
    lanes: tuple[Lane, ...]
    incidents: tuple[Incident, ...]


def world_of(seed: int, weeks: int = 3, *, quiet: bool = False) -> World:
    """The same for the same seed; ``quiet``: without incidents."""
    rng = np.random.default_rng([seed, 7])
    lanes = []
    for tenant in range(TENANTS):
        size = float(np.exp(rng.normal(0.3, 1.6)))
        phase, weekend = float(rng.choice([0, 7, 15])), float(rng.choice([0.15, 0.6, 1.0]))
        for feature in range(int(rng.integers(1, 5))):
            provider, model = MODELS[int(rng.integers(len(MODELS)))]
            lanes.append(
                Lane(
                    tenant=f"t{tenant}",
                    feature=f"f{feature}",
                    provider=provider,
                    model=model,
                    rate=min(size * float(np.exp(rng.normal(0, 1))), 150.0),
                    phase_h=phase,
                    weekend=weekend,
                    cached=float(rng.choice([0.0, 0.3, 0.7])),
                    ttft_ms=float(np.exp(rng.normal(np.log(600), 0.4))),
                    is_batch=bool(rng.random() < 0.1),
                )
            )
    lanes_ = tuple(lanes)
    incidents = () if quiet else plan(rng, lanes_, weeks)
    return World(seed=seed, weeks=weeks, lanes=lanes_, incidents=incidents)


def days_of(world: World, body: Body) -> Iterator[dict[str, Block]]:
    """Every minute as the product's folds take it."""
    numbers = {
        CALLS: [body.folds[CALLS].index.find(lane.leaf) for lane in world.lanes],
        CHECKS: [body.folds[CHECKS].index.find((lane.tenant, lane.feature, None, lane.model)) for lane in world.lanes],
        TOOLS: [body.folds[TOOLS].index.find((lane.tenant, lane.feature, None, None)) for lane in world.lanes],
    }
    matrices = {name: _matrix(body.folds[name].index, rows) for name, rows in numbers.items()}
    own = np.where(body.folds[CALLS].index.is_leaf, matrices[CALLS], 0)
    rngs = [np.random.default_rng([world.seed, place]) for place in range(len(world.lanes))]
    for day in range(7 * world.weeks):
        made = [_lane_day(lane, day, rng, world) for lane, rng in zip(world.lanes, rngs, strict=True)]
        sums = {
            name: {
                measure: np.einsum("lm,ls->ms", np.array([one[measure] for one in made]), matrices[family])
                for measure in measures
            }
            for family, measures in MEASURES.items()
            for name in (family,)
        }
        bins = {
            measure: np.einsum("lmb,ls->mbs", np.array([one[f"{measure} bins"] for one in made]), own)
            for measure in ("ttft", "latency")
        }
        for at in range(DAY):
            minute = FIRST + day * DAY + at
            yield {
                name: Block(
                    minute,
                    1,
                    {measure: values[at] for measure, values in sums[name].items()},
                    {measure: values[at] for measure, values in bins.items()} if name == CALLS else {},
                )
                for name in FAMILIES
            }


_OTHERS = ("error quota_exceeded", "error network", "error auth", "error permission", "error guardrail_blocked")
_OTHERS += ("error not_found", "error conflict", "error unknown")
MEASURES = {
    CALLS: ("calls", "unpriced", "retries", "prompted", "cached", *USUAL, *_OTHERS),
    CHECKS: ("checks", "triggered", "blocked", "pii_checks", "pii", "injection_checks", "injections"),
    TOOLS: ("tool_calls", "tool_failures", "retrievals", "retrieval_failures"),
}


def _matrix(index: Index, rows: list[Any]) -> Floats:
    found = np.zeros((len(rows), len(index.keys)))
    for lane, numbers in enumerate(rows):
        found[lane, numbers] = 1
    return found


def _lane_day(lane: Lane, day: int, rng: np.random.Generator, world: World) -> dict[str, Floats]:
    """(DAY,) by measure, (DAY, BINS) by histogram."""
    at = FIRST + day * DAY + np.arange(DAY)
    mine = [one for one in world.incidents if one.hits(lane) and one.start < at[-1] + 1 and one.end > at[0]]
    hour = (np.arange(DAY) / 60 + lane.phase_h) % 24
    busy = 1 + 0.8 * np.sin(2 * np.pi * (hour - 9) / 24)
    made: dict[str, Floats] = {name: np.zeros(DAY) for names in MEASURES.values() for name in names}
    made["calls"] = calls = _calls(lane, day, rng, (at, hour, busy), mine)
    left = _fail(made, busy, rng, at, mine)
    made["retries"] = _some(rng, calls, (calls - left) / np.maximum(calls, 1) * 0.5)
    made["prompted"] = left
    cached = _changed(mine, "cached", at, np.full(DAY, lane.cached))
    noisy = np.clip(cached + rng.normal(0, 0.25 / np.sqrt(np.maximum(left, 1))), 0, 1)
    made["cached"] = left * np.where(cached > 0, noisy, 0)
    slow = np.exp(0.1 * np.sin(2 * np.pi * (hour - 9) / 24) + _wander(rng, 0.1))
    for one in mine:
        slow = one.slowed(at, slow)
    answer = np.where((hour >= 2) & (hour < 3), 3.0, 1.0) if lane.is_batch else np.ones(DAY)
    made["ttft bins"] = _bins(rng, left, np.log(lane.ttft_ms * slow), 0.28)
    made["latency bins"] = _bins(rng, left, np.log(6 * lane.ttft_ms * slow**0.5 * answer), 0.35)
    made["checks"] = made["injection_checks"] = made["pii_checks"] = left
    for name, usual in (("injections", 0.004), ("pii", 0.01)):
        made[name] = _some(rng, left, _changed(mine, name, at, _share(rng, usual, 0.01)))
    made["triggered"] = np.minimum(made["injections"] + made["pii"], left)
    made["blocked"] = made["injections"]
    made["tool_calls"] = rng.poisson(0.4 * left).astype(np.float64)
    made["tool_failures"] = _some(rng, made["tool_calls"], _changed(mine, "tool_failures", at, _share(rng, 0.02, 0.01)))
    return made


def _calls(
    lane: Lane, day: int, rng: np.random.Generator, when: tuple[Any, Floats, Floats], mine: list[Incident]
) -> Floats:
    at, hour, busy = when
    rate = lane.rate * busy * (lane.weekend if day % 7 >= 5 else 1.0) * np.exp(_wander(rng, 0.25))
    if lane.is_batch:
        rate = np.where((hour >= 2) & (hour < 3), lane.rate * 8, rate * 0.3)
    for one in mine:
        if one.kind == "silence":
            rate = np.where(one.holds(at), 0.0, rate)
    return rng.poisson(np.maximum(rate, 0)).astype(np.float64)


def _fail(made: dict[str, Floats], busy: Floats, rng: np.random.Generator, at: Any, mine: list[Incident]) -> Floats:
    """Adds the errors; what is left."""
    left = made["calls"].copy()
    for name, (usual, rho) in USUAL.items():
        share = _share(rng, usual, rho)
        if name == "error rate_limit":  # at the busiest times, a few minutes at a time
            share = share + np.where((busy > 1.6) & (_wander(rng, 1.0) > 2.2), 0.05, 0.0)
        made[name] = _some(rng, left, _changed(mine, name, at, share))
        left -= made[name]
    return left


def _changed(mine: list[Incident], measure: str, at: Any, share: Floats) -> Floats:
    for one in mine:
        share = one.share_of(measure, at, share)
    return share


def _some(rng: np.random.Generator, whole: Floats, share: Floats) -> Floats:
    return rng.binomial(whole.astype(np.int64), np.clip(share, 0, 1)).astype(np.float64)


def _wander(rng: np.random.Generator, size: float) -> Floats:
    """(DAY,) noise that stays for about half an hour, of this standard deviation."""
    steps = rng.normal(0, 1, DAY // 30 + 2)
    return np.asarray(size * np.interp(np.arange(DAY) / 30, np.arange(len(steps)), steps))


def _share(rng: np.random.Generator, usual: float, rho: float) -> Floats:
    """(DAY,) shares that vary between quarters of hours, about the usual one."""
    size = 1 / rho - 1
    each = rng.beta(usual * size, (1 - usual) * size, DAY // 15)
    return np.repeat(each, 15)


def _bins(rng: np.random.Generator, calls: Floats, center: Floats, scale: float) -> Floats:
    """(DAY, BINS) calls by how long they take: log-logistic, with one in fifty ten times as long."""
    edges = np.log(STEP) * np.arange(BINS - 1)
    below = 0.98 / (1 + np.exp(-(edges - center[:, None]) / scale))
    below += 0.02 / (1 + np.exp(-(edges - center[:, None] - np.log(10)) / scale))
    chances = np.diff(below, prepend=0.0, append=1.0, axis=1)
    return rng.multinomial(calls.astype(np.int64), np.clip(chances, 0, 1)).astype(np.float64)
