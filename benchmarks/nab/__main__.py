"""How well our detector of metrics finds the anomalies of NAB, beside windowedGaussian and what others published.

    python -m benchmarks.nab                                # NAB in ../shared/data/nab
    python -m benchmarks.nab --data ~/NAB --scores-out scores
    python -m benchmarks.nab --halves 300                   # constants chosen on one half, shown on the other: 3 min

58 series, 116 labelled windows, three profiles; one threshold for all series, chosen as NAB chooses it. Exit code 1:
windowedGaussian is not what was published, so our scorer is wrong, or ours misses its target. 2: no NAB is there.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from alerts.metric.kernel import WIDTH
from benchmarks.clock import cost_of, machine, median
from benchmarks.nab.corpus import DEFAULT, Corpus, Floats, NoCorpus, Series, read
from benchmarks.nab.ours import halves, many_us, scores_of
from benchmarks.nab.rivals import windowed_gaussian
from benchmarks.nab.score import Score, best, points

OURS, RIVAL = "alerts.metric", "windowedGaussian"
STANDARD = "standard"
TARGET, TARGET_US = 58.0, 10.0
SAME = 0.1
ROUNDS = 5
Scores = dict[str, Floats]


def main() -> int:
    """Print the table; -> the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT, help="a checkout of NAB (%(default)s)")
    parser.add_argument("--scores-out", type=Path, help="write timestamp,anomaly_score of ours, a file a series")
    parser.add_argument("--halves", type=int, default=0, metavar="N", help="try N sets of constants on half the series")
    args = parser.parse_args()
    try:
        corpus = read(args.data)
    except NoCorpus as error:
        print(error, file=sys.stderr)
        return 2
    print(machine())
    ours, ours_us = _run(corpus, scores_of, ROUNDS)
    rival, rival_us = _run(corpus, lambda series: windowed_gaussian(series.values), 1)
    scored, told = _scored(corpus, ours), _scored(corpus, rival)
    _print(corpus, scored, ours_us, told, rival_us)
    if args.scores_out:
        _write(args.scores_out, corpus.series, ours)
    if args.halves:
        _print_halves(corpus, args.halves)
    return _verdict(corpus, scored, ours_us, told)


def _run(corpus: Corpus, detect: Callable[[Series], Floats], rounds: int) -> tuple[Scores, float]:
    """Scores by series, and CPU microseconds a point: the median of rounds, compiled before."""
    scores = {series.name: detect(series) for series in corpus.series}
    cost = median(cost_of(lambda: [detect(series) for series in corpus.series]) for _ in range(rounds))
    return scores, cost.cpu_s / sum(len(series.values) for series in corpus.series) * 1e6


def _scored(corpus: Corpus, scores: Scores) -> dict[str, Score]:
    """By profile."""
    where = points(corpus.series)
    judged = np.concatenate([scores[series.name][series.probation :] for series in corpus.series])
    return {name: best(where, judged, profile) for name, profile in corpus.profiles.items()}


def _print(corpus: Corpus, ours: dict[str, Score], ours_us: float, rival: dict[str, Score], rival_us: float) -> None:
    names = list(corpus.profiles)
    print(f"\n{'':36}" + "".join(f"{name:>20}" for name in names) + f"{'us a point':>12}")
    for label, scored, us in ((f"{OURS} (ours)", ours, ours_us), (f"{RIVAL}, written anew", rival, rival_us)):
        print(f"{label:36}" + "".join(f"{scored[name].value:20.2f}" for name in names) + f"{us:12.3f}")
    for label, told in sorted(corpus.published.items(), key=lambda one: -one[1][STANDARD]):
        print(f"{f'{label}, published':36}" + "".join(f"{told[name]:20.2f}" for name in names))
    print("\nthresholds of ours: " + ", ".join(f"{name} {ours[name].threshold:.4f}" for name in names))
    print(f"state {8 * WIDTH} bytes a series; 100,000 series a minute at once: {many_us(ROUNDS):.3f} us a value")


def _print_halves(corpus: Corpus, tries: int) -> None:
    for label, found in zip(("odd", "even"), halves(corpus.series, corpus.profiles[STANDARD], tries), strict=True):
        print(
            f"chosen on {label} files: {found.chosen_on:.2f} there, {found.shown_on:.2f} on the others "
            f"(the defaults, threshold from the {label} ones: {found.default_on:.2f}); {found.constants}"
        )


def _write(folder: Path, many: Sequence[Series], scores: Scores) -> None:
    for series in many:
        path = folder / series.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(("timestamp", "anomaly_score"))
            rows.writerows(zip(series.stamps, scores[series.name].tolist(), strict=True))


def _verdict(corpus: Corpus, ours: dict[str, Score], ours_us: float, rival: dict[str, Score]) -> int:
    published = corpus.published.get(RIVAL)
    wrong = published and any(abs(rival[name].value - published[name]) > SAME for name in corpus.profiles)
    missed = ours[STANDARD].value < TARGET or ours_us > TARGET_US
    if wrong:
        print(f"{RIVAL} is not what was published: the scorer is wrong", file=sys.stderr)
    if missed:
        print(f"target missed: {TARGET:g} with at most {TARGET_US:g} us a point", file=sys.stderr)
    return int(bool(wrong) or missed)


if __name__ == "__main__":
    sys.exit(main())
