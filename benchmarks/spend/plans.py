"""What happens in the simulated world besides traffic: what is meant, of which half is announced, and what is not.

Benign: launches of features, campaigns, backfills, new keys, ends of features. Incidents, each with its cause: a retry
loop, a prompt that grew, an agent that runs away, a price that rose, calls that go to a dear model, a leak that grows
by the hour, and a stolen key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.spend.lanes import (
    CHEAP,
    DAY,
    DEAR,
    HOUR,
    MINUTES,
    MODELS,
    WEEK,
    Calls,
    Floats,
    Key,
    Lane,
    Random,
    Tenant,
    cost,
    draw,
    lane_of,
    pick,
    tenants_of,
)

QUIET = 9 * DAY
"""Nothing goes wrong before: who learns needs something to learn from."""
LAST = MINUTES - 2 * DAY
ANNOUNCED = 0.5
DIMENSIONS = ("tenant", "feature", "model", "principal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What went wrong from minute ``first`` to before ``last``, and what it cost beyond what would have been.

    ``touched``: the values of each dimension that it is about; ``cause``: those of which one names it; ``excess``: USD
    of each of its minutes.
    """

    kind: str
    first: int
    last: int
    touched: dict[str, frozenset[str | None]]
    cause: frozenset[tuple[str, str | None]]
    excess: Floats

    @property
    def usd(self) -> float:
        """Excess in all."""
        return float(self.excess.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Calls of a key; ``times``: what their price is multiplied by, by minute of the world."""

    key: Key
    calls: Calls


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that is spent: ``cells`` add up; ``price_times`` is by model; ``calendar`` what was announced."""

    random: Random
    tenants: list[Tenant]
    lanes: list[Lane]
    cells: list[Cell] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    calendar: list[dict[str, Any]] = field(default_factory=list)
    price_times: dict[str, Floats] = field(default_factory=dict)
    busy: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def take(self, tenant: str, first: int, last: int) -> bool:
        """Keep this time of the tenant for one incident; False where there is another around it."""
        mine = self.busy.setdefault(tenant, [])
        if any(first - DAY < end and begin < last + DAY for begin, end in mine):
            return False
        mine.append((first, last))
        return True


def world_of(seed: int) -> World:
    """The world of a seed: the same for the same seed."""
    random = np.random.default_rng(seed)
    tenants, lanes = tenants_of(random)
    world = World(random=random, tenants=tenants, lanes=lanes)
    for plan, times in BENIGN.items():
        for _ in range(times):
            plan(world)
    told = [draw(lane, lane.rate, 0, random) for lane in lanes]
    world.price_times = {model: np.ones(MINUTES) for model in MODELS}
    for plan, times in HARM.items():
        done = 0
        for _ in range(20 * times):
            done += bool(plan(world, told))
            if done == times:
                break
    world.cells += [Cell(key=lane.key, calls=calls) for lane, calls in zip(lanes, told, strict=True)]
    _raise_prices(world)
    return world


# ---- what is meant


def _announce(world: World, kind: str, first: int, last: int, **scope: str | None) -> None:
    if world.random.random() < ANNOUNCED:
        world.calendar.append({"kind": kind, "first": first, "last": last, **scope})


def _ramp(first: int, over: int) -> Floats:
    return np.clip((np.arange(MINUTES) - first) / over, 0.0, 1.0)


def _launch(world: World) -> None:
    """A new feature: over hours or days from nothing to what it will be."""
    tenant, random = pick(world.random, world.tenants), world.random
    first = int(random.integers(WEEK, LAST))
    feature = f"launch-{len(world.lanes)}"
    key = Key(tenant=tenant.name, feature=feature, model=str(pick(random, CHEAP)), principal=f"{tenant.name}-app")
    lane = lane_of(key, tenant.clock, random, sparse=False)
    lane.rate = lane.rate * _ramp(first, int(random.integers(2 * HOUR, 3 * DAY)))
    world.lanes.append(lane)
    _announce(world, "launch", first, first + 4 * DAY, tenant=tenant.name, feature=feature)


def _campaign(world: World) -> None:
    """A feature that has two to four times its calls for hours or two days."""
    random = world.random
    lane = pick(random, world.lanes)
    first, lasts = int(random.integers(WEEK, LAST)), int(random.integers(6 * HOUR, 2 * DAY))
    within = (np.arange(MINUTES) >= first) & (np.arange(MINUTES) < first + lasts)
    lane.rate = lane.rate * (1 + within * _ramp(first, HOUR) * random.uniform(1, 3))
    _announce(world, "campaign", first, first + lasts, tenant=lane.key.tenant, feature=lane.key.feature)


def _backfill(world: World) -> None:
    """A job of two to eight hours beside the traffic, by a key of its own."""
    random = world.random
    like = pick(world.random, world.lanes)
    first, lasts = int(random.integers(WEEK, LAST)), int(random.integers(2 * HOUR, 8 * HOUR))
    principal = f"backfill-{len(world.lanes)}"
    rate = np.zeros(MINUTES)
    rate[first : first + lasts] = max(float(like.rate.mean()), 0.2) * random.uniform(3, 10)
    world.lanes.append(replace(like, key=replace(like.key, principal=principal), rate=rate))
    _announce(world, "backfill", first, first + lasts, tenant=like.key.tenant, feature=like.key.feature)


def _new_key(world: World) -> None:
    """Part of a feature's traffic goes on under another principal, and some is added."""
    random = world.random
    lane = pick(random, world.lanes)
    first, moved = int(random.integers(3 * DAY, LAST)), random.uniform(0.2, 0.8)
    principal = f"key-new-{len(world.lanes)}"
    since = np.arange(MINUTES) >= first
    theirs = lane.rate * since * moved * random.uniform(1.0, 1.3)
    lane.rate = lane.rate * (1 - since * moved)
    world.lanes.append(replace(lane, key=replace(lane.key, principal=principal), rate=theirs))
    _announce(world, "onboarding", first, first + 2 * DAY, tenant=lane.key.tenant, principal=principal)


def _end(world: World) -> None:
    """A feature is taken away."""
    lane = pick(world.random, world.lanes)
    first = int(world.random.integers(2 * WEEK, LAST))
    lane.rate = lane.rate * (np.arange(MINUTES) < first)
    _announce(world, "decommission", first, MINUTES, tenant=lane.key.tenant, feature=lane.key.feature)


BENIGN: dict[Callable[[World], None], int] = {_launch: 6, _campaign: 8, _backfill: 8, _new_key: 12, _end: 4}


# ---- what goes wrong


def _victims(world: World) -> Iterator[tuple[Tenant, str | None, list[int]]]:
    """Tenants in random order, a feature of each, and the places of the lanes of it."""
    for number in world.random.permutation(len(world.tenants)):
        tenant = world.tenants[int(number)]
        feature = world.lanes[int(pick(world.random, tenant.lanes))].key.feature
        yield tenant, feature, [p for p in tenant.lanes if world.lanes[p].key.feature == feature]


def _begin(world: World, rate: Floats, *, anytime: bool = False) -> int:
    """A minute in which the traffic is; any where nobody needs to be there."""
    span = np.arange(QUIET, LAST)
    chances = rate[span]
    if anytime or chances.sum() <= 0:
        return int(pick(world.random, span))
    return int(world.random.choice(span, p=chances / chances.sum()))


def _add(world: World, lane: Lane, rate: Floats, first: int) -> Floats:
    """More calls of a lane; their cost by minute."""
    more = draw(lane, rate, first, world.random)
    world.cells.append(Cell(key=lane.key, calls=more))
    return cost(more, lane.key.model)


def _record(
    world: World, kind: str, first: int, excess: Floats, keys: list[Key], *named: tuple[str, str | None]
) -> bool:
    touched = {name: frozenset(getattr(key, name) for key in keys) for name in DIMENSIONS}
    world.incidents.append(
        Incident(
            kind=kind, first=first, last=first + excess.size, touched=touched, cause=frozenset(named), excess=excess
        )
    )
    return True


def _more(world: World, kind: str, lasts: int, times: Callable[[Floats], Floats], *, one_lane: bool = False) -> bool:
    """More calls of a feature, or of one of its lanes: ``times`` the rate, by minute since the start."""
    tenant, feature, places = next(_victims(world))
    places = places[:1] if one_lane else places
    first = _begin(world, np.sum([world.lanes[place].rate for place in places], axis=0))
    last = min(first + lasts, MINUTES)
    if not world.take(tenant.name, first, last):
        return False
    excess = np.zeros(last - first)
    for place in places:
        lane = world.lanes[place]
        rate = lane.rate[first:last]
        excess += _add(world, lane, rate * times(np.arange(last - first, dtype=np.float64)), first)
    keys = [world.lanes[place].key for place in places]
    named = ("principal", keys[0].principal) if one_lane else ("feature", feature)
    return _record(world, kind, first, excess, keys, named, ("feature", feature))


def _retry_loop(world: World, _: list[Calls]) -> bool:
    return _more(world, "retry_loop", 20, lambda since: np.full(since.size, 2.0))


def _runaway(world: World, _: list[Calls]) -> bool:
    lasts = int(world.random.integers(30, 180))
    return _more(world, "runaway_agent", lasts, lambda since: np.full(since.size, 9.0), one_lane=True)


def _slow_leak(world: World, _: list[Calls]) -> bool:
    lasts = int(world.random.integers(24 * HOUR, 48 * HOUR))
    return _more(world, "slow_leak", lasts, lambda since: 1.05 ** (since / HOUR) - 1)


def _prompt_bloat(world: World, told: list[Calls]) -> bool:
    tenant, feature, places = next(_victims(world))
    first = _begin(world, np.sum([world.lanes[place].rate for place in places], axis=0))
    last = min(first + int(world.random.integers(12 * HOUR, 48 * HOUR)), MINUTES)
    if not world.take(tenant.name, first, last):
        return False
    excess = np.zeros(last - first)
    for place in places:
        more = np.rint(told[place].input[first:last] * 0.6).astype(np.int64)
        none = np.zeros(more.size, dtype=np.int64)
        cell = Cell(
            key=world.lanes[place].key, calls=Calls(first=first, calls=none, input=more, cached=none, output=none)
        )
        world.cells.append(cell)
        excess += cost(cell.calls, cell.key.model)
    keys = [world.lanes[place].key for place in places]
    return _record(world, "prompt_bloat", first, excess, keys, ("feature", feature), ("model", keys[0].model))


def _misrouting(world: World, told: list[Calls]) -> bool:
    tenant, feature, places = next(_victims(world))
    places = [place for place in places if world.lanes[place].key.model in CHEAP][:1]
    if not places:
        return False
    lane, calls = world.lanes[places[0]], told[places[0]]
    first = _begin(world, lane.rate)
    last = min(first + int(world.random.integers(2 * HOUR, 24 * HOUR)), MINUTES)
    if not world.take(tenant.name, first, last):
        return False
    span, share = slice(first, last), world.random.uniform(0.5, 1.0)
    gone = world.random.binomial(calls.calls[span], share)
    part = gone / np.maximum(calls.calls[span], 1)
    moved = Calls(
        first=first,
        calls=gone,
        input=np.rint(calls.input[span] * part).astype(np.int64),
        cached=np.rint(calls.cached[span] * part).astype(np.int64),
        output=np.rint(calls.output[span] * part).astype(np.int64),
    )
    for name in ("calls", "input", "cached", "output"):
        getattr(calls, name)[span] -= getattr(moved, name)
    key = replace(lane.key, model=str(pick(world.random, DEAR)))
    world.cells.append(Cell(key=key, calls=moved))
    excess = cost(moved, key.model) - cost(moved, lane.key.model)
    return _record(world, "misrouting", first, excess, [lane.key, key], ("model", key.model), ("feature", feature))


def _leaked_key(world: World, _: list[Calls]) -> bool:
    random = world.random
    tenant, feature, _places = next(_victims(world))
    first = _begin(world, tenant.clock, anytime=True)
    last = min(first + int(random.integers(3 * HOUR, 24 * HOUR)), MINUTES)
    if not world.take(tenant.name, first, last):
        return False
    key = Key(
        tenant=tenant.name,
        feature=pick(random, [None, feature]),
        model=str(pick(random, [*DEAR, "swift-1", "verse-3"])),
        principal=f"stolen-{len(world.incidents)}",
    )
    lane = lane_of(key, tenant.clock, random, sparse=False)
    excess = _add(world, lane, np.full(last - first, random.uniform(1.0, 8.0)), first)
    named = (("principal", key.principal), ("model", key.model))
    return _record(world, "leaked_key", first, excess, [key], *named)


def _price_change(world: World, _: list[Calls]) -> bool:
    """Prices rise for all tenants; what it costs is known when all else is."""
    model = str(pick(world.random, [name for name, times in world.price_times.items() if (times == 1).all()]))
    first = int(world.random.integers(2 * WEEK, LAST))
    last = min(first + int(world.random.integers(DAY, 4 * DAY)), MINUTES)
    world.price_times[model][first:last] = world.random.uniform(1.4, 3.0)
    return True


def _raise_prices(world: World) -> None:
    for model, times in world.price_times.items():
        changed = np.flatnonzero(times != 1)
        if not changed.size:
            continue
        first, last = int(changed[0]), int(changed[-1]) + 1
        excess, keys = np.zeros(MINUTES), []
        for cell in world.cells:
            if cell.key.model == model:
                span = slice(cell.calls.first, cell.calls.first + cell.calls.calls.size)
                excess[span] += cost(cell.calls, model) * (times[span] - 1)
                keys.append(cell.key)
        if keys:
            _record(world, "price_change", first, excess[first:last], keys, ("model", model))


HARM: dict[Callable[[World, list[Calls]], bool], int] = {
    _retry_loop: 8,
    _prompt_bloat: 6,
    _runaway: 8,
    _price_change: 2,
    _misrouting: 5,
    _slow_leak: 6,
    _leaked_key: 6,
}
