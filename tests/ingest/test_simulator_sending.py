"""Sending: real spans by the stock exporter, and a truth that counts what arrived."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from ingest.errors import GatewayUnreachable
from ingest.gateway.outlet import MemoryOutlet
from ingest.simulator import EVERY_TENANT, IncidentSpec, Progress, Simulation, Target, Workload
from ingest.simulator.tasks import SECOND_NS
from tests.ingest.gateway.serving import on_free_ports, serving
from tests.ingest.simulated import NOON_NS, JumpingClock, Remembering, simulate

HISTORY = Workload(calls_per_s=0.6, seed="sending", history_s=900, live_s=0)


def _received(outlet: MemoryOutlet) -> Iterator[Span]:
    for record in outlet.records:
        for resource in ExportTraceServiceRequest.FromString(record.value).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


@pytest.mark.parametrize("grpc", [False, True])
def test_the_stock_exporters_bring_every_span_of_the_truth_to_the_gateway(grpc: bool) -> None:
    outlet = MemoryOutlet()
    with serving(outlet=outlet) as gateway:
        target = Target(endpoint=f"http://{gateway.grpc_target}" if grpc else gateway.url, grpc=grpc)
        truth = Simulation(HISTORY, target.exporter, stop=threading.Event(), clock=JumpingClock()).run()

    spans = list(_received(outlet))

    assert len({(span.trace_id, span.span_id) for span in spans}) == len(spans) == truth.spans > 400
    assert all(NOON_NS - 900 * SECOND_NS <= span.start_time_unix_nano < NOON_NS for span in spans)


def test_each_tenant_sends_with_its_own_key() -> None:
    exporters = Target(
        endpoint="http://127.0.0.1:9", api_keys={"acme": "for acme", EVERY_TENANT: "for the rest"}
    ).exporter

    keys = {tenant: exporters(tenant)._client._headers["x-api-key"] for tenant in ("acme", "hooli")}

    assert keys == {"acme": "for acme", "hooli": "for the rest"}


def test_a_key_of_the_gateway_is_taken_and_a_wrong_one_ends_the_simulation() -> None:
    settings = on_free_ports(
        api_keys={
            "all": {"sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "tenant": "acme"}
        }
    )
    with serving(settings) as gateway:
        right = Target(endpoint=gateway.url, api_keys={EVERY_TENANT: "secret"})
        wrong = Target(endpoint=gateway.url, api_keys={EVERY_TENANT: "guess"})

        truth = Simulation(HISTORY, right.exporter, stop=threading.Event()).run()
        refused = Simulation(HISTORY, wrong.exporter, stop=threading.Event(), patience_s=0.5)
        with pytest.raises(GatewayUnreachable, match=r"code: 401.*; check --endpoint and --api-key$"):
            refused.run()

    assert truth.spans > 400
    assert refused.truth().spans == 0


def test_the_same_seed_and_start_give_the_same_spans() -> None:
    one, again, other = Remembering(), Remembering(), Remembering()

    for exporter in (one, again):
        simulate(HISTORY, exporter)
    simulate(Workload(calls_per_s=0.5, seed="other", history_s=900, live_s=0), other)

    assert one.identities == again.identities
    assert set(one.identities).isdisjoint(other.identities)


def test_a_failed_export_is_sent_again_and_counted_once() -> None:
    flaky, steady = Remembering(failures=3), Remembering()

    truth = simulate(HISTORY, flaky)

    assert truth == simulate(HISTORY, steady)
    assert flaky.exports == steady.exports + 3
    assert flaky.identities == steady.identities


def test_a_gateway_that_takes_nothing_ends_the_simulation() -> None:
    closed = Remembering(failures=1_000_000)
    simulation = Simulation(HISTORY, closed, stop=threading.Event(), clock=JumpingClock(), patience_s=0.5)

    with pytest.raises(GatewayUnreachable, match=r"took no spans for 0\.5 s: "):
        simulation.run()

    assert simulation.truth().spans == 0


def test_nothing_is_sent_before_it_has_ended() -> None:
    clock = JumpingClock()
    early: list[ReadableSpan] = []

    class Watching(Remembering):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            early.extend(span for span in spans if (span.end_time or 0) > clock.now_ns())
            return super().export(spans)

    truth = simulate(Workload(calls_per_s=20, seed="live", live_s=30), Watching(), clock=clock)

    assert truth.spans > 100
    assert early == []


def test_history_comes_first_and_the_live_part_starts_now() -> None:
    progress: list[Progress] = []
    workload = Workload(
        calls_per_s=2, seed="both", history_s=60, live_s=60, incidents=(IncidentSpec.parse("retry_loop@10+40"),)
    )

    truth = simulate(workload, Remembering(), on_progress=progress.append)

    parts = [step.part for step in progress]
    assert parts == sorted(parts)
    assert set(parts) == {"history", "live"}
    assert truth.started_at
    assert truth.ended_at
    assert truth.started_at.timestamp() < NOON_NS / SECOND_NS < truth.ended_at.timestamp()
    assert [incident.started_at.timestamp() for incident in truth.incidents] == [NOON_NS / SECOND_NS + 10]


def test_an_incident_is_over_when_the_live_part_is() -> None:
    workload = Workload(calls_per_s=20, seed="cut", live_s=40, incidents=(IncidentSpec.parse("retry_loop@5+300"),))

    [incident] = simulate(workload, Remembering()).incidents

    assert incident.ended_at.timestamp() == NOON_NS / SECOND_NS + 40
    assert incident.extra_usd > 5 * incident.baseline_usd > 0


def test_a_stopped_simulation_sends_what_has_ended_and_ends() -> None:
    stop, exporter = threading.Event(), Remembering()
    workload = Workload(calls_per_s=20, seed="stopped")  # without an end

    truth = simulate(workload, exporter, stop=stop, on_progress=lambda p: stop.set() if p.elapsed_s > 20 else None)

    assert truth.spans == len(exporter.spans) > 50


@pytest.mark.parametrize(
    "workload",
    [
        {"calls_per_s": 0},
        {"history_s": -1},
        {"live_s": -1},
        {"live_s": 5, "incidents": (IncidentSpec.parse("retry_loop@10"),)},
        {"history_s": 60, "incidents": (IncidentSpec.parse("retry_loop@-2m"),)},
    ],
)
def test_an_impossible_workload_is_refused(workload: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|outside"):
        Workload(**{"calls_per_s": 1.0, "seed": "s", **workload})  # type: ignore[arg-type]


@pytest.mark.parametrize("grpc", [False, True])
def test_samples_of_the_fleet_reach_the_gateway_in_history_and_live(grpc: bool) -> None:
    outlet, clock = MemoryOutlet(), JumpingClock()
    workload = Workload(calls_per_s=0.6, seed="gpus", history_s=300, live_s=120, gpus=True)
    with serving(outlet=outlet) as gateway:
        target = Target(endpoint=f"http://{gateway.grpc_target}" if grpc else gateway.url, grpc=grpc)
        simulation = Simulation(
            workload, target.exporter, stop=threading.Event(), clock=clock, metrics=target.metric_exporter
        )
        truth = simulation.run()

    busy = _busy(outlet)
    times = sorted({point.time_unix_nano for point in busy})
    assert (times[0], len(busy)) == (NOON_NS - 300 * SECOND_NS, 4 * len(times))
    assert {after - before for before, after in pairwise(times)} == {15 * SECOND_NS}
    assert sum(line.seconds for line in truth.gpus) == pytest.approx(4 * (times[-1] - times[0]) / SECOND_NS)
    assert times[-1] - times[0] == 420 * SECOND_NS


def test_a_backfill_tells_of_gpus_each_minute_of_its_last_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.simulator.simulation.GPU_DAYS", 1)
    outlet = MemoryOutlet()
    workload = Workload(calls_per_s=0.01, seed="gpus", backfill_s=2 * 86_400, live_s=0, gpus=True)
    with serving(outlet=outlet) as gateway:
        target = Target(endpoint=gateway.url)
        truth = Simulation(
            workload, target.exporter, stop=threading.Event(), clock=JumpingClock(),
            metrics=target.metric_exporter, batches=target.batch_exporter,
        ).run()  # fmt: skip

    times = sorted({point.time_unix_nano for point in _busy(outlet)})
    assert (times[0], times[-1]) == (NOON_NS - 86_400 * SECOND_NS, NOON_NS)
    assert {after - before for before, after in pairwise(times)} == {60 * SECOND_NS}
    assert sum(line.seconds for line in truth.gpus) == pytest.approx(4 * 86_400)
    assert {line.tenant for line in truth.gpus if line.line == "used" and line.seconds} == {"globex", "initech"}


def _busy(outlet: MemoryOutlet) -> list[NumberDataPoint]:
    """How busy GPUs were, point by point."""
    return [
        point
        for record in outlet.records
        if record.topic == "otlp_metrics"
        for resource in ExportMetricsServiceRequest.FromString(record.value).resource_metrics
        for metric in resource.scope_metrics[0].metrics
        if metric.name == "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
        for point in metric.gauge.data_points
    ]
