"""OTLP/gRPC as the specification has it, in front of an outlet in memory."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.gateway.outlet import MemoryOutlet
from tests.ingest.gateway.serving import DATA, PROTOBUF, Serving, on_free_ports, serving, spans

CHAT = (DATA / "chat.pb").read_bytes()
KEYS = {"hub": {"sha256": hashlib.sha256(b"secret").hexdigest(), "tenants": ["north", "south"]}}


def refusal(gateway: Serving, body: bytes, **options: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as error:
        gateway.export(body, **options)
    return error.value


def details(error: grpc.RpcError) -> status_pb2.Status:
    trailers = dict(error.trailing_metadata())
    return status_pb2.Status.FromString(trailers["grpc-status-details-bin"])


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_is_stored_as_it_came(compression: grpc.Compression):
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.export(CHAT, compression=compression)

    assert answer == b""
    (record,) = outlet.records
    assert (record.topic, record.value) == ("otlp_spans", CHAT)
    assert record.headers == [("content-type", PROTOBUF.encode())]


def test_the_generated_stubs_of_metrics_and_logs_work_and_go_to_their_topics():
    outlet = MemoryOutlet()
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "hello"
    metrics = ExportMetricsServiceRequest.FromString((DATA / "metrics.pb").read_bytes())

    with serving(outlet=outlet) as gateway, grpc.insecure_channel(gateway.grpc_target) as channel:
        answers = (MetricsServiceStub(channel).Export(metrics), LogsServiceStub(channel).Export(logs))

    assert not any(answer.HasField("partial_success") for answer in answers)
    assert [record.topic for record in outlet.records] == ["otlp_metrics", "otlp_logs"]


def test_the_key_decides_the_tenants():
    outlet = MemoryOutlet()

    with serving(on_free_ports(api_keys=KEYS), outlet=outlet) as gateway:
        gateway.export(CHAT, metadata=(("authorization", "Bearer secret"), ("spanledger-tenants", "evil")))

    assert outlet.records[0].headers[:2] == [("spanledger-tenants", b"north,south"), ("spanledger-principal", b"hub")]


def test_without_a_known_key_a_call_is_unauthenticated():
    outlet = MemoryOutlet()

    with serving(on_free_ports(api_keys=KEYS), outlet=outlet) as gateway:
        errors = [refusal(gateway, CHAT), refusal(gateway, CHAT, metadata=(("x-api-key", "guess"),))]

    assert [error.code() for error in errors] == [grpc.StatusCode.UNAUTHENTICATED] * 2
    assert outlet.records == []


def test_malformed_bytes_are_an_invalid_argument_with_details():
    with serving() as gateway:
        error = refusal(gateway, CHAT[:-3])

    violation = error_details_pb2.BadRequest()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error).code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert details(error).details[0].Unpack(violation)


def test_an_unknown_method_is_unimplemented():
    path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"

    with (
        serving() as gateway,
        grpc.insecure_channel(gateway.grpc_target) as channel,
        pytest.raises(grpc.RpcError) as error,
    ):
        channel.unary_unary(path)(b"")

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_empty_request_is_a_success_and_makes_no_record():
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.export(b"")

    assert answer == b""
    assert outlet.records == []


def test_spans_without_valid_ids_are_reported_as_rejected():
    with serving() as gateway:
        answer = gateway.export(spans(3, first=0))

    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_exhausted_without_a_hint_to_retry(compression: grpc.Compression):
    with serving(on_free_ports(max_request_bytes=10_000)) as gateway:
        error = refusal(gateway, spans(1, pad=20_000), compression=compression)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata())


def test_a_key_over_its_rate_is_exhausted_with_a_hint_to_retry():
    with serving(on_free_ports(rate_limit_bytes_per_s=100)) as gateway:
        gateway.export(CHAT)
        error = refusal(gateway, CHAT)

    retry = error_details_pb2.RetryInfo()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(error).details[0].Unpack(retry)
    assert 5 <= retry.retry_delay.seconds <= 11
    plain = error_details_pb2.RetryInfo.FromString(dict(error.trailing_metadata())["google.rpc.retryinfo-bin"])
    assert plain == retry


def test_too_many_bytes_in_flight_are_unavailable_with_a_hint_to_retry():
    outlet = MemoryOutlet()
    outlet.hold = True
    body = spans(1, pad=5000)

    with (
        serving(on_free_ports(max_in_flight_bytes=12_000), outlet=outlet) as gateway,
        ThreadPoolExecutor() as threads,
    ):
        held = threads.submit(gateway.export, body)
        outlet.arrived.wait(30)
        error = refusal(gateway, body)
        gateway.call(outlet.let_go)
        settled = held.result(30)

    retry = error_details_pb2.RetryInfo()
    assert settled == b""
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert details(error).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 1
    assert gateway.gateway.in_flight.bytes == 0


def test_no_success_before_the_acknowledgement_and_unavailable_when_it_does_not_come():
    outlet = MemoryOutlet()
    outlet.hold = True

    with serving(on_free_ports(ack_timeout_s=0.2), outlet=outlet) as gateway:
        error = refusal(gateway, CHAT)
        gateway.call(outlet.let_go)

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert gateway.gateway.in_flight.bytes == 0


def test_a_call_without_a_message_is_refused_and_its_bytes_are_given_back():
    with serving() as gateway, grpc.insecure_channel(gateway.grpc_target) as channel:
        export = channel.stream_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as error:
            export(iter(()))
        left = gateway.gateway.in_flight.bytes

    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert left == 0
