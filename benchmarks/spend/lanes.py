"""Who spends in the simulated world: tenants, and their lanes of traffic with rates, token counts and prices.

A lane is what one principal of a tenant asks of one model for one feature. Its calls come as a Poisson process whose
rate follows the hours and the weekdays of the tenant's time zone, grows by the week and wanders; tokens of a call are
heavy-tailed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Random = np.random.Generator

HOUR = 60
DAY = 24 * HOUR
WEEK = 7 * DAY
MINUTES = 5 * WEEK
TENANTS = 40
SERIES = 140
SPARSE = 0.3
"""Share of the lanes that see a call in an hour rather than in a minute."""
BATCHED = 0.12
"""Share of the lanes that have a recurring job as well."""


@dataclass(frozen=True, slots=True)
class Model:
    """Prices in USD per million tokens. ``dear`` models are what calls are misrouted to, and keys are stolen for."""

    provider: str
    input: float
    cached: float
    output: float
    dear: bool = False


MODELS: Mapping[str, Model] = {
    "swift-1-mini": Model("alpha", 0.15, 0.075, 0.6),
    "swift-1": Model("alpha", 2.5, 1.25, 10.0),
    "swift-1-max": Model("alpha", 15.0, 7.5, 60.0, dear=True),
    "verse-3-small": Model("beta", 0.8, 0.08, 4.0),
    "verse-3": Model("beta", 3.0, 0.3, 15.0),
    "verse-3-grand": Model("beta", 15.0, 1.5, 75.0, dear=True),
    "quill-2-flash": Model("gamma", 0.3, 0.03, 2.5),
    "quill-2-pro": Model("gamma", 1.25, 0.125, 10.0),
}
"""None is in any price table: what is paid stands in the columns."""
CHEAP = tuple(name for name, model in MODELS.items() if not model.dear)
DEAR = tuple(name for name, model in MODELS.items() if model.dear)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a lane is known by in the usage."""

    tenant: str
    feature: str | None
    model: str
    principal: str | None


@dataclass(slots=True, kw_only=True)
class Lane:
    """``rate`` is calls a minute, by minute of the world; means are tokens a call, ``spread`` is of their logarithm."""

    key: Key
    rate: Floats
    input_mean: float
    output_mean: float
    spread: float
    cached_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """``lanes``: places in the world's list."""

    name: str
    clock: Floats
    lanes: tuple[int, ...]


def clock_of(random: Random) -> Floats:
    """How busy each minute is, mean about 1 in a weekday's busy hours, by time zone, kind of users and weekend."""
    zone = int(random.integers(-8, 10)) * HOUR
    local = (np.arange(MINUTES) + zone) % DAY / HOUR
    kind = random.choice(["office", "evening", "flat"], p=[0.6, 0.25, 0.15])
    shape = {
        "office": 0.08 + np.exp(-(((local - 10.5) / 2.4) ** 2)) + 0.9 * np.exp(-(((local - 15.2) / 2.2) ** 2)),
        "evening": 0.15 + np.exp(-(((local - 20.0) / 3.2) ** 2)) + 0.5 * np.exp(-(((local - 12.5) / 2.5) ** 2)),
        "flat": 0.7 + 0.3 * np.sin((local - 8) / 24 * 2 * np.pi),
    }[str(kind)]
    weekend = (np.arange(MINUTES) + zone) // DAY % 7 >= 5
    quiet = {"office": random.uniform(0.08, 0.4), "evening": random.uniform(0.9, 1.4), "flat": random.uniform(0.6, 1.0)}
    return np.asarray(shape * np.where(weekend, quiet[str(kind)], 1.0))


def wander(random: Random, sigma: float) -> Floats:
    """A factor about 1 that strays over some tens of minutes (autoregressive in its logarithm)."""
    step = 5
    size = MINUTES // step + 2
    keep = 0.93
    shocks = random.standard_normal(size) * sigma * np.sqrt(1 - keep**2)
    log = np.empty(size)
    log[0] = random.standard_normal() * sigma
    for place in range(1, size):
        log[place] = keep * log[place - 1] + shocks[place]
    smooth = np.interp(np.arange(MINUTES), np.arange(size) * step, log)
    return np.asarray(np.exp(smooth - sigma**2 / 2))


def lane_of(key: Key, clock: Floats, random: Random, *, sparse: bool) -> Lane:
    """A lane like any other of its tenant."""
    rate = random.uniform(0.004, 0.05) if sparse else min(1.2 * random.lognormal(0, 1.2), 40.0)
    growth = np.exp(random.uniform(-0.02, 0.08) * np.arange(MINUTES) / WEEK)
    if random.random() < BATCHED:
        clock = clock + _jobs(random)
    return Lane(
        key=key,
        rate=rate * clock * growth * wander(random, random.uniform(0.1, 0.3)),
        input_mean=float(random.lognormal(np.log(1800), 0.8)) * (3 if sparse else 1),
        output_mean=float(random.lognormal(np.log(280), 0.6)) * (2 if sparse else 1),
        spread=random.uniform(0.5, 1.1),
        cached_share=random.choice([0.0, random.uniform(0.1, 0.7)]),
    )


def _jobs(random: Random) -> Floats:
    """A job of every night, or of one night a week: half an hour or an hour of many calls."""
    starts = int(random.integers(0, DAY))
    lasts = int(random.integers(20, 90))
    times = random.uniform(4, 20)
    every = DAY if random.random() < 0.7 else WEEK
    busy = np.zeros(MINUTES)
    for first in range(starts, MINUTES, every):
        begin = max(first + int(random.normal(0, 3)), 0)
        busy[begin : begin + lasts] += times * random.lognormal(0, 0.25)
    return busy


def tenants_of(random: Random) -> tuple[list[Tenant], list[Lane]]:
    """Forty tenants with some 140 lanes."""
    lanes: list[Lane] = []
    tenants = []
    shares = random.dirichlet(np.full(TENANTS, 1.5)) * (SERIES - TENANTS)
    for number in range(TENANTS):
        name, clock = f"tenant-{number:02d}", clock_of(random)
        mine = []
        for of_tenant in range(1 + round(shares[number])):
            feature = f"feature-{of_tenant // 2}"
            key = Key(
                tenant=name,
                feature=feature,
                model=str(random.choice(CHEAP if random.random() < 0.9 else DEAR)),
                principal=f"key-{number:02d}-{random.integers(1, 4)}",
            )
            if any(lanes[place].key == key for place in mine):
                continue
            mine.append(len(lanes))
            lanes.append(lane_of(key, clock, random, sparse=random.random() < SPARSE))
        tenants.append(Tenant(name=name, clock=clock, lanes=tuple(mine)))
    return tenants, lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Sums by minute from ``first`` on: calls, tokens, and USD. Arrays of equal length."""

    first: int
    calls: Counts
    input: Counts
    cached: Counts
    output: Counts


def draw(lane: Lane, rate: Floats, first: int, random: Random) -> Calls:
    """The calls that come at this rate (calls a minute, from minute ``first`` on)."""
    calls = random.poisson(rate)
    total = int(calls.sum())
    normal = random.standard_normal
    size = lane.spread
    of_call = np.repeat(np.arange(calls.size), calls)
    asked = lane.input_mean * np.exp(size * normal(total) - size**2 / 2)
    told = lane.output_mean * np.exp(size * normal(total) - size**2 / 2)
    cached = np.where(random.random(total) < 0.8, asked * lane.cached_share, 0)

    def by_minute(tokens: Floats) -> Counts:
        return np.bincount(of_call, np.maximum(np.rint(tokens), 0), calls.size).astype(np.int64)

    return Calls(first=first, calls=calls, input=by_minute(asked), cached=by_minute(cached), output=by_minute(told))


def cost(calls: Calls, model: str) -> Floats:
    """USD by minute at the model's prices."""
    price = MODELS[model]
    fresh = calls.input - calls.cached
    return np.asarray((fresh * price.input + calls.cached * price.cached + calls.output * price.output) / 1e6)


def pick(random: Random, items: Sequence[Any]) -> Any:
    """One of them, whatever they are."""
    return items[int(random.integers(len(items)))]
