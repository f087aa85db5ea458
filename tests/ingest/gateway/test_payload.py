"""Verdicts on bodies."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.gateway.payload import KEY_BYTES, Payload, read_json, read_protobuf
from ingest.gateway.refusals import Reason, Refused
from ingest.gateway.signals import LOGS, METRICS, SIGNALS, TRACES, Signal
from tests.ingest.gateway.serving import DATA, spans

CHAT = (DATA / "chat.pb").read_bytes()
NOISY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TRACE_ID = "5b8efff798038103d269b633813fc60c"


def span_json(**span: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_one_process_has_one_key_whatever_wrote_its_bytes():
    from_sdk = read_protobuf(TRACES, CHAT)
    from_collector = read_protobuf(TRACES, (DATA / "chat.collector.pb").read_bytes())
    from_json = read_json(TRACES, (DATA / "chat.json").read_bytes())

    assert from_sdk == from_collector == from_json
    assert from_sdk.items == 1
    assert len(from_sdk.key or b"") == KEY_BYTES


def test_two_processes_have_two_keys_and_later_spans_of_one_keep_its_key():
    assert read_protobuf(TRACES, spans(1, service="a")).key != read_protobuf(TRACES, spans(1, service="b")).key
    assert read_protobuf(TRACES, spans(1, service="a")).key == read_protobuf(TRACES, spans(9, service="a")).key


def test_a_request_that_names_no_resource_has_no_key():
    assert read_json(TRACES, span_json(traceId=TRACE_ID, spanId="00" * 7 + "01")).key is None


def test_data_points_of_every_kind_and_log_records_are_counted():
    metrics = read_protobuf(METRICS, (DATA / "metrics.pb").read_bytes())
    logs = read_json(LOGS, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"traceId":"' + b"ab" * 16 + b'"}]}]}]}')

    assert metrics.items == 9
    assert logs.items == 2


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [("", "01" * 8), ("00" * 16, "01" * 8), (TRACE_ID, "00" * 8), (TRACE_ID, "0102"), ("xyz", "01" * 8), ("a", "b")],
)
def test_a_span_without_valid_ids_is_rejected_and_its_request_is_not(trace_id: str, span_id: str):
    payload = read_json(TRACES, span_json(traceId=trace_id, spanId=span_id))

    assert (payload.items, payload.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("trace_id", "span_id"),
    [
        ("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="),
        ("W47/95gDgQPSabYzgT/GDA", "7uGbfsPBsXQ"),
        ("W47_95gDgQPSabYzgT_GDA==", "-uGbfsPBsXQ"),
    ],
)
def test_ids_in_json_may_be_base64_as_protobufs_own_mapping_has_them(trace_id: str, span_id: str):
    payload = read_json(TRACES, span_json(traceId=trace_id, spanId=span_id))

    assert (payload.items, payload.rejected) == (1, 0)


def test_ids_in_json_are_hex_in_either_case_and_unknown_fields_are_ignored():
    payload = read_json(TRACES, span_json(traceId=TRACE_ID.upper(), spanId="EEE19B7EC3C1B174", laterField={"a": 1}))

    assert (payload.items, payload.rejected) == (1, 0)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_an_empty_request_is_valid(signal: Signal):
    assert read_protobuf(signal, b"") == read_json(signal, b"{}")
    assert read_protobuf(signal, b"").items == 0


def test_bytes_that_parse_but_hold_no_resource_are_foreign():
    assert read_protobuf(TRACES, b"\x12\x03abc").foreign
    assert read_json(TRACES, b'{"data": []}').foreign
    assert not read_protobuf(TRACES, b"").foreign


@pytest.mark.parametrize("body", [CHAT[:-1], CHAT[1:], b"\xff", b"{}", b"\x0a\x05ab"])
def test_broken_protobuf_is_malformed(body: bytes):
    with pytest.raises(Refused) as refused:
        read_protobuf(TRACES, body)

    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": {"a": 1}}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 1e400}]}]}]}',
        b'{"resourceSpans": [',
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        CHAT,
    ],
    ids=range(14),
)
def test_broken_json_is_malformed(body: bytes):
    with pytest.raises(Refused) as refused:
        read_json(TRACES, body)

    assert refused.value.reason is Reason.MALFORMED


@NOISY_MACHINE
@given(body=st.binary(max_size=300))
def test_any_bytes_get_a_verdict(body: bytes):
    for read in (read_protobuf, read_json):
        try:
            verdict: object = read(TRACES, body)
        except Refused as refused:
            verdict = refused.reason

        assert verdict is Reason.MALFORMED or isinstance(verdict, Payload)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.sampled_from(
    ["resourceSpans", "resource", "attributes", "scopeSpans", "spans", "key", "value", "traceId", "x"]
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


@NOISY_MACHINE
@given(document=st.dictionaries(NAMES, DOCUMENTS, max_size=3))
def test_any_json_gets_a_verdict(document: dict[str, Any]):
    try:
        verdict: object = read_json(TRACES, json.dumps(document).encode())
    except Refused as refused:
        verdict = refused.reason

    assert verdict is Reason.MALFORMED or isinstance(verdict, Payload)
