"""OTLP/JSON gives the same columns as protobuf, and is more tolerant."""

import base64
import itertools
import json
from typing import Any

import pytest

from ingest.gateway.payload import read_json
from ingest.gateway.signals import TRACES
from processors.conventions.table import load_table
from processors.decode import Decoded, decode
from processors.decode.decoded import spread_texts
from processors.messages import Drop
from tests.processors import captures
from tests.processors.otlp import START_NS, in_json, message, request, span

TABLE = load_table()
TRACE_ID, SPAN_ID = "01" * 16, "02" * 8


def _decode(*values: bytes, **fields: Any) -> Decoded:
    return decode([message(value, **fields) for value in values], TABLE)


def _json(item: Any) -> bytes:
    return json.dumps(item).encode()


def _request(**given: Any) -> dict[str, Any]:
    item = {"traceId": TRACE_ID, "spanId": SPAN_ID, "name": "a span", **given}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [item]}]}]}


def test_json_gives_the_same_columns_as_its_protobuf_twin():
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    values = [capture.value for capture in captures.load()]
    twins = [_json(in_json(ExportTraceServiceRequest.FromString(value))) for value in values]

    decoded, twin = _decode(*values), _decode(*twins)

    assert spread_texts(twin.spans).equals(spread_texts(decoded.spans))
    assert twin.winners.equals(decoded.winners)


@pytest.mark.parametrize(
    "value",
    [
        _json(_request()),
        b"\xef\xbb\xbf \t" + _json(_request()),
        _json(_request()["resourceSpans"]),
        _json([_request(), {"resourceSpans": []}]),
        _json({"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": TRACE_ID, "span_id": SPAN_ID}]}]}]}),
        _json(_request(traceId=base64.b64encode(b"\x01" * 16).decode(), spanId=base64.b64encode(b"\x02" * 8).decode())),
    ],
)
def test_bare_arrays_snake_case_and_base64_ids_are_taken(value: Any):
    decoded = _decode(value)

    assert decoded.spans["trace_id"].to_pylist() == [bytes.fromhex(TRACE_ID)]
    assert decoded.spans["span_id"].to_pylist() == [bytes.fromhex(SPAN_ID)]


def test_enums_are_taken_by_name_and_times_as_text_or_number():
    given = {"kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_ERROR"}, "startTimeUnixNano": str(START_NS)}

    row = _decode(_json(_request(**given, endTimeUnixNano=START_NS + 5))).spans.to_pylist()[0]

    assert (row["kind"], row["status_code"], row["started_ns"], row["ended_ns"]) == (3, 2, START_NS, START_NS + 5)


@pytest.mark.parametrize(
    "value",
    [
        *({"intValue": "12"}, {"intValue": 12}, {"int_value": 12}, {"doubleValue": 12}),
        *({"intValue": "1.2e1"}, {"intValue": "12.0"}, {"intValue": 12.0}),
    ],
)
def test_integers_are_taken_as_text_or_number(value: Any):
    attributes = [{"key": "gen_ai.usage.input_tokens", "value": value}]

    assert _decode(_json(_request(attributes=attributes))).spans["input_tokens"].to_pylist() == [12]


@pytest.mark.parametrize("told", [2**70, str(2**70), -(2**63) - 1, "1.5", 1.5, "1e-2", "1e99"])
def test_a_count_beyond_64_bits_or_with_a_fraction_is_told_and_refused_like_any_impossible_count(told: Any):
    value = {"intValue": told}

    attributes = [{"key": "gen_ai.usage.input_tokens", "value": value}]

    assert _decode(_json(_request(attributes=attributes))).spans["input_tokens"].to_pylist() == [-1]


@pytest.mark.parametrize("told", [None, "", {}, []])
def test_an_integer_that_is_not_told_is_unknown_and_not_zero(told: Any):
    attributes = [{"key": "gen_ai.usage.input_tokens", "value": {"intValue": told}}]

    assert _decode(_json(_request(attributes=attributes))).spans["input_tokens"].to_pylist() == [None]


def test_an_attribute_of_impossible_type_is_left_out_and_its_span_stands():
    attributes = [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "many"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
        {"key": "llm.is_streaming", "value": {"boolValue": "maybe"}},
        {"key": "gen_ai.system", "value": "openai"},
    ]

    row = _decode(_json(_request(attributes=attributes))).spans.to_pylist()[0]

    assert (row["input_tokens"], row["request_model"], row["stream"], row["provider"]) == (None, "m", None, None)


def _in_base64(*ids: bytes) -> list[str]:
    return [base64.b64encode(one).decode() for one in ids]


@pytest.mark.parametrize("names", [("traceId", "spanId"), ("trace_id", "span_id")])
def test_gateway_and_worker_give_ids_the_same_verdict(names: tuple[str, str]):
    traces = [TRACE_ID, "AB" * 16, *_in_base64(b"\x01" * 16, b"\xff" * 16), "", "xyz", "01" * 15, "0" * 32, "\xe9" * 32]
    traces += [*_in_base64(b"\x01" * 15, b"\0" * 16), " ".join(["01"] * 16), TRACE_ID[:-1] + "g"]
    parts = [
        SPAN_ID,
        "EF" * 8,
        *_in_base64(b"\x02" * 8, b"\xfb" * 8),
        "-_v7-_v7-_s",
        "+_v7-/v7-_s=",
        "",
        "02" * 7,
        "0" * 16,
        "?" * 16,
    ]
    sent = [dict(zip(names, pair, strict=True)) for pair in itertools.product(traces, parts)]
    bodies = [_json({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}) for one in sent]

    stand = [read_json(TRACES, body).rejected == 0 for body in bodies]

    assert [_decode(body).spans.num_rows == 1 for body in bodies] == stand
    assert sum(stand) == 4 * 6


def test_an_enum_by_a_name_that_nobody_knows_is_unspecified_as_the_gateway_has_it():
    row = _decode(_json(_request(kind="SPAN_KIND_ODD", status={"code": "WELL"}))).spans.to_pylist()[0]

    assert (row["kind"], row["status_code"]) == (0, 0)


@pytest.mark.parametrize(
    "given",
    [
        {"traceId": "xyz"},
        {"spanId": ""},
        {"startTimeUnixNano": "yesterday"},
        {"endTimeUnixNano": -1},
        {"kind": float("inf")},
        {"startTimeUnixNano": float("inf")},
        {"status": "bad"},
        {"attributes": [7]},
        {"name": 7},
    ],
)
def test_a_span_with_an_impossible_field_is_counted_and_its_neighbour_stands(given: dict[str, Any]):
    both = _request(**given)
    both["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"traceId": TRACE_ID, "spanId": SPAN_ID})

    decoded = _decode(_json(both))

    assert decoded.spans.num_rows == 1
    assert decoded.dropped == {(0, "bad_span"): 1}
    assert decoded.dead == ()


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [7]}',
        b'{"resourceSpans": "x"}',
        b"[1, 2]",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_json_that_is_no_request_is_a_bad_payload(value: Any):
    decoded = _decode(_json(_request()), value, content_type="application/json")

    assert [(letter.index, letter.reason) for letter in decoded.dead] == [(1, Drop.BAD_PAYLOAD)]
    assert decoded.spans.num_rows == 1


def test_a_lone_surrogate_does_not_fail_the_span():
    attributes = [{"key": "gen_ai.request.model", "value": {"stringValue": "m\ud800"}}]

    assert _decode(_json(_request(attributes=attributes))).spans["request_model"].to_pylist() == ["m?"]


def test_a_dead_letter_never_tells_what_the_payload_said():
    decoded = _decode(b'{"secret words": ')

    assert "secret" not in decoded.dead[0].detail


@pytest.mark.parametrize("bracket", [b"{", b"["])
def test_protobuf_whose_length_is_a_bracket_is_not_taken_for_json(bracket: bytes):
    value = next(
        value for n in range(200) if (value := request(span(name="x" * n)).SerializeToString())[1:2] == bracket
    )

    assert _decode(value).spans.num_rows == 1


def test_a_line_feed_before_json_needs_the_header():
    value = b"\n" + _json(_request())

    assert _decode(value, content_type="application/json; charset=utf-8").spans.num_rows == 1
    assert _decode(value).spans.num_rows == 0
