"""Find the bars of ``alerts.signals.bars``: a search that moves one bar at a time, on training worlds alone.

    python -m benchmarks.spend.fit                       # seeds 1 to 6, budgets 0.5 and 0.1: some 20 minutes
    python -m benchmarks.spend.fit --train 1 2 --budget 0.5

A bar is moved by two fifths, later by a seventh, as long as the worth grows: recall and a third of the dollars ahead,
less for slowness; false alerts above nine tenths of the budget cost more than anything brings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from alerts.signals.bars import PRICE_BAR, Bars, bars_for
from alerts.signals.kinds import FLOORS, PRICE
from benchmarks.spend.ours import Recorded, record
from benchmarks.spend.plans import Incident, world_of
from benchmarks.spend.score import Score, score

STEPS = (1.4, 1.4, 1.15)
MARGIN = 0.9
AHEAD, MEDIAN, P90, FALSE = 0.3, 0.006, 0.0001, 20.0
"""What dollars ahead, minutes and false alerts are worth, of recall."""
SLOW, SLOWEST = 60, 1440
Worlds = Sequence[tuple[Sequence[Incident], Recorded]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--budget", type=float, nargs="+", default=[0.5, 0.1])
    args = parser.parse_args()
    worlds = [(world.incidents, record(world)) for world in map(world_of, args.train)]
    for budget in args.budget:
        bars, found = search(worlds, budget)
        print(f"\nat most {budget} false per tenant-week, on seeds {args.train}")
        print(" ".join(f"{key} {value:.3g}" for key, value in found.figures().items()))
        for (signal, window), bar in bars.items():
            print(f"  {signal:16} {window:4} {bar:.3g}")


def search(worlds: Worlds, budget: float) -> tuple[Bars, Score]:
    """The best bars that are found from those of the product."""
    bars = dict(bars_for(budget))
    most, found = worth(worlds, bars, budget)
    for step in STEPS:
        for key in [key for key in bars if key[0] != PRICE]:
            for times in (1 / step, step):
                while True:
                    tried = {**bars, key: max(bars[key] * times, FLOORS[key]), (PRICE, 15): PRICE_BAR}
                    worthy, its = worth(worlds, tried, budget)
                    if worthy <= most:
                        break
                    most, found, bars = worthy, its, tried
    return bars, found


def worth(worlds: Worlds, bars: Bars, budget: float) -> tuple[float, Score]:
    """What bars are worth, and their score."""
    scores = [score(incidents, recorded.lines(budget, bars)) for incidents, recorded in worlds]
    found = sum(scores[1:], scores[0])
    told = found.figures()
    slow = MEDIAN * min(told["minutes_median"], SLOW) + P90 * min(told["minutes_p90"], SLOWEST)
    false = FALSE * max(0.0, told["false_per_tenant_week"] - MARGIN * budget)
    return told["recall"] + AHEAD * told["dollars_ahead"] - slow - false, found


if __name__ == "__main__":
    main()
