"""What each column costs in the lake, in bytes per span, before and after compaction.

    python -m benchmarks.columns                       # 400,000 different chat calls in 8 flushes
    python -m benchmarks.columns --kind traces         # agents, tools and embeddings, five spans a trace

Payloads (``benchmarks.payloads``) → engine → commits of a lake → upkeep. Bytes are those of the Parquet files that the
tables hold; ``(footer)`` is what is no column: schema, statistics, offsets. Columns below a hundredth of a byte are
summed up as ``(others)``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import DeltaTable

from benchmarks.clock import cost_of, machine
from benchmarks.corpus import Corpus, corpus, make
from benchmarks.ours import make_engine
from benchmarks.payloads import Shape
from processors.engine import process_range
from processors.settings import WorkerSettings
from warehouse.lake import Flush, Lake, Range
from warehouse.lake import upkeep as upkeep_module
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings

STREAM = "benchmark/topic/0"
SMALLEST = 0.01


def fill(lake: Lake, load: Corpus) -> float:
    """Commit every flush; CPU seconds of the commits alone."""
    engine, cpu_s = make_engine(), 0.0
    for messages in load.flushes:
        made = process_range(messages, engine)
        span = Range(app_id=STREAM, first=messages[0].offset, next=messages[-1].offset + 1)
        flush = Flush(ranges=(span,), tables={name: {STREAM: rows} for name, rows in made.tables.items()})
        cpu_s += cost_of(lambda flush=flush: lake.commit(flush)).cpu_s
    return cpu_s


def sizes(settings: LakeSettings) -> Counter[str]:
    """Bytes by ``table.column`` of the files that the tables hold."""
    found: Counter[str] = Counter()
    for table in TABLES:
        for path in map(Path, DeltaTable(f"{settings.url}/{table}").file_uris()):
            metadata = pq.read_metadata(path)
            groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
            for column in (group.column(index) for group in groups for index in range(group.num_columns)):
                name = column.path_in_schema.partition(".")[0]
                found[f"{table}.{name}"] += column.total_compressed_size
                found[f"{table}.(footer)"] -= column.total_compressed_size
            found[f"{table}.(footer)"] += path.stat().st_size
    return found


def table_of(before: Counter[str], after: Counter[str], spans: int) -> list[dict[str, object]]:
    """One row a column, the dearest first, and the sum last."""
    kept = [name for name in after if max(before[name], after[name]) / spans >= SMALLEST]
    kept.sort(key=lambda name: -after[name])
    rows = [(name, before[name], after[name]) for name in kept]
    rows.append(("(others)", *(sum(some.values()) - sum(some[name] for name in kept) for some in (before, after))))
    rows.append(("(all)", before.total(), after.total()))
    return [
        {"column": name, "flushed": round(first / spans, 2), "compacted": round(last / spans, 2)}
        for name, first, last in rows
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=400_000)
    parser.add_argument("--kind", choices=("chat", "traces"), default="chat")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    args = parser.parse_args(arguments)
    upkeep_module.SETTLED = timedelta(0)
    load = corpus(make(Shape(kind=args.kind, hosts=20), args.spans), WorkerSettings())
    with tempfile.TemporaryDirectory(prefix="lake-") as folder:
        settings = LakeSettings(url=folder)
        commit_cpu_s = fill(Lake.open(settings), load)
        before = sizes(settings)
        upkeep = upkeep_module.Upkeep(settings)
        in_two_hours = datetime.now(UTC) + timedelta(hours=2)
        compaction = cost_of(lambda: upkeep.step(in_two_hours))
        rows = table_of(before, sizes(settings), load.spans)
    result = {
        "machine": machine(),
        "kind": args.kind,
        "spans": load.spans,
        "flushes": len(load.flushes),
        "commit_cpu_s_per_100k_spans": round(commit_cpu_s / load.spans * 100_000, 3),
        "compaction_cpu_s_per_100k_spans": round(compaction.cpu_s / load.spans * 100_000, 3),
        "columns": rows,
    }
    if args.format == "json":
        print(json.dumps(result, indent=2))
        return 0
    print("\n".join(f"{name}: {value}" for name, value in result.items() if name != "columns"))
    print(f"\n{'bytes per span':36}{'flushed':>10}{'compacted':>11}")
    for row in rows:
        print(f"{row['column']:36}{row['flushed']:>10.2f}{row['compacted']:>11.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
