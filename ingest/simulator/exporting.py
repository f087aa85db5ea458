"""Samples of the fleet as dcgm-exporter and vLLM tell them through a Collector, sent by the stock OTLP exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import monotonic, sleep

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AttributeValue

from ingest.errors import GatewayUnreachable
from ingest.simulator.catalog import ORION
from ingest.simulator.fleet import GPUS, Gpu, Sample

SCOPE = InstrumentationScope("github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver")
BATCH_SAMPLES = 60
IDLE_W, BUSY_W = 75.0, 620.0
PAUSE_S = 0.5


class SampleSender:
    """Sends samples in batches; one that fails is sent again for ``patience_s``."""

    def __init__(self, exporter: Callable[[], MetricExporter], *, patience_s: float = 60.0) -> None:
        self._make = exporter
        self._exporter: MetricExporter | None = None
        self._patience_s = patience_s

    def send(self, samples: Sequence[Sample]) -> None:
        """Send them all. Raises GatewayUnreachable."""
        for first in range(0, len(samples), BATCH_SAMPLES):
            self._insist(as_metrics(samples[first : first + BATCH_SAMPLES]))

    def close(self) -> None:
        """Give the connection back."""
        if self._exporter is not None:
            self._exporter.shutdown()

    def _insist(self, metrics: MetricsData) -> None:
        self._exporter = self._exporter or self._make()
        deadline = monotonic() + self._patience_s
        while self._exporter.export(metrics) is not MetricExportResult.SUCCESS:
            if monotonic() > deadline:
                raise GatewayUnreachable(f"the gateway took no metrics for {self._patience_s:g} s; check --endpoint")
            sleep(PAUSE_S)


def as_metrics(samples: Sequence[Sample]) -> MetricsData:
    """One scrape of each GPU's exporter and of the server for each sample."""
    return MetricsData(resource_metrics=[_of_gpus(samples), _of_server(samples)])


def _of_gpus(samples: Sequence[Sample]) -> ResourceMetrics:
    told: dict[str, list[NumberDataPoint]] = {}
    for sample in samples:
        for gpu, busy in zip(GPUS, sample.busy, strict=True):
            values = {
                "DCGM_FI_DEV_GPU_UTIL": float(round(100 * busy)),
                "DCGM_FI_PROF_GR_ENGINE_ACTIVE": busy,
                "DCGM_FI_DEV_FB_USED": 0.85 * gpu.memory_mib if gpu.does else 4.0,
                "DCGM_FI_DEV_FB_TOTAL": float(gpu.memory_mib),
                "DCGM_FI_DEV_POWER_USAGE": IDLE_W + busy * BUSY_W,
                "DCGM_FI_DEV_XID_ERRORS": 0.0,
            }
            for name, value in values.items():
                told.setdefault(name, []).append(_point(sample, _labels(gpu), value))
    metrics = [_gauge(name, points) for name, points in told.items()]
    return _resource("gpu", "gpu-nodes:9400", metrics)


def _of_server(samples: Sequence[Sample]) -> ResourceMetrics:
    labels: dict[str, AttributeValue] = {"model_name": ORION.name, "engine": "0"}
    gauges = {
        "vllm:num_requests_running": [_point(one, labels, float(one.running)) for one in samples],
        "vllm:num_requests_waiting": [_point(one, labels, 0.0) for one in samples],
        "vllm:kv_cache_usage_perc": [_point(one, labels, one.kv_share) for one in samples],
    }
    counters = {
        "vllm:prompt_tokens_total": [_point(one, labels, float(one.prompt_tokens), one.since_ns) for one in samples],
        "vllm:generation_tokens_total": [
            _point(one, labels, float(one.generation_tokens), one.since_ns) for one in samples
        ],
    }
    metrics = [_gauge(name, points) for name, points in gauges.items()]
    metrics += [_counter(name, points) for name, points in counters.items()]
    return _resource("orion", f"{ORION.address}:8000", metrics, pod="orion-0")


def _labels(gpu: Gpu) -> dict[str, AttributeValue]:
    labels: dict[str, AttributeValue] = {
        "gpu": str(gpu.index), "UUID": gpu.uuid, "device": f"nvidia{gpu.index}", "modelName": gpu.model,
        "Hostname": gpu.host,
    }  # fmt: skip
    return labels | ({"pod": gpu.pod, "namespace": "serving"} if gpu.pod else {})


def _point(
    sample: Sample, labels: dict[str, AttributeValue], value: float, since_ns: int | None = None
) -> NumberDataPoint:
    return NumberDataPoint(attributes=labels, start_time_unix_nano=since_ns, time_unix_nano=sample.at_ns, value=value)  # type: ignore[arg-type]


def _gauge(name: str, points: Iterable[NumberDataPoint]) -> Metric:
    return Metric(name=name, description="", unit="", data=Gauge(data_points=list(points)))


def _counter(name: str, points: Iterable[NumberDataPoint]) -> Metric:
    data = Sum(data_points=list(points), aggregation_temporality=AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Metric(name=name, description="", unit="", data=data)


def _resource(job: str, target: str, metrics: Sequence[Metric], pod: str = "") -> ResourceMetrics:
    host, _, port = target.rpartition(":")
    told = {"service.name": job, "service.instance.id": target, "server.address": host, "server.port": port}
    resource = Resource(told | ({"k8s.pod.name": pod} if pod else {}))
    scopes = [ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")]
    return ResourceMetrics(resource=resource, scope_metrics=scopes, schema_url="")
