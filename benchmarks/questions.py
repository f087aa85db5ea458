"""How long questions take over 100 million calls.

    python -m benchmarks.questions                     # 100 M calls of 30 days in 13.8 M rows of usage; some minutes
    python -m benchmarks.questions --calls 1000000     # quick

The rows of ``usage`` (and of ``safety``) are made here and not by the engine, in the real schema and through the real
writer: every minute has a row for each series (tenant, feature, model), whose calls fall into as many buckets of its
histograms. Then the lake is looked after as a worker does (files merged, sums made). Questions are asked as the pages
ask them, with the default memory and threads, each of a new snapshot; medians of ``--rounds``. Those that read
``spans`` are not here.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.clock import cost_of, machine, median
from warehouse.lake import Flush, Lake, Range
from warehouse.lake.compaction import QUIET
from warehouse.lake.upkeep import SETTLED, Upkeep
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COST_KINDS, HISTOGRAM, SAFETY, TABLES, TIME, USAGE, USD
from warehouse.settings import LakeSettings

FIRST_DAY = datetime(2026, 8, 1, tzinfo=UTC)
MINUTES = 24 * 60
MODELS = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "o3-mini"))
FEATURES = 4
PARTS = 8  # files a day: what compaction leaves is fewer
LATENCY_MS, LATENCY_SPREAD = 1500.0, 0.8
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``calls`` over ``days``, spread evenly over ``tenants`` × FEATURES × models in every minute."""

    calls: int
    days: int
    tenants: int

    @property
    def series(self) -> int:
        """Rows of a minute."""
        return self.tenants * FEATURES * len(MODELS)

    @property
    def calls_of_row(self) -> float:
        """Calls that a row sums up, on average."""
        return self.calls / (self.days * MINUTES * self.series)

    @property
    def end(self) -> datetime:
        """The first minute after."""
        return FIRST_DAY + timedelta(days=self.days)


def fill(lake: Lake, load: Workload, seed: int = 1) -> int:
    """Write all days; gives the number of calls that there are."""
    rng = np.random.default_rng(seed)
    calls = 0
    for day in range(load.days):
        tables = {"safety": safety_rows(load, FIRST_DAY + day * DAY)}
        for part, minutes in enumerate(np.array_split(np.arange(MINUTES), PARTS)):
            tables["usage"] = usage_rows(load, FIRST_DAY + day * DAY, minutes, rng)
            calls += int(np.sum(tables["usage"]["calls"].to_numpy()))
            offset = day * PARTS + part
            span = Range(app_id="benchmark/usage/0", first=offset, next=offset + 1)
            lake.commit(Flush(ranges=(span,), tables={name: {span.app_id: rows} for name, rows in tables.items()}))
            tables.clear()
    return calls


def tend(settings: LakeSettings, lake: Lake, load: Workload) -> float:
    """Merge what is there and make its sums, once it has stood long enough; gives CPU seconds."""
    time.sleep(SETTLED.total_seconds())
    span = Range(app_id="benchmark/usage/0", first=load.days * PARTS, next=load.days * PARTS + 1)
    lake.commit(Flush(ranges=(span,), tables={"safety": {span.app_id: safety_rows(load, load.end)}}))
    return cost_of(lambda: Upkeep(settings).step(datetime.now(UTC) + QUIET)).cpu_s


def usage_rows(load: Workload, day: datetime, minutes: Any, rng: np.random.Generator) -> pa.Table:
    """Rows of ``USAGE``: each series in each of the minutes; a row without a call is left out."""
    count = len(minutes) * load.series
    calls = rng.poisson(load.calls_of_row, count)
    series, minute = np.tile(np.arange(load.series), len(minutes)), np.repeat(minutes, load.series)
    kept = calls > 0
    calls, series, minute = calls[kept], series[kept], minute[kept]
    tokens = {
        "input_tokens": calls * rng.integers(200, 4000, len(calls)),
        "cached_input_tokens": calls * rng.integers(0, 200, len(calls)),
        "output_tokens": calls * rng.integers(50, 1500, len(calls)),
    }
    money = {"input_cost_usd": tokens["input_tokens"] * 150_000, "output_cost_usd": tokens["output_tokens"] * 600_000}
    columns: dict[str, pa.Array] = {
        "day": pa.repeat(pa.scalar(day.date()), len(calls)),
        "minute": pa.array(int(day.timestamp() * 1e6) + minute * 60_000_000).cast(TIME),
        **_dimensions(load, series),
        "stream": pa.repeat(pa.scalar(True), len(calls)),
        **dict.fromkeys(("calls", "priced_calls", "stream_calls", "ttft_calls"), pa.array(calls)),
        **{name: pa.array(values) for name, values in tokens.items()},
        "priced_tokens": pa.array(tokens["input_tokens"] + tokens["output_tokens"]),
        **{name: _usd(money.get(name, np.zeros(len(calls), np.int64))) for name in COST_KINDS},
        "cost_usd": _usd(sum(money.values())),
        **{name: _histograms(calls, scale, rng) for name, scale in _SCALES.items()},
    }
    zero = pa.array(np.zeros(len(calls), np.int64))
    return pa.table(
        [
            columns.get(field.name, zero if pa.types.is_integer(field.type) else pa.nulls(len(calls), field.type))
            for field in USAGE
        ],
        schema=USAGE,
    )


_SCALES = {"latency_hist": 1.0, "ttft_hist": 0.3, "tpot_hist": 0.01}


def _dimensions(load: Workload, series: Any) -> dict[str, pa.Array]:
    models = series % len(MODELS)
    features, tenants = series // len(MODELS) % FEATURES, series // (len(MODELS) * FEATURES)
    names = {
        "tenant": [f"tenant-{at}" for at in range(load.tenants)],
        "feature": [f"feature-{at}" for at in range(FEATURES)],
        "provider": [provider for provider, _ in MODELS],
        "model": [model for _, model in MODELS],
    }
    index = {"tenant": tenants, "feature": features, "provider": models, "model": models}
    constant = {"service": "assistant", "environment": "production", "operation": "chat", "status": "ok"}
    return {
        **{name: pa.array(names[name]).take(pa.array(index[name])) for name in names},
        **{name: pa.repeat(value, len(series)) for name, value in constant.items()},
    }


def _usd(picodollars: Any) -> pa.Array:
    """int64 of 1e-12 USD as the decimals of the schemas."""
    words = np.zeros((len(picodollars), 2), np.int64)
    words[:, 0] = picodollars
    return pa.Array.from_buffers(USD, len(picodollars), [None, pa.py_buffer(words)])


def _histograms(calls: Any, scale: float, rng: np.random.Generator) -> pa.Array:
    """A bucket of one for every call, ascending within a row."""
    total = int(calls.sum())
    values = rng.lognormal(np.log(LATENCY_MS * scale), LATENCY_SPREAD, total)
    indices = np.ceil(np.log(values) / np.log(1.02)).astype(np.int32)
    owner = np.repeat(np.arange(len(calls)), calls)
    indices = indices[np.lexsort((indices, owner))]
    items = pa.StructArray.from_arrays(
        [pa.array(indices), pa.array(np.ones(total, np.int64))], fields=list(HISTOGRAM.value_type)
    )
    offsets = np.concatenate(([0], np.cumsum(calls))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=HISTOGRAM)


def safety_rows(load: Workload, day: datetime) -> pa.Table:
    """Rows of ``SAFETY``: every tenant's checks of each minute, and one event in it."""
    count = MINUTES * load.tenants
    minute = np.repeat(np.arange(MINUTES), load.tenants)
    tenants = [f"tenant-{at}" for at in range(load.tenants)]
    known: dict[str, pa.Array] = {
        "day": pa.repeat(pa.scalar(day.date()), count),
        "minute": pa.array(int(day.timestamp() * 1e6) + minute * 60_000_000).cast(TIME),
        "tenant": pa.array(tenants).take(pa.array(np.tile(np.arange(load.tenants), MINUTES))),
        "category": pa.repeat("prompt_injection", count),
        "action": pa.repeat("blocked", count),
        "events": pa.array(np.ones(count, np.int64)),
        "checked_calls": pa.array(np.zeros(count, np.int64)),
    }
    return pa.table([known.get(f.name, pa.nulls(count, f.type)) for f in SAFETY], schema=SAFETY)


def asked(load: Workload) -> dict[str, tuple[str, Any, Mapping[str, object]]]:
    """What is asked: question, scope, parameters."""
    last_day, last_week, one = load.end - DAY, load.end - WEEK, frozenset({"tenant-1"})
    return {
        "spend, in total": ("spend", ALL, {"by": ()}),
        "spend by tenant": ("spend", ALL, {"by": "tenant"}),
        "spend by tenant, feature, model": ("spend", ALL, {"by": "tenant,feature,model"}),
        "spend by day": ("spend", ALL, {"by": (), "bucket": "day"}),
        "spend by model and hour, last week": ("spend", ALL, {"by": "model", "bucket": "hour", "start": last_week}),
        "spend by feature, last day": ("spend", ALL, {"by": "feature", "start": last_day}),
        "spend by minute, last day, one tenant": ("spend", one, {"by": (), "bucket": "minute", "start": last_day}),
        "spend by feature and day, one tenant": ("spend", one, {"by": "feature", "bucket": "day"}),
        "safety by tenant": ("safety", ALL, {"by": "tenant"}),
        "status": ("status", ALL, {}),
    }


def measure(settings: LakeSettings, load: Workload, rounds: int) -> dict[str, Any]:
    """Seconds of every question, and how many rows it gave."""
    found: dict[str, Any] = {}
    for name, (question, scope, parameters) in asked(load).items():
        answers: list[pa.Table] = []
        house = Warehouse(settings)
        costs = [
            cost_of(lambda: answers.append(house.ask(question, scope, **parameters)))  # noqa: B023
            for _ in range(rounds)
        ]
        one = median(costs)
        first = costs[0]
        found[name] = {
            "first_s": round(first.wall_s, 3),
            "wall_s": round(one.wall_s, 3),
            "cpu_s": round(one.cpu_s, 3),
            "rows": answers[-1].num_rows,
        }
        print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Make the lake, ask; one JSON object on stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000_000, help="calls in the lake (100,000,000)")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--tenants", type=int, default=20, help="tenants, each with 4 features and 4 models (20)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(words)
    load = Workload(calls=arguments.calls, days=arguments.days, tenants=arguments.tenants)
    found: dict[str, Any] = {"machine": machine()}
    directory = Path(tempfile.mkdtemp(prefix="spanledger-questions-"))
    try:
        settings = LakeSettings(url=str(directory))
        began = time.monotonic()
        lake = Lake.open(settings)
        found["calls"] = fill(lake, load)
        print(f"{found['calls']:,} calls made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        found["upkeep_cpu_s"] = round(tend(settings, lake, load), 1)
        files = [file for name in TABLES for file in (directory / name).rglob("*.parquet")]
        found["lake_mb"] = round(sum(file.stat().st_size for file in files) / 1e6)
        found["files"] = len(files)
        found["questions"] = measure(settings, load, arguments.rounds)
    finally:
        shutil.rmtree(directory)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
