"""The engine's benchmark: its one object, its verdict, and that the rivals do the same work as each other."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import ours
from benchmarks.corpus import NoPayloads, corpus, cut, make, read_folder
from benchmarks.engine import TARGETS, verdict
from benchmarks.payloads import Shape, payloads
from benchmarks.rivals import pivot, rows
from benchmarks.rivals.wanted import SCHEMA
from processors.engine import process_range
from processors.pending import spans_at_most
from processors.settings import WorkerSettings

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
KEYS = [
    *("spans", "bytes", "cpu_s", "wall_s"),
    *("spans_per_cpu_s", "decode_spans_per_cpu_s", "rows_spans_per_cpu_s", "ptars_spans_per_cpu_s"),
    *("ratio_rows", "ratio_ptars", "lake_bytes_per_span"),
]
ON_TARGET: dict[str, float | int | None] = {**dict.fromkeys(KEYS, 1), **TARGETS}


def folder_of(tmp_path: Path, values: Sequence[bytes]) -> Path:
    for at, value in enumerate(values):
        (tmp_path / f"{at}.pb").write_bytes(value)
    return tmp_path


def measure(folder: Path) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "benchmarks.engine", "--payloads", str(folder), "--format", "json", "--rounds", "1")
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_command_prints_one_object_with_exactly_the_keys_of_the_payloads_in_a_folder(tmp_path: Path):
    values = list(payloads(Shape(spans_per_message=20), 100))
    ended = measure(folder_of(tmp_path, values))

    found = json.loads(ended.stdout)
    assert list(found) == KEYS
    assert (found["spans"], found["bytes"]) == (100, sum(map(len, values)))
    assert all(found[key] > 0 for key in KEYS), found
    assert found["spans_per_cpu_s"] == pytest.approx(100 / found["cpu_s"])
    assert found["ratio_rows"] == pytest.approx(found["spans_per_cpu_s"] / found["rows_spans_per_cpu_s"])
    assert found["ratio_ptars"] == pytest.approx(found["spans_per_cpu_s"] / found["ptars_spans_per_cpu_s"])
    assert ended.returncode == verdict(found)[0]


def test_a_folder_without_payloads_and_one_with_other_bytes_cannot_be_run(tmp_path: Path):
    with pytest.raises(NoPayloads, match=r"holds no \.pb file"):
        read_folder(tmp_path)
    with pytest.raises(NoPayloads, match=r"payload 1 .* bad_payload"):
        corpus([*payloads(Shape(), 50), b"\xff\xff\xff"], WorkerSettings())


@pytest.mark.parametrize("name", TARGETS)
def test_half_of_a_target_is_enough_and_less_is_not(name: str):
    assert verdict({**ON_TARGET, name: TARGETS[name] / 2}) == (
        0,
        [f"{name} {TARGETS[name] / 2:,.1f} is below its target {TARGETS[name]:,.0f}"],
    )
    assert verdict({**ON_TARGET, name: TARGETS[name] / 2 - 0.1})[0] == 1


def test_without_a_rival_there_is_no_verdict_but_a_no():
    assert verdict({**ON_TARGET, "ratio_ptars": None})[0] == 2
    assert verdict({**ON_TARGET, "ratio_ptars": None, "ratio_rows": 1.0})[0] == 1


def test_messages_are_cut_where_a_worker_flushes():
    values = make(Shape(spans_per_message=10), 100)
    smallest, largest = min(map(spans_at_most, values)), max(map(spans_at_most, values))
    made = corpus(values, WorkerSettings(flush_spans=2 * largest + 1))

    assert largest < 2 * smallest  # so three messages always reach it, and two never do
    assert [len(flush) for flush in made.flushes] == [3, 3, 3, 1]
    whole = [message for flush in made.flushes for message in flush]
    assert [message.offset for message in whole] == list(range(10))
    assert [len(flush) for flush in cut(whole, WorkerSettings(flush_bytes=min(map(len, values))))] == [1] * 10


@pytest.mark.parametrize(("per_message", "kb"), [(1, 1.5), (50, 1.5), (50, 8.6)])
def test_payloads_are_as_large_as_asked(per_message: int, kb: float):
    made = make(Shape(spans_per_message=per_message), 50, kb)

    assert sum(map(len, made)) / 50 == pytest.approx(kb * 1024, rel=0.02)


def test_no_clock_is_doubted_because_of_the_records_times():
    made = corpus(make(Shape(), 100), WorkerSettings())
    spans = process_range(made.flushes[0], ours.make_engine()).tables["spans"]

    assert not any(spans["clock_skew"].to_pylist())


@pytest.mark.parametrize("kind", ["chat", "traces"])
def test_both_rivals_write_the_same_rows(kind: str, tmp_path: Path):
    values = list(payloads(Shape(kind=kind), 300))
    counts = (rows.to_parquet(values, str(tmp_path / "a")), pivot.make()(values, str(tmp_path / "b")))

    by_rows, by_pivot = pq.read_table(tmp_path / "a"), pq.read_table(tmp_path / "b")
    assert counts == (300, 300)
    assert by_rows.equals(by_pivot)
    assert by_rows.schema == SCHEMA
    filled = [name for name in SCHEMA.names if by_rows[name].null_count < len(by_rows)]
    absent = {"chat": {"parent_span_id", "agent_name", "tool_name", "error_class"}, "traces": {"error_class"}}
    assert set(SCHEMA.names) - set(filled) == absent[kind]


def test_a_rival_reads_what_each_span_says():
    request = ExportTraceServiceRequest.FromString(next(payloads(Shape(spans_per_message=5), 5)))
    said = [
        {pair.key: pair.value for pair in span.attributes} for span in request.resource_spans[0].scope_spans[0].spans
    ]
    handler_rows = pivot_rows([request.SerializeToString()])

    assert handler_rows["input_tokens"].to_pylist() == [one["gen_ai.usage.input_tokens"].int_value for one in said]
    assert handler_rows["response_id"].to_pylist() == [one["gen_ai.response.id"].string_value for one in said]
    assert handler_rows["service"].to_pylist() == ["assistant"] * 5


def pivot_rows(values: Sequence[bytes]) -> pa.Table:
    sink = pa.BufferOutputStream()
    pivot.make()(values, sink)  # type: ignore[arg-type]  # a file will do as well
    return pq.read_table(pa.BufferReader(sink.getvalue()))


def test_the_stages_share_the_whole_time_and_the_engine_is_left_as_it_was(tmp_path: Path):
    made = corpus(make(Shape(), 200), WorkerSettings())
    engine = ours.make_engine()
    before = [getattr(place, name) for _, place, name in ours.STAGES]
    stages = ours.split(made.flushes, engine, tmp_path)

    assert list(stages) == ["decode", "normalise", "once", "price", "roll-ups", "Parquet", "rest"]
    assert all(cpu_s >= 0 for cpu_s in stages.values())
    assert [getattr(place, name) for _, place, name in ours.STAGES] == before


def test_a_compacted_lake_holds_every_row_and_its_columns_add_up(tmp_path: Path):
    made = corpus(make(Shape(spans_per_message=10), 100), WorkerSettings(flush_spans=30))
    engine = ours.make_engine()
    written = [ours.to_parquet(flush, engine, tmp_path / "lake") for flush in made.flushes]
    sizes = ours.compact(tmp_path / "lake")

    for name in ("spans", "usage"):
        files = list((tmp_path / "lake" / name).rglob("*.parquet"))
        assert len(files) == 1
        assert pq.read_metadata(files[0]).num_rows == sum(tables[name].num_rows for tables in written)
    assert sum(size for name, size in sizes.items() if name.startswith("spans.")) == sizes["spans"]


def test_a_smaller_shape_makes_the_same_number_of_spans():
    assert corpus(make(replace(Shape(), spans_per_message=1), 7), WorkerSettings()).spans == 7
