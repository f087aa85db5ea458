"""How well health incidents are found, and how often nothing is told of: weeks of minutes, labelled incidents.

    python -m benchmarks.health                         # worlds 11 to 14 at 0.5 and 0.1
    python -m benchmarks.health --worlds 1 2 --budget 0.5 --quiet

Three weeks of 12 tenants a world (``world.py``); notifications count from the third day on. The detectors are those of
the worker, minute by minute. ``--quiet`` leaves the incidents out: then everything that is told is false.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from alerts.health.bars import bar_for
from alerts.health.places import Scope
from alerts.health.table import CALLS
from alerts.health.troubles import Trouble, Troubles
from alerts.health.vitals import Body, follow
from benchmarks.clock import machine
from benchmarks.health.incidents import DAY, FIRST, SIGNALS, Incident
from benchmarks.health.world import TENANTS, World, days_of, world_of

GRACE = 30
BEGIN = FIRST + 2 * DAY
CALM = {"": 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An incident, minutes until it was told (None = never), and whether its scope was named."""

    incident: Incident
    after: int | None
    named: bool


def main() -> None:
    """Print what was found and what was false."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, nargs="+", default=[11, 12, 13, 14])
    parser.add_argument("--budget", type=float, nargs="+", default=[0.5, 0.1])
    parser.add_argument("--weeks", type=int, default=3)
    parser.add_argument("--quiet", action="store_true", help="no incidents")
    parser.add_argument("--show", action="store_true", help="print what was false")
    args = parser.parse_args()
    print(machine())
    for budget in args.budget:
        found: list[Found] = []
        false: list[Trouble] = []
        again = 0
        began, minutes = time.process_time(), 0
        for seed in args.worlds:
            world = world_of(seed, args.weeks, quiet=args.quiet)
            told = troubles_of(world, budget)
            one, wrong, more = score(world, told)
            found += one
            false += wrong
            again += more
            minutes += 7 * DAY * world.weeks
        weeks = sum((7 * args.weeks - 2) / 7 * TENANTS for _ in args.worlds)
        print(f"\nat most {budget} false per tenant-week (bar {bar_for(budget):.2f})")
        _print(found, again)
        kinds = ", ".join(f"{name} {count}" for name, count in Counter(one.signal for one in false).most_common())
        print(f"  false per tenant-week {len(false) / weeks:.3f} ({len(false)}: {kinds})")
        print(f"  {(time.process_time() - began) / minutes * 1000:.2f} ms a minute, the world's making included")
        if args.show:
            for trouble in false:
                print("   ", trouble.signal, dict(trouble.scope), trouble.opened - FIRST, f"{trouble.beyond:.3f}")


def troubles_of(world: World, budget: float) -> list[Trouble]:
    """What would be told, in order."""
    body, troubles = Body(budget), Troubles(all=[])
    told: list[Trouble] = []
    for blocks in days_of(world, body):
        before = len(troubles.all)
        follow(body, troubles, blocks, CALM, may_begin=blocks[CALLS].minute >= BEGIN)
        for one in troubles.all[before:]:
            told.append(one)
            if "tenant" in one.scope:
                name = one.scope["tenant"]
                troubles.told_at = {**troubles.told_at, name: [*troubles.told_at.get(name, ()), one.opened]}
        minute = blocks[CALLS].minute
        troubles.all = [one for one in troubles.all if one.is_open or minute < (one.resolved or minute) + DAY]
    return told


def score(world: World, told: list[Trouble]) -> tuple[list[Found], list[Trouble], int]:
    """Incidents with the first notice of each; false notices; how many notices were about what was told already."""
    found: list[Found] = []
    about: set[int] = set()
    again = 0
    for incident in world.incidents:
        mine = [one for one in told if _is_about(one, incident)]
        right = [one for one in mine if one.signal in SIGNALS[incident.kind]]
        about |= {id(one) for one in mine}
        again += max(len(mine) - 1, 0)
        first = right[0] if right else None
        found.append(
            Found(
                incident=incident,
                after=None if first is None else first.opened + 1 - incident.start,
                named=first is not None and _names(first.scope, incident),
            )
        )
    return found, [one for one in told if id(one) not in about], again


def _is_about(one: Trouble, incident: Incident) -> bool:
    lane = incident.lane
    in_time = incident.start <= one.opened < incident.end + GRACE
    if incident.kind == "provider outage":
        return in_time and one.scope.get("model", lane.model) == lane.model
    return in_time and one.scope.get("tenant", lane.tenant) == lane.tenant


def _names(scope: Scope, incident: Incident) -> bool:
    """Whether it names the model of an outage and no tenant; the tenant of everything else."""
    if incident.kind == "provider outage":
        return "tenant" not in scope and scope.get("model") == incident.lane.model
    return scope.get("tenant") == incident.lane.tenant


def _print(found: list[Found], again: int) -> None:
    if not found:
        return
    after = [one.after for one in found if one.after is not None]
    print(
        f"  recall {len(after) / len(found):.2f}, minutes to detect median {np.median(after):.0f}, "
        f"p90 {np.quantile(after, 0.9):.0f}; named {np.mean([one.named for one in found if one.after]):.2f}; "
        f"notifications more than one an incident {again / len(found):.2f}"
    )
    for kind in SIGNALS:
        mine = [one for one in found if one.incident.kind == kind]
        times = [one.after for one in mine if one.after is not None]
        median = f"median {np.median(times):.0f} min" if times else ""
        print(f"  {kind:18} {len(times)}/{len(mine)} {median}")


if __name__ == "__main__":
    main()
