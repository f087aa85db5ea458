"""Bytes to Parquet: our engine beside rivals (a) and (b), in one process, on the same payloads.

    python -m benchmarks.engine                                   # payloads of its own, a table for people
    python -m benchmarks.engine --payloads DIR --format json      # every DIR/*.pb is one message; one JSON object
    python -m benchmarks.engine --shape simulated                 # applications, not chats alone: no targets
    python -m benchmarks.engine --matrix                          # 1, 50, 500 spans a message × 1, 1.5, 8.6 KB a span

Ours does all that a worker does between Kafka and the Delta commit: decode, normalise, once, price, roll-ups, Parquet
files of all tables. The rivals only write content-free rows of spans. Payloads are in memory, everything has run once
and code is compiled before a clock starts; ours and the rivals take turns; each rate is spans by the median CPU seconds
of the whole process, all its threads.

Keys of the object: ``spans bytes`` of the payloads; ``cpu_s wall_s spans_per_cpu_s`` of ours to Parquet, and
``decode_spans_per_cpu_s`` of its decode alone; ``rows_spans_per_cpu_s ratio_rows`` of rival (a) and
``ptars_spans_per_cpu_s ratio_ptars`` of rival (b), ratios being ours by theirs; ``lake_bytes_per_span``: the files of
all tables, one a table and day.

Exit code 1: a rate or ratio is below half its target. 2: no verdict (no payloads; ptars is not installed, its two
values are then null).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import ours
from benchmarks.clock import Cost, cost_of, machine, median
from benchmarks.corpus import Corpus, NoPayloads, corpus, make, read_folder, simulate
from benchmarks.payloads import Shape
from benchmarks.report import Result, table
from benchmarks.rivals import pivot, rows
from processors.engine import Engine
from processors.settings import WorkerSettings

TARGETS = {
    "spans_per_cpu_s": 500_000.0,
    "decode_spans_per_cpu_s": 2_000_000.0,
    "ratio_rows": 15.0,
    "ratio_ptars": 4.0,
}
"""Of a 2-core machine at 1.5 KB a span and 25 attributes; below half of one the verdict is no."""

MATRIX = tuple((per_message, kb) for kb in (1.0, 1.5, 8.6) for per_message in (1, 50, 500))
SIMULATED = "simulated"
NO_PTARS = "rival (b) is missing: ptars is not installed (it comes with the extra `dev`, requirements-dev.lock)"


def run(of: Corpus, *, rounds: int, within_s: float, tell: Callable[[str], None]) -> Result:
    """Measure all contestants, one after the other in each round; no new round is begun after ``within_s``."""
    engine = ours.make_engine()
    with tempfile.TemporaryDirectory(prefix="spanledger-engine-") as scratch:
        folder = Path(scratch)
        contestants = _contestants(of, engine, folder, tell)
        for name, act in contestants.items():
            tell(f"warming up {name}")
            act("warm")
        costs: dict[str, list[Cost]] = {name: [] for name in contestants}
        until = time.monotonic() + within_s
        for number in range(rounds):
            for name, act in contestants.items():
                costs[name].append(cost_of(partial(act, f"round-{number}")))
            tell(f"round {number + 1}: {of.spans / costs['ours'][-1].cpu_s:,.0f} spans per CPU second")
            if time.monotonic() > until:
                break
        stages = ours.split(of.flushes, engine, folder / "split")
        sizes = ours.compact(folder / "warm")
    return Result(
        corpus=of,
        costs={name: median(taken) for name, taken in costs.items()},
        stages=stages,
        sizes=sizes,
        rounds=len(costs["ours"]),
    )


def _contestants(
    of: Corpus, engine: Engine, folder: Path, tell: Callable[[str], None]
) -> dict[str, Callable[[str], None]]:
    """By name, one pass over all payloads; its argument names the pass."""
    values = [[message.value for message in flush] for flush in of.flushes]

    def pass_of(to_parquet: Callable[[Sequence[bytes], str], int], name: str) -> Callable[[str], None]:
        def act(_: str) -> None:
            for flush in values:
                to_parquet(flush, str(folder / f"{name}.parquet"))

        return act

    def bytes_to_parquet(name: str) -> None:
        for flush in of.flushes:
            ours.to_parquet(flush, engine, folder / name)

    def decode(_: str) -> None:
        for flush in of.flushes:
            ours.only_decode(flush, engine)

    found: dict[str, Callable[[str], None]] = {"ours": bytes_to_parquet, "decode": decode}
    found["rows"] = pass_of(rows.to_parquet, "rows")
    try:
        found["ptars"] = pass_of(pivot.make(), "ptars")
    except ImportError:
        tell(NO_PTARS)
    return found


def verdict(found: dict[str, float | int | None]) -> tuple[int, list[str]]:
    """Exit code, and a line for each value below its target."""
    values = {name: found[name] for name in TARGETS}
    missed = [
        f"{name} {value:,.1f} is below {'half ' if value < target / 2 else ''}its target {target:,.0f}"
        for name, target in TARGETS.items()
        if (value := values[name]) is not None and value < target
    ]
    if any(value is not None and value < TARGETS[name] / 2 for name, value in values.items()):
        return 1, missed
    return (2 if None in values.values() else 0), missed


def matrix(arguments: argparse.Namespace, tell: Callable[[str], None]) -> str:
    """One line for every size of message and of span; fewer spans where they are large."""
    lines = [
        f"{'spans/message':>13}{'bytes/span':>12}{'-> Parquet':>12}{'decode':>12}{'ratio (a)':>11}{'ratio (b)':>11}"
    ]
    for per_message, kb in MATRIX:
        tell(f"{per_message} spans a message, {kb} KB a span")
        shape = Shape(kind=arguments.shape, spans_per_message=per_message)
        of = corpus(make(shape, round(arguments.spans * min(1.0, 1.5 / kb)), kb), WorkerSettings())
        found = run(of, rounds=arguments.rounds, within_s=arguments.within, tell=lambda _: None)
        ratios = (found.ratio("rows"), found.ratio("ptars"))
        lines.append(
            f"{per_message:13}{of.bytes / of.spans:12,.0f}{found.rate('ours'):12,.0f}{found.rate('decode'):12,.0f}"
            + "".join("          -" if ratio is None else f"{ratio:10.1f}x" for ratio in ratios)
        )
    return "\n".join(lines)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__.splitlines()[0])
    parser.add_argument("--payloads", type=Path, metavar="DIR", help="folder of .pb files; each one is one message")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--rounds", type=int, default=5, help="passes of every contestant (5)")
    parser.add_argument("--within", type=float, default=90.0, metavar="S", help="begin no round after so long (90)")
    parser.add_argument("--spans", type=int, default=100_000, help="spans to make (100,000)")
    parser.add_argument("--per-message", type=int, default=50, help="spans in a message that is made (50)")
    parser.add_argument("--kb", type=float, default=1.5, help="KB a span that is made (1.5)")
    parser.add_argument(
        "--shape",
        choices=("chat", "traces", SIMULATED),
        default="chat",
        help="what is made: see payloads.py; the simulator's has sizes of its own",
    )
    parser.add_argument("--matrix", action="store_true", help="a line for each size of message and span instead")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code says whether half of each target is reached."""
    arguments = _arguments(words)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    tell(machine())
    if arguments.matrix:
        print(matrix(arguments, tell))
        return 0
    try:
        values = read_folder(arguments.payloads) if arguments.payloads else _made(arguments)
        of = corpus(values, WorkerSettings())
    except NoPayloads as error:
        tell(f"cannot run: {error}")
        return 2
    result = run(of, rounds=arguments.rounds, within_s=arguments.within, tell=tell)
    found = result.as_object()
    print(json.dumps(found) if arguments.format == "json" else table(result))
    code, missed = verdict(found)
    for line in missed:
        tell(line)
    return code


def _made(arguments: argparse.Namespace) -> list[bytes]:
    if arguments.shape == SIMULATED:
        return simulate(arguments.spans)
    shape = Shape(kind=arguments.shape, spans_per_message=arguments.per_message)
    return make(shape, arguments.spans, arguments.kb)


if __name__ == "__main__":
    sys.exit(main())
