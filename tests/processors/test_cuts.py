"""Recorded spans cut over flushes anyhow: settlement says of each, in every column, what one flush would have said."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from processors.engine import Engine
from processors.messages import Message
from processors.normalise.afterwards import finish
from processors.pricing.columns import price_spans
from processors.settings import WorkerSettings
from tests.processors.flushes import processed_of
from tests.processors.otlp import RECEIVED_US, message
from tests.quick import few
from warehouse import once
from warehouse.once.facts import spelled
from warehouse.once.told import NOTED
from warehouse.schemas import COST_KINDS

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(path for folder in ("captures/pb", "twice", "recorded") for path in (DATA / folder).glob("*.pb"))
ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
ORDER = [(name, "ascending") for name in ("trace_id", "span_id", "received_at", "source_partition", "source_offset")]
COMPARED = ("billable", "suppressed_by", *NOTED, "cost_usd", *COST_KINDS, "price_status", "price_version")
PRICES = ("cost_usd", *COST_KINDS, "price_status", "price_version")


def singles(path: Path) -> Iterator[ResourceSpans]:
    sent = ExportTraceServiceRequest.FromString(path.read_bytes())
    for group in sent.resource_spans:
        for scope in group.scope_spans:
            for one in scope.spans:
                yield ResourceSpans(resource=group.resource, scope_spans=[ScopeSpans(scope=scope.scope, spans=[one])])


@cache
def spans() -> dict[Path, list[ResourceSpans]]:
    return {path: list(singles(path)) for path in FILES}


def sent(parts: list[ResourceSpans], offset: int) -> Message:
    return message(ExportTraceServiceRequest(resource_spans=parts), offset=offset, received_at_us=RECEIVED_US + 10**12)


@cache
def in_one_flush() -> dict[Path, dict[Any, dict[str, Any]]]:
    made = processed_of({path: [sent(parts, 0)] for path, parts in spans().items()}, ENGINE)
    return {path: by_span(one.tables["spans"]) for path, one in made.items()}


def by_span(rows: pa.Table) -> dict[Any, dict[str, Any]]:
    return {(row["trace_id"], row["span_id"]): {name: row[name] for name in COMPARED} for row in rows.to_pylist()}


def settled(chance: random.Random, flushes: int) -> dict[Path, dict[Any, dict[str, Any]]]:
    """By file what settlement makes of its spans, each of which came with any of the flushes; each file a lake."""
    parts: dict[tuple[int, int], list[ResourceSpans]] = {}
    for number, each in enumerate(spans().values()):
        for one in each:
            parts.setdefault((number, chance.randrange(flushes)), []).append(one)
    made = processed_of({key: [sent(some, key[1])] for key, some in parts.items()}, ENGINE)
    rows = [
        spelled(one.tables["spans"]).append_column(
            "ledger", pa.repeat(pa.scalar(number, pa.int64()), one.tables["spans"].num_rows)
        )
        for (number, _), one in made.items()
    ]
    lake = pa.concat_tables(rows)
    lake = lake.take(pc.sort_indices(lake.select([name for name, _ in ORDER]), sort_keys=ORDER))
    judged = once.rejudge(lake.append_column("row", pa.array(range(lake.num_rows), pa.int64())), finish)
    priced = price_spans(judged.drop_columns(list(PRICES)), ENGINE.book)
    return {path: by_span(priced.filter(pc.equal(priced["ledger"], n))) for n, path in enumerate(spans())}


@pytest.mark.long
@pytest.mark.parametrize("seed", few(range(8), 0))
def test_recorded_spans_are_told_as_by_one_flush(seed: int):
    found, expected = settled(random.Random(seed), 2 + seed % 3), in_one_flush()

    for path in FILES:
        assert found[path] == expected[path], path.stem
