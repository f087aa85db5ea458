"""How good forecasts are: simulated series of many kinds against what came, and against two naive rivals.

    python -m benchmarks.forecast                 # 200 series of each kind and length, 30 days ahead
    python -m benchmarks.forecast --series 1000 --ahead 7

For each kind and length of history: how often what came is within the intervals of 80 and 95 of 100, the median of the
error's size against those of the rivals (the mean of the last 28 days; the mean of the same weekday in them), the width
of the 80 % interval over what came, the highest forecast over the largest sum of as many days of history, and how many
intervals have no width. Then CPU milliseconds of a whole outlook, its back-tests included.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.clock import machine
from warehouse.planning.backtest import MOST_GROWN, largest, look_ahead, outlook_of
from warehouse.planning.weekdays import WEEK, Reals

Random = np.random.Generator
Maker = Callable[[int, int, Random], Reals]
"""``(history, ahead, random)``: all days of a series."""
WEEKDAYS = np.array([1.2, 1.2, 1.1, 1.2, 1.0, 0.5, 0.3])
LENGTHS = (14, 21, 35, 60, 120, 182)
FOUR_WEEKS = 28


def noisy(sigma: float, level: Callable[[Reals, int, Random], Reals] | None = None, weekly: bool = True) -> Maker:
    """Lognormal days, mean 1 at any sigma, times a level and weekdays."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        day = np.arange(history + ahead, dtype=np.float64)
        errors = random.lognormal(-(sigma**2) / 2, sigma, day.size)
        week = WEEKDAYS[np.arange(day.size) % WEEK] if weekly else 1.0
        return np.asarray(errors * week * (level(day, history, random) if level else 1.0))

    return make


def shift(factor: float, days: int) -> Callable[[Reals, int, Random], Reals]:
    """Another level since so many days before the end of history."""
    return lambda day, history, _: np.where(day >= history - days, factor, 1.0)


def rise(daily: float) -> Callable[[Reals, int, Random], Reals]:
    """So much more each day."""
    return lambda day, _, __: np.exp(daily * day)


def walk(step: float) -> Callable[[Reals, int, Random], Reals]:
    """A level that wanders by so much a day."""
    return lambda day, _, random: np.exp(step * random.standard_normal(day.size).cumsum())


def gaps(share: float) -> Maker:
    """Days of which so many have spend."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        days = (random.random(history + ahead) < share) * random.lognormal(0, 0.5, history + ahead)
        days[0] = max(days[0], 1.0)
        return np.asarray(days)

    return make


def every(step: int) -> Maker:
    """Spend every so many days."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        day = np.arange(history + ahead)
        return np.asarray((day % step == 0) * random.lognormal(0, 0.5, day.size))

    return make


def silent(days: int, ends: float) -> Maker:
    """Spend each day, but none of the last so many; of so large a share it is over for good."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        found = random.lognormal(0, 0.3, history + ahead)
        found[history - days : history] = 0.0
        if random.random() < ends:
            found[history:] = 0.0
        return found

    return make


def pauses(busy: int, idle: int) -> Maker:
    """So many days of spend, then so many without, from any day on."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        place = (np.arange(history + ahead) + random.integers(0, busy + idle)) % (busy + idle)
        days = (place < busy) * random.lognormal(0, 0.3, history + ahead)
        days[0] = max(days[0], 1.0)
        return np.asarray(days)

    return make


def workdays(history: int, ahead: int, random: Random) -> Reals:
    """Nothing on any Saturday and Sunday."""
    days = random.lognormal(0, 0.3, history + ahead)
    return np.asarray(days * (np.arange(history + ahead) % WEEK < 5))


def tried_before(days: int) -> Maker:
    """One small call, nothing, and spend since so many days."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        found = random.lognormal(0, 0.3, history + ahead)
        found[: history - days] = 0.0
        found[0] = 0.001
        return found

    return make


def calls(a_day: float, sigma: float) -> Maker:
    """A few calls a day, each with its cost: some days none."""

    def make(history: int, ahead: int, random: Random) -> Reals:
        return np.array(
            [
                random.lognormal(0, sigma, many).sum()
                for many in np.append(2, random.poisson(a_day, history + ahead - 1))
            ]
        )

    return make


KINDS: Mapping[str, Maker] = {
    **{f"even {sigma}": noisy(sigma, weekly=False) for sigma in (0.1, 0.3, 0.6, 1.0, 1.3, 1.6, 1.8)},
    **{f"weekly {sigma}": noisy(sigma) for sigma in (0.1, 0.3, 0.6, 1.0, 1.3, 1.6, 1.8)},
    **{f"rise 1 % a day, {sigma}": noisy(sigma, rise(0.01)) for sigma in (0.1, 0.3, 1.0)},
    **{f"rise 0.3 % a day, {sigma}": noisy(sigma, rise(0.003)) for sigma in (0.1, 0.3, 1.0)},
    **{f"fall 1 % a day, {sigma}": noisy(sigma, rise(-0.01)) for sigma in (0.1, 0.3, 1.0)},
    **{f"x 3 ten days ago, {sigma}": noisy(sigma, shift(3, 10)) for sigma in (0.1, 0.3, 1.0)},
    **{f"/ 3 twenty days ago, {sigma}": noisy(sigma, shift(1 / 3, 20)) for sigma in (0.3, 1.0)},
    **{f"x 5 forty days ago, {sigma}": noisy(sigma, shift(5, 40)) for sigma in (0.3, 1.0)},
    **{f"walk {step}, 0.2": noisy(0.2, walk(step)) for step in (0.03, 0.1)},
    **{f"gaps {share}": gaps(share) for share in (0.85, 0.6, 0.3)},
    **{f"silent {days}, half end": silent(days, 0.5) for days in (3, 7, 12)},
    **{f"{busy} on, {idle} off": pauses(busy, idle) for busy, idle in ((7, 21), (21, 7))},
    "workdays": workdays,
    **{f"one call, then {days} days": tried_before(days) for days in (5, 10)},
    "every 2nd": every(2),
    "every 3rd": every(3),
    **{f"{many} calls a day, {sigma}": calls(many, sigma) for many in (2, 5) for sigma in (0.5, 1.5)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of many series of one kind and length; see above. ``against``: the better rival's median error, relative."""

    held_80: float
    held_95: float
    error: float
    against: float
    width: float
    highest: float
    flat: int


def scores_of(make: Maker, history: int, ahead: int, series: int) -> Scores:
    """Of so many series, of fixed seeds."""
    held_80, held_95, flat, highest = 0, 0, 0, 0.0
    errors, widths = [], []
    for seed in range(series):
        days = make(history, ahead, np.random.default_rng((seed, history)))
        known, came = days[:history], float(days[history:].sum())
        middle, low_80, high_80, low_95, high_95 = outlook_of(known, 0, ahead)
        held_80 += low_80 <= came <= high_80
        held_95 += low_95 <= came <= high_95
        flat += high_95 <= low_95
        errors.append([abs(told - came) for told in (middle, *rivals(known, ahead))])
        widths.append((high_80 - low_80) / came if came else 0.0)
        highest = max(highest, middle / largest(known, ahead))
    own, *others = np.median(np.array(errors), axis=0)
    typical = np.median(
        [make(history, ahead, np.random.default_rng((seed, history)))[history:].sum() for seed in range(9)]
    )
    return Scores(
        held_80=held_80 / series,
        held_95=held_95 / series,
        error=float(own / typical) if typical else 0.0,
        against=float(own / min(others)),
        width=float(np.median(widths)),
        highest=highest,
        flat=flat,
    )


def rivals(known: Reals, ahead: int) -> tuple[float, float]:
    """The sum by the mean of the last four weeks, and by that of each weekday in them."""
    recent = known[-FOUR_WEEKS:]
    weekday = np.arange(known.size)[-FOUR_WEEKS:] % WEEK
    to_come = np.arange(known.size, known.size + ahead) % WEEK
    return float(recent.mean() * ahead), float(sum(recent[weekday == day].mean() for day in to_come))


def lines(series: int, ahead: int, wanted: str) -> Iterator[str]:
    """The table, row by row: of each kind all lengths together, then each."""
    yield f"{'kind':24} {'days':>4}    80   95  error  /rival  width  highest  flat"
    for name, make in KINDS.items():
        if wanted in name:
            found = [scores_of(make, history, ahead, series) for history in LENGTHS]
            yield row(name, "all", together(found))
            yield from (row("", str(history), one) for history, one in zip(LENGTHS, found, strict=True))


def together(found: Sequence[Scores]) -> Scores:
    """Of several lengths: means, of the errors against rivals the geometric one, and the highest."""
    return Scores(
        held_80=float(np.mean([one.held_80 for one in found])),
        held_95=float(np.mean([one.held_95 for one in found])),
        error=float(np.mean([one.error for one in found])),
        against=float(np.exp(np.mean(np.log([max(one.against, 0.01) for one in found])))),
        width=float(np.mean([one.width for one in found])),
        highest=max(one.highest for one in found),
        flat=sum(one.flat for one in found),
    )


def row(name: str, days: str, one: Scores) -> str:
    """One line, marked where it is not as good as it should be."""
    is_honest = 0.7 <= one.held_80 <= 0.92 and one.held_95 >= 0.88 and not one.flat
    is_calm = one.against <= 1.1 and one.highest <= MOST_GROWN + 1e-9
    return (
        f"{name:24} {days:>4}  {one.held_80:4.2f} {one.held_95:4.2f}  {one.error:5.2f}  {one.against:6.2f}  "
        f"{one.width:5.2f}  {one.highest:7.2f}  {one.flat:4}{'' if is_honest and is_calm else '  !'}"
    )


def milliseconds(history: int, ahead: int, make: Maker) -> float:
    """CPU time of an outlook with its back-tests, the median of nine."""
    found = []
    for seed in range(9):
        known = make(history, 0, np.random.default_rng(seed))
        nothing = np.zeros(history + ahead)
        begun = time.process_time()
        look_ahead(known, 0, np.ones(ahead), nothing + 1, nothing)
        found.append(1000 * (time.process_time() - begun))
    return float(np.median(found))


def main() -> None:
    """Print the table and what a forecast costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=200, help="of each kind and length")
    parser.add_argument("--ahead", type=int, default=30, help="days")
    parser.add_argument("--kind", default="", help="only kinds with this in their name")
    args = parser.parse_args()
    print(machine())
    for line in lines(args.series, args.ahead, args.kind):
        print(line, flush=True)
    for name in ("weekly 0.3", "gaps 0.6"):
        costs = ", ".join(f"{milliseconds(history, 30, KINDS[name]):.0f} of {history}" for history in (35, 182))
        print(f"{name}: CPU ms of an outlook of days: {costs}")


if __name__ == "__main__":
    main()
