"""What the number of tenants and series costs: engine, commit, lake, questions and the watcher, from 10 to 100,000.

    python -m benchmarks.tenants
    python -m benchmarks.tenants --tenants 10,1000 --spans 50000

The same number of spans belongs to more and more tenants, each with one feature and four models, so that the rows of
``usage`` come to be as many as the calls. Flushes go through the worker's own ``Flusher`` into a lake on disk, without
a broker. ``flush_us``: CPU microseconds a span from bytes to the committed lake; ``roll_ups_us``: of these, the part
that makes ``usage`` and ``safety``; ``spans_bytes usage_bytes``: of the tables' files, not compacted, by span;
``judge_…``: CPU seconds of the watcher's first look, which trains its detectors, and of the next after one more flush.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.settings import AlertSettings
from alerts.watch import Watcher
from benchmarks import ours
from benchmarks.clock import cost_of, machine
from benchmarks.corpus import Corpus, corpus, make
from benchmarks.payloads import Shape
from processors.flush import Flusher
from processors.messages import DeadLetter, Message
from processors.metrics import WorkerMetrics
from processors.pending import Stream
from processors.settings import WorkerSettings
from warehouse.lake import Lake
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

TENANTS = (10, 100, 1_000, 10_000, 100_000)
STREAM: Stream = ("otlp_spans", 0)


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No broker: notices go nowhere, a dead letter would be a fault of the benchmark."""

    def dead_letters(self, letters: Sequence[tuple[Message, DeadLetter]]) -> None:
        """There must be none."""
        if letters:
            raise RuntimeError(f"{len(letters)} dead letters, the first: {letters[0][1]}")

    def notices(self, versions: Mapping[str, int]) -> None:
        """Nobody waits."""

    def app_ids(self, streams: Iterable[Stream]) -> dict[Stream, str]:
        """One stream of a cluster that is not there."""
        return {stream: f"benchmark/{stream[0]}/{stream[1]}" for stream in streams}

    def earliest(self, stream: Stream) -> int:
        """Nothing was ever lost."""
        del stream
        return 0


def measure(of: Corpus, tenants: int, folder: Path) -> dict[str, Any]:
    """One row of the result."""
    settings = LakeSettings(url=str(folder))
    lake = Lake.open(settings)
    records = [message for flush in of.flushes for message in flush]
    now = datetime.fromtimestamp(records[-1].received_at_us / 1e6, UTC)
    nowhere = Nowhere()
    flusher = Flusher(lake=lake, engine=ours.make_engine(), sink=nowhere, streams=nowhere, worker="benchmark",
                      metrics=WorkerMetrics(), now=lambda: now)  # fmt: skip
    stages = ours.Stages()
    *most, last = of.flushes
    began = time.process_time()
    with stages.watching():
        for flush in most:
            flusher.flush({STREAM: flush}, {})
    spent = time.process_time() - began
    warehouse = Warehouse(settings)
    watcher = Watcher(AlertSettings(), lake, warehouse)
    first = cost_of(lambda: watcher.step(now))
    began = time.process_time()
    with stages.watching():
        flusher.flush({STREAM: last}, {})
    spent += time.process_time() - began
    later = cost_of(lambda: watcher.step(now + timedelta(seconds=60)))
    total = cost_of(lambda: warehouse.ask("spend", ALL, by=()))
    by_tenant = cost_of(lambda: warehouse.ask("spend", ALL, by="tenant"))
    grouped = warehouse.ask("spend", ALL, by="tenant,feature,model")
    sizes = {name: _size(folder / name) for name in ("spans", "usage")}
    return {
        "tenants": tenants,
        "series": grouped.num_rows,
        "usage_rows": sum(ours.rows_in(folder / "usage")),
        "flush_us": round(spent / of.spans * 1e6, 2),
        "roll_ups_us": round(stages.cpu_s["roll-ups"] / of.spans * 1e6, 2),
        "spans_bytes": round(sizes["spans"] / of.spans, 1),
        "usage_bytes": round(sizes["usage"] / of.spans, 1),
        "spend_total_s": round(total.wall_s, 2),
        "spend_by_tenant_s": round(by_tenant.wall_s, 2),
        "judge_first_cpu_s": round(first.cpu_s, 2),
        "judge_next_cpu_s": round(later.cpu_s, 2),
    }


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*.parquet"))


def main(words: Sequence[str] | None = None) -> int:
    """Measure; a JSON array on stdout, one object for each number of tenants."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tenants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tenants", default=",".join(map(str, TENANTS)), help="numbers of tenants, by commas")
    parser.add_argument("--spans", type=int, default=100_000, help="spans in all (100,000)")
    arguments = parser.parse_args(words)
    print(machine(), file=sys.stderr, flush=True)
    found = []
    settings = WorkerSettings()
    warm = corpus(make(Shape(spans_per_message=50), 1000), WorkerSettings(flush_bytes=100_000))  # several flushes
    with tempfile.TemporaryDirectory(prefix="spanledger-tenants-") as scratch:
        measure(warm, 10, Path(scratch) / "warm")
        for tenants in map(int, arguments.tenants.split(",")):
            of = corpus(make(Shape(tenants=tenants, features=1), arguments.spans), settings)
            found.append(measure(of, tenants, Path(scratch) / str(tenants)))
            print(found[-1], file=sys.stderr, flush=True)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
