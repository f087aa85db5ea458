"""Stock OpenTelemetry exporters, unmodified, through the gateway into a real Kafka."""

import hashlib
from collections.abc import Callable

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter

from ingest.settings import KafkaSettings
from tests.ingest.gateway.serving import PROTOBUF, Serving, on_free_ports, serving
from tests.ingest.gateway.stored import stored

KEYS = {"acme-prod": {"sha256": hashlib.sha256(b"secret").hexdigest(), "tenant": "acme"}}
BEARER = {"authorization": "Bearer secret"}


def over_grpc(gateway: Serving) -> SpanExporter:
    return GrpcSpanExporter(f"http://{gateway.grpc_target}", headers=BEARER)


def over_grpc_gzipped(gateway: Serving) -> SpanExporter:
    return GrpcSpanExporter(f"http://{gateway.grpc_target}", headers=BEARER, compression=grpc.Compression.Gzip)


def over_http(gateway: Serving) -> SpanExporter:
    return HttpSpanExporter(f"{gateway.url}/v1/traces", headers=BEARER)


def over_http_gzipped(gateway: Serving) -> SpanExporter:
    return HttpSpanExporter(f"{gateway.url}/v1/traces", headers=BEARER, compression=Compression.Gzip)


@pytest.mark.parametrize("exporter", [over_grpc, over_grpc_gzipped, over_http, over_http_gzipped])
def test_spans_of_the_sdk_arrive_with_their_tenant_in_one_partition_and_in_order(
    exporter: Callable[[Serving], SpanExporter], kafka_settings: KafkaSettings
):
    names = [f"call {number}" for number in range(20)]

    with serving(on_free_ports(api_keys=KEYS), kafka=kafka_settings) as gateway:
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter(gateway)))
        for name in names:
            with provider.get_tracer("test").start_as_current_span(name):
                pass
        provider.shutdown()
        records = stored(kafka_settings, kafka_settings.spans_topic)

    requests = [ExportTraceServiceRequest.FromString(record.value) for record in records]
    assert [request.resource_spans[0].scope_spans[0].spans[0].name for request in requests] == names
    assert len({record.partition for record in records}) == 1
    assert {tuple(record.headers) for record in records} == {
        (("spanledger-tenant", b"acme"), ("spanledger-principal", b"acme-prod"), ("content-type", PROTOBUF.encode()))
    }


def test_a_batch_of_the_sdk_is_one_record(kafka_settings: KafkaSettings):
    with serving(kafka=kafka_settings) as gateway:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(HttpSpanExporter(f"{gateway.url}/v1/traces")))
        for _ in range(100):
            provider.get_tracer("test").start_span("call").end()
        provider.shutdown()
        (record,) = stored(kafka_settings, kafka_settings.spans_topic)

    request = ExportTraceServiceRequest.FromString(record.value)
    assert len(request.resource_spans[0].scope_spans[0].spans) == 100


def test_metrics_and_logs_of_the_sdk_arrive_in_their_topics(kafka_settings: KafkaSettings):
    with serving(kafka=kafka_settings) as gateway:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"http://{gateway.grpc_target}"), 3_600_000)
        meters = MeterProvider([reader], shutdown_on_exit=False)
        meters.get_meter("test").create_counter("tokens").add(7)
        meters.shutdown()
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"http://{gateway.grpc_target}")))
        logs.get_logger("test").emit(body="hello")
        logs.shutdown()
        (metric,) = stored(kafka_settings, kafka_settings.metrics_topic)
        (line,) = stored(kafka_settings, kafka_settings.logs_topic)

    metrics = ExportMetricsServiceRequest.FromString(metric.value).resource_metrics[0].scope_metrics[0].metrics
    assert metrics[0].sum.data_points[0].as_int == 7
    records = ExportLogsServiceRequest.FromString(line.value).resource_logs[0].scope_logs[0].log_records
    assert records[0].body.string_value == "hello"
