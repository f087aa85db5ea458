"""How well spend incidents are found, beside what is usually done: weeks of minutes, labelled incidents.

    python -m benchmarks.spend                          # thresholds on seeds 1 to 3, figures on seeds 101 to 106
    python -m benchmarks.spend --train 1 2 --test 101 --budget 0.5 0.1

Five weeks of minutes of 40 tenants with about 140 lanes a seed (``lanes.py``), some 40 incidents and as many benign
events (``plans.py``). For each contestant and budget of false notifications per tenant-week: the threshold that keeps
the budget on the training seeds, and its figures on the test seeds: recall of incidents of 1 USD and more, dollars in
found incidents and those still ahead, precision, minutes to detect, causes named, false notifications.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.clock import machine
from benchmarks.spend import ours
from benchmarks.spend.plans import Incident, World, world_of
from benchmarks.spend.rivals import RIVALS, Scope, Signal, notices, spend_of
from benchmarks.spend.score import Notice, Score, score
from benchmarks.spend.world import usage_of

OURS = "alerts.signals"
THRESHOLDS = np.geomspace(1.5, 400, 40)
FACTORS = np.geomspace(0.5, 8, 40)
Look = Callable[[float], tuple[Sequence[Incident], Iterable[Notice]]]
"""Threshold -> the incidents of a world and what a contestant tells of it."""


def main() -> None:
    """Print a table for each contestant and budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--test", type=int, nargs="+", default=[101, 102, 103, 104, 105, 106])
    parser.add_argument("--budget", type=float, nargs="+", default=[0.5, 0.1])
    args = parser.parse_args()
    print(machine())
    looks: dict[str, dict[int, Look]] = {}
    for seed in [*args.train, *args.test]:
        for name, look in contestants(world_of(seed)):
            looks.setdefault(name, {})[seed] = look
    for name, by_seed in looks.items():
        thresholds = FACTORS if name == OURS else THRESHOLDS
        for budget in args.budget:
            threshold = fit([by_seed[seed] for seed in args.train], thresholds, budget)
            _print(name, budget, threshold, total([by_seed[seed] for seed in args.test], threshold))


def contestants(world: World) -> Iterator[tuple[str, Look]]:
    """All of them on a world, each by its name."""
    usage = usage_of(world)
    told = ours.look(usage, world.calendar)
    yield OURS, lambda factor: (world.incidents, ours.notices(told, factor))
    scopes, spend = spend_of(usage)
    for name, look in RIVALS.items():
        signal = look(spend)
        yield name, partial(_rival, world, scopes, signal)


def _rival(
    world: World, scopes: list[Scope], signal: Signal, threshold: float
) -> tuple[Sequence[Incident], Iterable[Notice]]:
    return world.incidents, notices(scopes, signal, threshold)


def total(looks: Sequence[Look], threshold: float) -> Score:
    """The score of several worlds."""
    scores = [score(*look(threshold)) for look in looks]
    return sum(scores[1:], scores[0])


def fit(looks: Sequence[Look], thresholds: Sequence[float] | NDArray[np.float64], budget: float) -> float:
    """The lowest threshold that keeps the budget."""
    kept = [one for one in thresholds if total(looks, one).false_per_tenant_week <= budget]
    return float(min(kept, default=thresholds[-1]))


def _print(name: str, budget: float, threshold: float, found: Score) -> None:
    figures = " ".join(f"{key} {value:.3g}" for key, value in found.figures().items())
    kinds = " ".join(f"{kind} {told}/{known}" for kind, (told, known) in found.recall_of().items())
    print(f"\n{name}, at most {budget} false per tenant-week (threshold {threshold:.3g})\n  {figures}\n  {kinds}")


if __name__ == "__main__":
    main()
