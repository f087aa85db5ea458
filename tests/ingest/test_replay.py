"""Replay: captured files sent again, and a verdict for each."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.errors import GatewayUnreachable
from ingest.gateway.outlet import MemoryOutlet
from ingest.gateway.refusals import Reason, Refused
from ingest.replay import Capture, HttpSink, Plan, Sent, Sink, Verdict, read_capture, send_captures
from ingest.replay.captures import JSON, PROTOBUF
from ingest.replay.fresh import FreshIds
from tests.ingest.gateway.serving import Serving, serving, span_numbers, spans

TRACE_ID, SPAN_ID = "ab" * 16, "cd" * 8
BROKEN = b"\x0a\xff\xff"


class Remembering:
    """A sink that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.kinds: set[tuple[str, str]] = set()

    async def send(self, body: bytes, content_type: str, signal: str) -> Verdict:
        """Keep the body."""
        self.bodies.append(body)
        self.kinds.add((content_type, signal))
        return Verdict(accepted=True)


def _json_request(**span: Any) -> bytes:
    one = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "chat", **span}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode()


def _write(tmp_path: Path, name: str, content: bytes) -> Capture:
    (tmp_path / name).write_bytes(content)
    return read_capture(str(tmp_path / name))


def _send(sink: Sink, *captures: Capture, **plan: Any) -> list[Sent]:
    return asyncio.run(send_captures(captures, sink, Plan(**plan)))


def _send_to(gateway: Serving, *captures: Capture) -> list[Sent]:
    async def send() -> list[Sent]:
        async with HttpSink(gateway.url, {}) as sink:
            return await send_captures(captures, sink, Plan())

    return asyncio.run(send())


def test_the_first_byte_tells_json_from_protobuf(tmp_path: Path) -> None:
    captures = [
        _write(tmp_path, "a", spans(1)),
        _write(tmp_path, "b", b'\n {"resourceSpans": []}'),
        _write(tmp_path, "c", b"[]"),
        _write(tmp_path, "d", b'{"resourceMetrics": []}'),
    ]

    assert [(capture.format, capture.signal) for capture in captures] == [
        ("protobuf", "traces"),
        ("json", "traces"),
        ("json", "traces"),
        ("json", "metrics"),
    ]


def test_a_file_of_json_lines_holds_one_request_a_line(tmp_path: Path) -> None:
    lines = _write(tmp_path, "lines", _json_request() + b"\n" + _json_request() + b"\n")
    pretty = _write(tmp_path, "pretty", json.dumps(json.loads(_json_request()), indent=2).encode())

    assert len(lines.requests) == 2
    assert len(pretty.requests) == 1


def test_each_file_gets_its_verdict_from_the_gateway(tmp_path: Path) -> None:
    outlet = MemoryOutlet()
    good, json_file = _write(tmp_path, "good", spans(3)), _write(tmp_path, "json", _json_request())
    bad = _write(tmp_path, "bad", BROKEN)
    with serving(outlet=outlet) as gateway:
        sent = _send_to(gateway, good, json_file, bad)

    assert [(one.accepted, one.refused, one.spans) for one in sent] == [(1, 0, 3), (1, 0, 1), (0, 1, None)]
    assert sent[2].reason == "HTTP 400: the body is no ExportTraceServiceRequest in application/x-protobuf"
    assert sorted(len(record.value) for record in outlet.records) == sorted(
        len(c.requests[0]) for c in (good, json_file)
    )


def test_bytes_arrive_as_they_stand_in_the_file(tmp_path: Path) -> None:
    sink = Remembering()

    _send(sink, _write(tmp_path, "a", spans(2)), _write(tmp_path, "b", BROKEN))

    assert sorted(sink.bodies) == sorted([spans(2), BROKEN])
    assert sink.kinds == {(PROTOBUF, "traces")}


def test_repeating_sends_every_file_so_often(tmp_path: Path) -> None:
    sink = Remembering()

    [sent] = _send(sink, _write(tmp_path, "a", spans(2)), repeat=5)

    assert (sent.requests, sent.accepted, sent.spans) == (5, 5, 10)
    assert set(sink.bodies) == {spans(2)}


def test_fresh_ids_make_every_repetition_other_spans(tmp_path: Path) -> None:
    sink = Remembering()

    _send(sink, _write(tmp_path, "a", spans(3)), repeat=4, ids=random.Random(1))

    numbers = [number for body in sink.bodies for number in span_numbers(body)]
    assert len(set(numbers)) == 12
    assert set(numbers).isdisjoint({1, 2, 3})


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_fresh_ids_keep_parents_links_and_all_else(content_type: str) -> None:
    parent = {"traceId": TRACE_ID, "spanId": "11" * 8, "name": "parent"}
    attribute = {"key": "gen_ai.response.id", "value": {"stringValue": "chatcmpl-1"}}
    child = {
        "traceId": TRACE_ID,
        "spanId": "22" * 8,
        "parentSpanId": "11" * 8,
        "links": [{"traceId": TRACE_ID, "spanId": "11" * 8}],
        "attributes": [attribute],
        "name": "child",
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [parent, child]}]}]}).encode()
    if content_type == PROTOBUF:
        body = _to_protobuf(body)

    renewed = FreshIds.draw(random.Random(2)).renew(body, content_type)

    before, after = (_to_message(text, content_type).resource_spans[0].scope_spans[0].spans for text in (body, renewed))
    assert after[1].parent_span_id == after[1].links[0].span_id == after[0].span_id != before[0].span_id
    assert after[1].trace_id == after[1].links[0].trace_id == after[0].trace_id != before[0].trace_id
    assert after[1].attributes[0].value.string_value.startswith("chatcmpl-1-")
    assert [span.name for span in after] == ["parent", "child"]


def test_fresh_ids_leave_invalid_ids_invalid() -> None:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=bytes(16), span_id=b"short")

    renewed = FreshIds.draw(random.Random(3)).renew(request.SerializeToString(), PROTOBUF)

    assert ExportTraceServiceRequest.FromString(renewed) == request


def test_a_file_that_cannot_get_fresh_ids_is_refused_by_name(tmp_path: Path) -> None:
    [sent] = _send(Remembering(), _write(tmp_path, "bad", BROKEN), ids=random.Random(4))

    assert (sent.refused, sent.reason) == (1, "it is no trace request, so it cannot get fresh ids")


def test_a_busy_gateway_is_asked_again(tmp_path: Path) -> None:
    outlet = MemoryOutlet()
    outlet.fail = Refused(Reason.KAFKA, "Kafka is away", retry_after_s=0.01)
    with serving(outlet=outlet) as gateway:
        gateway.call(lambda: gateway.loop.call_later(0.2, lambda: setattr(outlet, "fail", None)))
        [sent] = _send_to(gateway, _write(tmp_path, "a", spans(1)))

    assert (sent.accepted, sent.refused) == (1, 0)


def test_no_gateway_is_an_error_in_one_line(tmp_path: Path) -> None:
    capture = _write(tmp_path, "a", spans(1))

    async def send() -> None:
        async with HttpSink("http://127.0.0.1:1", {}) as sink:
            await send_captures([capture], sink, Plan())

    with pytest.raises(GatewayUnreachable, match=r"no gateway answers at http://127\.0\.0\.1:1"):
        asyncio.run(send())


def test_a_rate_spreads_the_requests(tmp_path: Path) -> None:
    async def timed() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await send_captures([_write(tmp_path, "a", spans(1))], Remembering(), Plan(repeat=6, requests_per_s=50))
        return loop.time() - began

    assert asyncio.run(timed()) >= 0.1


def _to_message(body: bytes, content_type: str) -> Any:
    return ExportTraceServiceRequest.FromString(body if content_type == PROTOBUF else _to_protobuf(body))


def _to_protobuf(body: bytes) -> bytes:
    """OTLP/JSON to protobuf, ids from hex."""
    request = ExportTraceServiceRequest()
    for read in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        if not request.resource_spans:
            request.resource_spans.add().scope_spans.add()
        span = request.resource_spans[0].scope_spans[0].spans.add(name=read["name"])
        span.trace_id, span.span_id = bytes.fromhex(read["traceId"]), bytes.fromhex(read["spanId"])
        span.parent_span_id = bytes.fromhex(read.get("parentSpanId", ""))
        for link in read.get("links", []):
            span.links.add(trace_id=bytes.fromhex(link["traceId"]), span_id=bytes.fromhex(link["spanId"]))
        for attribute in read.get("attributes", []):
            span.attributes.add(key=attribute["key"]).value.string_value = attribute["value"]["stringValue"]
    return bytes(request.SerializeToString())
