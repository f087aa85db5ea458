"""How long a settlement of many spans takes, and what memory: everything at once, then an hour more.

    python -m benchmarks.settle                       # 1 M spans
    python -m benchmarks.settle --spans 100000000     # about 12 GB of disk and most of an hour to make the lake

The rows of ``spans`` are made here and not by the engine, in the real schema and through the real writer: traces of
five spans (an agent with tenant, feature and task, three calls, a tool) over ``--days``. Of ``--split`` of the traces
the agent comes in another flush than its calls, which then have no tenant until they are settled; one call in a hundred
is told twice. What must come out is known: it is compared.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.clock import machine
from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from warehouse.instance import connect
from warehouse.lake import Flush, Lake, Range
from warehouse.reader import ALL, Warehouse
from warehouse.relations import expose
from warehouse.schemas import FLUSHES, SPANS, TIME, USD
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle import settle

FIRST = datetime(2026, 8, 1, tzinfo=UTC)
COST = Decimal("0.0035")  # 1,000 tokens in, 100 out of gpt-4o
OF_A_TRACE = 5
TENANTS, FEATURES, TASKS_A_TENANT = 50, 8, 0.5
BATCH = 500_000
LENT_BY_AGENT = json.dumps(dict.fromkeys(("tenant", "feature", "user_id", "task_id", "tenant_rank", "feature_rank")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``spans`` in traces of five over ``days``; of ``split`` of the traces the agent comes in a later record."""

    spans: int
    days: int
    split: float

    @property
    def traces(self) -> int:
        """Traces of five spans."""
        return self.spans // OF_A_TRACE


def batches(work: Workload) -> Iterator[tuple[pa.Table, pa.Table, int]]:
    """Rows of two partitions and billable calls that are not told twice, in order of time."""
    random = np.random.default_rng(7)
    step = BATCH // OF_A_TRACE
    for first in range(0, work.traces, step):
        yield _batch(random, work, np.arange(first, min(first + step, work.traces)))


def _batch(random: np.random.Generator, work: Workload, trace: np.ndarray) -> tuple[pa.Table, pa.Table, int]:
    count = len(trace)
    at = (trace * (work.days * 86_400_000_000 // work.traces)).astype(np.int64)
    split = random.random(count) < work.split
    ids = random.bytes(16 * count)
    rows = np.repeat(np.arange(count), OF_A_TRACE)
    place = np.tile(np.arange(OF_A_TRACE), count)
    twice = np.flatnonzero((place == 1) & (random.random(len(rows)) < 0.03))
    rows, place = np.concatenate([rows, rows[twice]]), np.concatenate([place, place[twice]])
    again = np.arange(len(rows)) >= count * OF_A_TRACE
    is_call, is_agent = (place > 0) & (place < 4), place == 0
    late = (is_agent & split[rows]) | again
    known = is_agent | ~split[rows]
    tenants = pa.array([f"tenant-{n:02}" for n in range(TENANTS)])
    features = pa.array([f"feature-{n}" for n in range(FEATURES)])
    began = at[rows] + np.where(is_agent, 0, place * 300_000)
    ended = at[rows] + np.where(is_agent, 2_000_000, place * 300_000 + 250_000)
    epoch = int(FIRST.timestamp() * 1_000_000)
    trace_ids = np.frombuffer(ids, "V16")[rows]
    span_ids = (trace[rows] * 8 + place + 1).astype(">u8")
    parents = (trace[rows] * 8 + 1).astype(">u8")
    billed = is_call
    money = pa.scalar(COST, USD)
    part = pa.scalar(Decimal("0.0025"), USD), pa.scalar(Decimal("0.0010"), USD)

    def where(mask: np.ndarray, value: pa.Scalar) -> pa.Array:
        return pa.compute.if_else(pa.array(mask), value, pa.scalar(None, value.type))

    def numbered(word: str, numbers: np.ndarray, mask: np.ndarray) -> pa.Array:
        texts = pa.array(numbers, mask=~mask).cast(pa.string())
        return pa.compute.binary_join_element_wise(pa.scalar(word), texts, "")

    def one_of(words: pa.Array, mask: np.ndarray) -> pa.Array:
        return words.take(pa.array(trace[rows] % len(words), mask=~mask))

    def binary(ids: np.ndarray) -> pa.Array:
        kind = pa.binary(ids.dtype.itemsize)
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(ids), [None, pa.py_buffer(ids)]).cast(pa.binary())

    columns: dict[str, pa.Array] = {
        "trace_id": binary(trace_ids),
        "span_id": binary(span_ids),
        "parent_span_id": pa.compute.if_else(pa.array(is_agent), pa.scalar(None, pa.binary()), binary(parents)),
        "tenant": one_of(tenants, known),
        "feature": one_of(features, known),
        "task_id": numbered("task-", trace[rows] // 2, known),
        "user_id": one_of(tenants, known),
        "service": pa.repeat("shop", len(rows)),
        "started_at": pa.array(began + epoch, TIME),
        "ended_at": pa.array(ended + epoch, TIME),
        "duration_ms": pa.array((ended - began) / 1000),
        "operation": pa.array(["invoke_agent", "chat", "chat", "chat", "execute_tool"]).take(pa.array(place)),
        "provider": where(is_call, pa.scalar("openai")),
        "request_model": where(is_call, pa.scalar("gpt-4o")),
        "input_tokens": where(is_call, pa.scalar(1000)),
        "output_tokens": where(is_call, pa.scalar(100)),
        "cost_usd": where(billed, money),
        "input_cost_usd": where(billed, part[0]),
        "output_cost_usd": where(billed, part[1]),
        **{
            name: where(billed, pa.scalar(Decimal(0), USD))
            for name in ("cached_cost_usd", "cache_write_cost_usd", "other_cost_usd")
        },
        "price_status": where(billed, pa.scalar("priced")),
        "price_version": where(billed, pa.scalar("benchmark")),
        "status": pa.repeat("ok", len(rows)),
        "response_id": numbered("chatcmpl-", trace[rows] * 8 + place, is_call),
        "billable": pa.array(billed),
        "usage_semantics": where(is_call, pa.scalar("inclusive")),
        "convention": pa.repeat("otel_genai", len(rows)),
        "role": pa.array(["aggregate", "call", "call", "call", "other"]).take(pa.array(place)),
        "usage_rank": where(is_call, pa.scalar(1)),
        **{f"{name}_rank": pa.array(np.where(is_agent, 1, 5), mask=~known) for name in ("tenant", "feature")},
        "as_told": where(known & ~is_agent, pa.scalar(LENT_BY_AGENT)),
        "received_at": pa.array(ended + epoch + 1_000_000, TIME),
    }
    days = pa.array(((ended + epoch) // 86_400_000_000).astype(np.int32), pa.int32()).cast(pa.date32())
    columns["day"] = days
    table = pa.table(columns)
    offset = int(trace[0])
    halves = []
    for partition, mask in enumerate((~late, late)):
        half = table.filter(pa.array(mask))
        source = {
            "source_partition": pa.repeat(pa.scalar(partition, pa.int32()), len(half)),
            "source_offset": pa.array(offset + (trace[rows[mask]] - trace[0]), pa.int64()),
        }
        given = {name: half[name] for name in half.column_names} | source
        full = [given[f.name] if f.name in given else pa.nulls(len(half), f.type) for f in SPANS]
        halves.append(pa.table(full, names=SPANS.names).cast(SPANS))
    return halves[0], halves[1], int(is_call[: count * OF_A_TRACE].sum())


def fill(lake: Lake, work: Workload) -> int:
    """Commit all batches; how many calls there are."""
    calls = 0
    now = FIRST + timedelta(days=work.days, hours=2)
    offsets = [0, 0]
    for number, (one, other, some) in enumerate(batches(work)):
        calls += some
        ranges = tuple(
            Range(
                app_id=f"cluster/spans/{partition}",
                first=offsets[partition],
                next=min(work.traces, (number + 1) * (BATCH // OF_A_TRACE)),
            )
            for partition in (0, 1)
        )
        offsets = [part.next for part in ranges]
        tables = {
            "spans": {part.app_id: half for part, half in zip(ranges, (one, other), strict=True)},
            "flushes": {
                part.app_id: _flush_row(part, half.num_rows, now)
                for part, half in zip(ranges, (one, other), strict=True)
            },
        }
        lake.commit(Flush(ranges=ranges, tables=tables))
        print(f"\r{calls:,} calls", end="", file=sys.stderr)
    print(file=sys.stderr)
    return calls


def _flush_row(part: Range, spans: int, now: datetime) -> pa.Table:
    row = {
        "day": now.date(), "flush_id": f"{part.app_id}@{part.next}", "app_id": part.app_id, "topic": "otlp_spans",
        "partition": int(part.app_id[-1]), "first_offset": part.first, "next_offset": part.next,
        "end_offset": part.next, "gap_messages": 0, "first_record_at": FIRST, "last_record_at": now,
        "flushed_at": now, "messages": part.next - part.first, "spans": spans,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=FLUSHES)


def main() -> int:
    """Make the lake, settle it, compare, and print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=0, help="default: 4 M spans a day")
    parser.add_argument("--split", type=float, default=0.3)
    parser.add_argument("--memory-mib", type=int, default=SettleSettings().memory_mib)
    parser.add_argument("--lake", type=Path, help="keep the lake here; settle it again where it is there already")
    args = parser.parse_args()
    work = Workload(spans=args.spans, days=args.days or max(1, args.spans // 4_000_000), split=args.split)
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps(measure(work, args.lake or Path(directory) / "lake", args.memory_mib), indent=1))
    return 0


def measure(work: Workload, where: Path, memory_mib: int) -> dict[str, object]:
    """One settlement of everything, and one more."""
    place = LakeSettings(url=str(where))
    is_there = where.exists()
    lake = Lake.open(place)
    calls = work.traces * 3 if is_there else fill(lake, work)
    how = SettleSettings(memory_mib=memory_mib)
    pricing = pricing_of(PriceBook.from_settings({}, ""))
    now = FIRST + timedelta(days=work.days, hours=2)
    steps: list[tuple[str, float]] = []
    began, cpu = time.monotonic(), time.process_time()
    done = settle(
        lake, place, how, pricing, now=now, on_step=lambda step: steps.append((step, time.monotonic() - began))
    )
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    began = time.monotonic()
    again = settle(lake, place, how, pricing, now=now)
    again_s = time.monotonic() - began
    with connect(place) as connection:
        expose(connection, Warehouse(place).snapshot().snapshot, "ledger", ALL)
        found = connection.sql(
            "SELECT sum(calls), sum(cost_usd), count(*) FILTER (tenant IS NULL AND calls <> 0) FROM ledger"
        ).fetchall()[0]
    return {
        "machine": machine(),
        "spans": work.spans,
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "spans_per_s": round(work.spans / wall),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "corrected": done.corrected,
        "suppressed": done.suppressed,
        "again_s": round(again_s, 1),
        "again_number": again.number,
        "agrees": (int(found[0]), found[1], found[2]) == (calls, calls * COST, 0),
        "steps_s": {step: round(at, 1) for step, at in steps if not step.startswith(("judged", "booked "))},
    }


if __name__ == "__main__":
    sys.exit(main())
