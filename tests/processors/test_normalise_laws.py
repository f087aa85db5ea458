"""Laws: order does not matter, ranges add up, garbage never crashes, counts stay possible."""

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.decode.decoded import spread_texts
from processors.messages import Message, total
from processors.normalise import Normalised, Rules, normalise
from tests.processors import captures
from tests.processors.otlp import START_NS, event, message, request, shuffled, span

pytestmark = pytest.mark.long

TABLE = load_table(("tag.key",))
RULES = Rules(user_key=b"key", trusted_topics=None)
KEYS = sorted(TABLE.span)
SOMETIMES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _normalise(messages: list[Message]) -> Normalised:
    return normalise(decode(messages, TABLE), RULES)


def _without_place(table: pa.Table) -> pa.Table:
    return table.drop_columns(["_row", "_message_index"])


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    return [capture.value for capture in captures.load()]


def test_field_order_on_the_wire_does_not_matter(values: list[bytes]):
    order = random.Random(5)
    messages = [message(value) for value in values]
    reordered = [message(shuffled(ExportTraceServiceRequest.FromString(value), order)) for value in values]

    decoded, twin = decode(messages, TABLE), decode(reordered, TABLE)

    assert [m.value for m in messages] != [m.value for m in reordered]
    assert spread_texts(twin.spans).equals(spread_texts(decoded.spans))
    assert twin.winners.equals(decoded.winners)
    assert twin.evaluations.equals(decoded.evaluations)


def test_attribute_order_does_not_matter(values: list[bytes]):
    order = random.Random(7)
    mixed = []
    for value in values:
        proto = ExportTraceServiceRequest.FromString(value)
        for one in (s for rs in proto.resource_spans for ss in rs.scope_spans for s in ss.spans):
            attributes = list(one.attributes)
            order.shuffle(attributes)
            del one.attributes[:]
            one.attributes.extend(attributes)
        mixed.append(message(proto))

    assert _normalise(mixed).spans.equals(_normalise([message(value) for value in values]).spans)


def test_a_range_in_parts_gives_the_same_rows_as_the_whole(values: list[bytes]):
    messages = [message(value, offset=i) for i, value in enumerate(values)]

    whole = _normalise(messages)
    parts = [_normalise(messages[:50]), _normalise(messages[50:])]

    together = pa.concat_tables([_without_place(part.spans) for part in parts])
    assert together.to_pylist() == _without_place(whole.spans).to_pylist()


any_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=8)
    | st.sampled_from(
        ["[", "{", '{"a":', "['stop']", '["stop"]', "9" * 30, "-5", "1e400", '"quoted', "2026-11-20T10:00:00Z"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
attribute_sets = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), any_values, max_size=12)
times = st.sampled_from([0, 1, START_NS - 10**18, START_NS, START_NS + 10**9, START_NS + 10**15, 2**63, 2**64 - 1])


@SOMETIMES
@given(st.lists(st.binary(max_size=200) | st.text(max_size=50).map(str.encode), max_size=4))
def test_garbage_never_crashes_and_always_gets_a_verdict(payloads: list[bytes]):
    found = _normalise([message(payload) for payload in payloads])

    with_spans = set(found.spans["_message_index"].to_pylist())
    assert {letter.index for letter in found.dead}.isdisjoint(with_spans)
    assert len(found.dead) + len(with_spans) + total(found.dropped).get("bad_span", 0) >= len(payloads)


@SOMETIMES
@given(
    given_span=attribute_sets,
    given_resource=attribute_sets,
    start=times,
    end=times,
    status=st.integers(0, 2),
    scope=st.sampled_from(["", "litellm", "logfire.openai", "gen_ai", "openinference.instrumentation.bedrock"]),
)
def test_whatever_attributes_say_a_span_becomes_one_possible_row(
    *, given_span: dict[str, Any], given_resource: dict[str, Any], start: int, end: int, status: int, scope: str
):
    events = [event("exception", after_ms=1), event("First Token Stream Event", after_ms=-5)]
    one = span(given_span, start_time_unix_nano=start, end_time_unix_nano=end, status=status, events=events)

    rows = _normalise([message(request(one, resource=given_resource, scope=scope))]).spans.to_pylist()

    row = rows[0]
    assert len(rows) == 1
    assert row["started_at"] <= row["ended_at"]
    assert row["duration_ms"] is None or 0 <= row["duration_ms"] <= 7 * 86_400_000
    assert all(row[name] is None or row[name] >= 0 for name in ("input_tokens", "output_tokens", "ttft_ms"))
    if row["input_tokens"] is not None:
        assert (row["cached_input_tokens"] or 0) + (row["cache_write_tokens"] or 0) <= row["input_tokens"]
    if row["output_tokens"] is not None:
        assert (row["reasoning_tokens"] or 0) <= row["output_tokens"]


@SOMETIMES
@given(st.data())
def test_a_mutated_payload_never_fails_its_neighbours(data: st.DataObject):
    value = request(span({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 3})).SerializeToString()
    position = data.draw(st.integers(0, len(value) - 1))
    broken = bytearray(value)
    broken[position] = data.draw(st.integers(0, 255))

    found = _normalise([message(value), message(bytes(broken)), message(value)])

    assert [i for i in found.spans["_message_index"].to_pylist() if i != 1] == [0, 2]
