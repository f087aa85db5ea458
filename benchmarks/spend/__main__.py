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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.clock import machine
from benchmarks.spend.plans import Incident, world_of
from benchmarks.spend.rivals import RIVALS, Scope, Signal, notices, spend_of
from benchmarks.spend.score import Score, score
from benchmarks.spend.world import usage_of

THRESHOLDS = np.geomspace(1.5, 400, 40)


@dataclass(frozen=True, slots=True)
class Case:
    """One world as a rival sees it."""

    incidents: Sequence[Incident]
    scopes: list[Scope]
    signal: Signal


def main() -> None:
    """Print a table for each budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--test", type=int, nargs="+", default=[101, 102, 103, 104, 105, 106])
    parser.add_argument("--budget", type=float, nargs="+", default=[0.5, 0.1])
    args = parser.parse_args()
    print(machine())
    made = {seed: world_of(seed) for seed in [*args.train, *args.test]}
    spend = {seed: spend_of(usage_of(world)) for seed, world in made.items()}
    for name, look in RIVALS.items():
        cases = {seed: Case(world.incidents, spend[seed][0], look(spend[seed][1])) for seed, world in made.items()}
        for budget in args.budget:
            threshold = fit([cases[seed] for seed in args.train], budget)
            _print(name, budget, threshold, total([cases[seed] for seed in args.test], threshold))


def total(cases: Sequence[Case], threshold: float) -> Score:
    """The score of several worlds."""
    scores = [score(case.incidents, notices(case.scopes, case.signal, threshold)) for case in cases]
    return sum(scores[1:], scores[0])


def fit(cases: Sequence[Case], budget: float) -> float:
    """The lowest threshold that keeps the budget."""
    kept = [one for one in THRESHOLDS if total(cases, one).false_per_tenant_week <= budget]
    return float(min(kept, default=THRESHOLDS[-1]))


def _print(name: str, budget: float, threshold: float, found: Score) -> None:
    figures = " ".join(f"{key} {value:.3g}" for key, value in found.figures().items())
    kinds = " ".join(f"{kind} {told}/{known}" for kind, (told, known) in found.recall_of().items())
    print(f"\n{name}, at most {budget} false per tenant-week (threshold {threshold:.3g})\n  {figures}\n  {kinds}")


if __name__ == "__main__":
    main()
