"""What upkeep does for a question: `spend` over a day of flushes every two seconds, before and after merging them.

    python -m benchmarks.upkeep                        # 1,800 flushes, an hour; a day is --flushes 43200

Each flush brings a few rows of ``usage``, as small traffic does; questions are asked with the default memory and
threads, each of a new reader and of one that was there before; medians of ``--rounds``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from benchmarks.clock import cost_of, machine, median
from warehouse.lake import Flush, Lake, Range
from warehouse.lake import upkeep as upkeep_module
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COST_KINDS, USAGE
from warehouse.settings import LakeSettings

FIRST = datetime(2026, 8, 1, tzinfo=UTC)
EVERY = timedelta(seconds=2)
ROWS = 20


def fill(lake: Lake, flushes: int) -> None:
    """Commit so many flushes of ROWS rows of ``usage`` each."""
    for number in range(flushes):
        minute = (FIRST + number * EVERY).replace(second=0)
        span = Range(app_id="benchmark/topic/0", first=number, next=number + 1)
        records = [_record(minute, number * ROWS + row) for row in range(ROWS)]
        rows = pa.Table.from_pylist(records, schema=USAGE)
        lake.commit(Flush(ranges=(span,), tables={"usage": {span.app_id: rows}}))


def _record(minute: datetime, number: int) -> dict[str, object]:
    names = {"tenant": f"tenant-{number % 7}", "feature": f"feature-{number % 5}", "model": f"model-{number % 3}"}
    hist = [{"index": 300 + number % 50, "count": 1}]
    counts = {"calls": 1, "priced_calls": 1, "input_tokens": number % 4000, "priced_tokens": number % 4000}
    costs = {"cost_usd": number % 1000, COST_KINDS[0]: number % 1000}
    return {"day": minute.date(), "minute": minute, "latency_hist": hist, **names, **counts, **costs}


def ask(settings: LakeSettings, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU and of the wall clock for a new reader and for one that is there; files and log entries."""
    standing = Warehouse(settings)
    window = {"start": FIRST, "end": FIRST + timedelta(days=1)}
    standing.ask("spend", ALL, **window)

    def timed(act: Callable[[], object]) -> tuple[float, float]:
        cost = median(cost_of(act) for _ in range(rounds))
        return round(cost.cpu_s * 1000, 1), round(cost.wall_s * 1000, 1)

    again = timed(lambda: standing.ask("spend", ALL, **window))
    anew = timed(lambda: Warehouse(settings).ask("spend", ALL, **window))
    files = standing.snapshot().snapshot.files["usage"].num_rows
    entries = len(list(Path(settings.url, "usage", "_delta_log").iterdir()))
    return {
        "files": files,
        "log_entries": entries,
        "ask_again_cpu_ms": again[0],
        "ask_again_ms": again[1],
        "ask_anew_cpu_ms": anew[0],
        "ask_anew_ms": anew[1],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flushes", type=int, default=1800)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args(arguments)
    upkeep_module.SETTLED = timedelta(0)
    with tempfile.TemporaryDirectory(prefix="lake-") as folder:
        settings = LakeSettings(url=folder)
        writing = cost_of(lambda: fill(Lake.open(settings), args.flushes))
        before, answer = ask(settings, args.rounds), Warehouse(settings).ask("spend", ALL)
        upkeep = upkeep_module.Upkeep(settings)
        keeping = cost_of(lambda: upkeep.step(datetime.now(UTC)))
        after = ask(settings, args.rounds)
        same = Warehouse(settings).ask("spend", ALL).equals(answer)
    result = {
        "machine": machine(),
        "flushes": args.flushes,
        "commit_cpu_ms": round(writing.cpu_s / args.flushes * 1000, 1),
        "upkeep_cpu_s": round(keeping.cpu_s, 2),
        "before": before,
        "after": after,
        "same_answer": same,
    }
    print(json.dumps(result, indent=2))
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
