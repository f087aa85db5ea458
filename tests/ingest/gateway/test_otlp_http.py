"""OTLP/HTTP as the specification has it, in front of an outlet in memory."""

import gzip
import hashlib
import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.gateway.outlet import MemoryOutlet
from ingest.gateway.refusals import Reason, Refused
from tests.ingest.gateway.serving import DATA, JSON, PROTOBUF, Answer, on_free_ports, request, serving, spans

CHAT = (DATA / "chat.pb").read_bytes()
CHAT_JSON = (DATA / "chat.json").read_bytes()
KEYS = {"acme-prod": {"sha256": hashlib.sha256(b"secret").hexdigest(), "tenant": "acme"}}


def status_of(answer: Answer) -> status_pb2.Status:
    if answer.headers["Content-Type"] == PROTOBUF:
        return status_pb2.Status.FromString(answer.body)
    return json_format.Parse(answer.body, status_pb2.Status())


def test_protobuf_is_stored_as_it_came_and_answered_in_protobuf():
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", CHAT)

    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, PROTOBUF, b"")
    (record,) = outlet.records
    assert record.value == CHAT
    assert record.topic == "otlp_spans"
    assert record.headers == [("content-type", PROTOBUF.encode())]


def test_json_is_stored_as_it_came_and_answered_in_json():
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", CHAT_JSON, "application/json; charset=utf-8")

    assert (answer.status, answer.headers["Content-Type"].split(";")[0], answer.body) == (200, JSON, b"{}")
    assert outlet.records[0].value == CHAT_JSON
    assert outlet.records[0].headers == [("content-type", JSON.encode())]


def test_gzip_is_stored_unpacked():
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", gzip.compress(CHAT), Content_Encoding="gzip")

    assert answer.status == 200
    assert outlet.records[0].value == CHAT


def test_each_signal_goes_to_its_topic():
    outlet = MemoryOutlet()
    logs = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'

    with serving(outlet=outlet) as gateway:
        gateway.post("/v1/metrics", (DATA / "metrics.pb").read_bytes())
        gateway.post("/v1/logs", logs, JSON)

    assert [record.topic for record in outlet.records] == ["otlp_metrics", "otlp_logs"]


def test_the_key_decides_the_tenant_and_a_clients_own_headers_do_not():
    outlet = MemoryOutlet()

    with serving(on_free_ports(api_keys=KEYS), outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", CHAT, Authorization="Bearer secret", Spanledger_Tenant="evil")

    assert answer.status == 200
    assert outlet.records[0].headers == [
        ("spanledger-tenant", b"acme"),
        ("spanledger-principal", b"acme-prod"),
        ("content-type", PROTOBUF.encode()),
    ]


def test_without_a_known_key_nothing_is_read_or_stored():
    outlet = MemoryOutlet()

    with serving(on_free_ports(api_keys=KEYS), outlet=outlet) as gateway:
        answers = [gateway.post("/v1/traces", CHAT), gateway.post("/v1/traces", CHAT, X_Api_Key="guess")]

    assert [answer.status for answer in answers] == [401, 401]
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers)
    assert "API key" in status_of(answers[0]).message
    assert outlet.records == []


@pytest.mark.parametrize(("body", "content_type"), [(CHAT[:-3], PROTOBUF), (b'{"resourceSpans": 5}', JSON)])
def test_malformed_bytes_get_400_and_a_status_in_the_requests_encoding(body: bytes, content_type: str):
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", body, content_type)

    assert answer.status == 400
    assert answer.headers["Content-Type"].split(";")[0] == content_type
    details = error_details_pb2.BadRequest()
    assert status_of(answer).details[0].Unpack(details)
    assert details.field_violations[0].field == "body"
    assert outlet.records == []


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(CHAT)[:-4], gzip.compress(CHAT) + b"!"])
def test_broken_gzip_gets_400(packed: bytes):
    with serving() as gateway:
        answer = gateway.post("/v1/traces", packed, Content_Encoding="gzip")

    assert answer.status == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/profiles", {}, 404),
        ("POST", "/", {}, 404),
        ("GET", "/v1/traces", {}, 405),
        ("PUT", "/v1/traces", {}, 405),
        ("POST", "/v1/traces", {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/traces", {"Content-Type": ""}, 415),
        ("POST", "/v1/traces", {"Content-Encoding": "br"}, 415),
        ("POST", "/v1/traces", {"Content-Encoding": "deflate"}, 415),
    ],
)
def test_what_is_no_otlp_request_gets_its_http_status_and_a_status_body(
    method: str, path: str, headers: dict[str, str], status: int
):
    with serving() as gateway:
        answer = request(gateway.gateway.http_port, method, path, CHAT, {"Content-Type": PROTOBUF} | headers)

    assert answer.status == status
    assert status_of(answer).message
    assert answer.headers["Allow"] == ("POST" if status == 405 else None)


def test_an_empty_request_is_a_success_and_makes_no_record():
    outlet = MemoryOutlet()

    with serving(outlet=outlet) as gateway:
        answers = [gateway.post("/v1/traces", b""), gateway.post("/v1/traces", b"{}", JSON)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b""), (200, b"{}")]
    assert outlet.records == []


def test_spans_without_valid_ids_are_reported_as_rejected_and_the_request_is_stored_whole():
    outlet = MemoryOutlet()
    body = spans(2) + spans(1, first=0)  # protobuf concatenates; span id 0 is invalid

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", body)

    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 1)
    assert "1 of 3 spans" in partial.error_message
    assert outlet.records[0].value == body


def test_foreign_bytes_that_parse_get_a_warning():
    with serving() as gateway:
        answer = gateway.post("/v1/traces", b'{"batches": []}', JSON)

    partial = json.loads(answer.body)["partialSuccess"]
    assert answer.status == 200
    assert partial == {"errorMessage": "the body holds no resource_spans: is it OTLP?"}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip bomb"])
def test_a_body_over_the_limit_gets_413(packed: bool):
    body = spans(1, pad=20_000)
    headers = {"Content_Encoding": "gzip"} if packed else {}

    with serving(on_free_ports(max_request_bytes=10_000)) as gateway:
        answer = gateway.post("/v1/traces", gzip.compress(body) if packed else body, **headers)

    assert answer.status == 413
    assert "10000 bytes" in status_of(answer).message
    assert answer.headers["Retry-After"] is None


def test_a_body_of_unknown_length_is_cut_off_at_the_limit():
    with serving(on_free_ports(max_request_bytes=10_000)) as gateway:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.gateway.http_port, timeout=30)
        chunks = iter([bytes(6000), bytes(6000)])
        connection.request("POST", "/v1/traces", chunks, {"Content-Type": PROTOBUF}, encode_chunked=True)
        status = connection.getresponse().status
        connection.close()

    assert status == 413


def test_a_client_that_waits_for_100_continue_gets_it():
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(CHAT)}\r\n"

    with serving() as gateway, socket.create_connection(("127.0.0.1", gateway.gateway.http_port), 30) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        interim = connection.recv(100)
        connection.sendall(CHAT)
        final = connection.recv(1000)

    assert interim.startswith(b"HTTP/1.1 100")
    assert final.startswith(b"HTTP/1.1 200")


def test_a_key_over_its_rate_gets_429_and_when_to_come_again():
    with serving(on_free_ports(rate_limit_bytes_per_s=100)) as gateway:
        first = gateway.post("/v1/traces", CHAT)
        second = gateway.post("/v1/traces", CHAT)

    assert (first.status, second.status) == (200, 429)
    assert 5 <= int(second.headers["Retry-After"]) <= 11  # 1,120 bytes at 100 a second
    retry = error_details_pb2.RetryInfo()
    assert status_of(second).details[0].Unpack(retry)
    assert 5 <= retry.retry_delay.seconds <= 11


def test_too_many_bytes_in_flight_get_503_until_kafka_has_settled_some():
    outlet = MemoryOutlet()
    outlet.hold = True
    body = spans(1, pad=5000)

    with (
        serving(on_free_ports(max_in_flight_bytes=12_000), outlet=outlet) as gateway,
        ThreadPoolExecutor() as threads,
    ):
        held = threads.submit(gateway.post, "/v1/traces", body)
        outlet.arrived.wait(30)
        refused = gateway.post("/v1/traces", body)
        gateway.call(outlet.let_go)
        settled = held.result(30)
        outlet.hold = False
        later = gateway.post("/v1/traces", body)

    assert (refused.status, settled.status, later.status) == (503, 200, 200)
    assert refused.headers["Retry-After"] == "1"
    assert gateway.gateway.in_flight.bytes == 0


def test_no_success_before_the_acknowledgement_and_503_when_it_does_not_come():
    outlet = MemoryOutlet()
    outlet.hold = True

    with serving(on_free_ports(ack_timeout_s=0.2), outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", CHAT)
        still_held = gateway.gateway.in_flight.bytes
        gateway.call(outlet.let_go)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert still_held > len(CHAT)
    assert gateway.gateway.in_flight.bytes == 0


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (Refused(Reason.KAFKA, "Kafka is away", retry_after_s=2), 503),
        (Refused(Reason.TOO_LARGE, "too large for Kafka"), 413),
    ],
)
def test_what_kafka_refuses_is_no_success(refused: Refused, status: int):
    outlet = MemoryOutlet()
    outlet.fail = refused

    with serving(outlet=outlet) as gateway:
        answer = gateway.post("/v1/traces", CHAT)

    assert answer.status == status
    assert gateway.gateway.in_flight.bytes == 0


def test_a_body_that_does_not_come_gets_503_and_its_bytes_are_given_back():
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(CHAT)}\r\n\r\n"

    with (
        serving(on_free_ports(read_timeout_s=0.2)) as gateway,
        socket.create_connection(("127.0.0.1", gateway.gateway.http_port), 30) as connection,
    ):
        connection.sendall(head.encode() + CHAT[:100])
        answer = connection.recv(1000)
        left = gateway.gateway.in_flight.bytes

    assert answer.startswith(b"HTTP/1.1 503")
    assert left == 0
