"""A simulated fleet, told as exporters tell it, and settled: shares and idle time are the truth, all is the bill."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export import SpanExportResult

from ingest.simulator import IncidentSpec, Simulation, Truth, Workload
from ingest.simulator.backfill import Batch
from ingest.simulator.fleet import GPUS
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.ingest.simulated import NOON_NS, JumpingClock, Remembering
from tests.warehouse import gpu_world
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import flush_record, rows
from tests.warehouse.settling import World
from warehouse.lake import Flush, Range

pytestmark = pytest.mark.long

HOURS = 2
END = dt.datetime.fromtimestamp(NOON_NS / 1e9, tz=dt.UTC)
RATE = Decimal("2.99")
NEAR = 0.01
"""Minutes and samples cut a call's time elsewhere than it began and ended."""


class RememberingMetrics(MetricExporter):
    """Takes every batch; the first export fails."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[MetricsData] = []
        self._failed = False

    def export(self, metrics_data: MetricsData, *_: object, **__: object) -> MetricExportResult:
        """Remember, or fail."""
        if not self._failed:
            self._failed = True
            return MetricExportResult.FAILURE
        self.batches.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, *_: object) -> bool:
        """Nothing waits."""
        return True

    def shutdown(self, *_: object, **__: object) -> None:
        """Nothing is open."""


class RememberingBatches:
    """Takes what a backfill sends."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, _tenant: str) -> RememberingBatches:
        """The exporter of any tenant."""
        return self

    def export(self, batch: Batch) -> SpanExportResult:
        """Remember."""
        self.bodies.append(batch.body)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module", params=["history_s", "backfill_s"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, World]:
    """The truth of a simulation, played or copied, and the settled lake that a worker would have made of it."""
    spans, metrics, batches = Remembering(), RememberingMetrics(), RememberingBatches()
    workload = Workload(calls_per_s=4, seed="gpus", live_s=0, gpus=True, **{request.param: HOURS * 3600})
    truth = Simulation(
        workload, spans, stop=threading.Event(), clock=JumpingClock(), metrics=lambda: metrics, batches=batches
    ).run()
    directory = tmp_path_factory.mktemp("gpus")
    world = World(directory)
    played = [spans.spans[first : first + 2000] for first in range(0, len(spans.spans), 2000)]
    bodies = [encode_spans(batch).SerializeToString() for batch in played]
    commit(world, "otlp_spans", bodies or batches.bodies)
    commit(world, "otlp_metrics", [encode_metrics(batch).SerializeToString() for batch in metrics.batches])
    how = gpu_world.settings(directory, f'[[rates]]\ngpu_model = "NVIDIA H100*"\nusd_per_hour = "{RATE}"\n')
    world.settle(now=END + dt.timedelta(hours=2), how=how)
    return truth, world


def commit(world: World, topic: str, payloads: Sequence[bytes]) -> None:
    """All payloads as one flush of a topic."""
    received = NOON_NS // 1000
    messages = [
        Message(topic=topic, partition=0, offset=n, received_at_us=received, value=value)
        for n, value in enumerate(payloads)
    ]
    made = process_range(messages, Engine.of(WorkerSettings(), user_key=bytes(32)))
    assert not made.dropped
    part = Range(app_id=f"cluster/{topic}/0", first=0, next=len(messages))
    times = {"first_record_at": END, "last_record_at": END, "flushed_at": END}
    record = flush_record(part, topic=topic, spans=made.tables["spans"].num_rows, **times)
    tables: dict[str, pa.Table] = {**made.tables, "flushes": rows("flushes", record)}
    open_lake(world.settings).commit(
        Flush(ranges=(part,), tables={name: {part.app_id: table} for name, table in tables.items()})
    )


def seconds_by(lines: Sequence[tuple[tuple[str | None, ...], float]]) -> dict[tuple[str | None, ...], float]:
    found: dict[tuple[str | None, ...], float] = defaultdict(float)
    for key, seconds in lines:
        found[key] += seconds
    return dict(found)


def test_whose_the_time_of_each_gpu_was_is_the_truth_within_the_error_of_sampling(told: tuple[Truth, World]):
    truth, world = told
    names = ("gpu", "line", "tenant", "feature", "model")

    found = gpu_world.minutes(world)

    settled = seconds_by([(tuple(row[name] for name in names), row["time_us"] / 1e6) for row in found])
    true = seconds_by([(tuple(getattr(line, name) for name in names), line.seconds) for line in truth.gpus])
    settled = {key: seconds for key, seconds in settled.items() if seconds}
    assert settled.keys() - true.keys() <= {(gpu.uuid, "unattributed", None, None, None) for gpu in GPUS}
    off = {key: (seconds, settled.get(key, 0.0)) for key, seconds in true.items()}
    assert [key for key, (one, other) in off.items() if abs(one - other) > NEAR * one + 1.0] == []
    strays = sum(seconds for key, seconds in settled.items() if key not in true)
    assert strays < NEAR * sum(true.values())
    tenants = {line.tenant for line in truth.gpus if line.line == "used"}
    assert tenants == {"initech", "globex"}
    assert min(line.seconds for line in truth.gpus if line.line == "used") > 60


def test_all_lines_add_up_to_the_bill_to_the_picodollar(told: tuple[Truth, World]):
    _, world = told

    seconds, cost = gpu_world.total(gpu_world.minutes(world))

    assert seconds == HOURS * 3600 * len(GPUS)
    assert cost == RATE * HOURS * len(GPUS)


def test_every_call_of_the_self_hosted_model_is_counted_once_with_its_tokens(told: tuple[Truth, World]):
    truth, world = told

    found = gpu_world.minutes(world)

    lines = [line for line in truth.by if line.model == "orion-13b-instruct"]
    counted = {name: sum(row[name] for row in found) for name in ("calls", "input_tokens", "output_tokens")}
    tokens = {name: sum(line.tokens[name] for line in lines) for name in ("input_tokens", "output_tokens")}
    assert counted == {"calls": sum(line.calls for line in lines)} | tokens


def test_the_truth_survives_its_file_and_adds_up(told: tuple[Truth, World]):
    truth, _ = told

    assert Truth.from_json(truth.to_json()) == truth
    twice = truth.merge(dataclasses.replace(truth, incidents=()))
    assert sum(line.seconds for line in twice.gpus) == pytest.approx(2 * sum(line.seconds for line in truth.gpus))


def test_an_incident_of_a_feature_that_runs_on_gpus_is_refused():
    spec = IncidentSpec.parse("prompt_bloat:globex/meeting-notes@10+60")

    with pytest.raises(ValueError, match="globex/meeting-notes runs on GPUs"):
        Workload(calls_per_s=1, seed="1", live_s=100, incidents=(spec,), gpus=True)


def test_without_the_flag_there_is_no_fleet():
    plain = Simulation(
        Workload(calls_per_s=1, seed="1", history_s=60, live_s=0),
        Remembering(), stop=threading.Event(), clock=JumpingClock(), metrics=RememberingMetrics,
    ).run()  # fmt: skip

    assert plain.gpus == ()
