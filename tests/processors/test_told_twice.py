"""Recorded calls that two instrumentations tell, and calls that only look so: tests/data/twice/README.md."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from processors.engine import Engine
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, processed_of
from tests.processors.otlp import RECEIVED_US, TOPIC, message
from tests.processors.test_laws import rows_of, settled
from tests.quick import few
from warehouse.schemas import SPANS

HERE = Path(__file__).parent.parent / "data" / "twice"
ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")

CALLS = {
    "langchain-openai-groq-stream": ("groq", 1000, None, 400, "0.000906"),
    "langchain-openai-azure-stream": ("azure.ai.openai", 1000, 800, 400, "0.0055"),
    "langchain-openai-xai": ("x_ai", 1000, 200, 700, "0.01305"),
    "langchain-twice-gemini": ("gcp.gemini", 1100, 600, 400, "0.001168"),
    "langchain-bedrock-botocore": ("aws.bedrock", 1300, 500, 410, "0.008775"),
    "bedrock-stream-botocore": ("aws.bedrock", 1300, 500, 410, "0.008775"),
}
"""Provider, input, cached, output tokens and USD by the catalogue's rates of the host."""


def recorded(*names: str) -> list[Message]:
    return [
        Message(
            topic=TOPIC, partition=0, offset=n, received_at_us=RECEIVED_US, value=(HERE / f"{name}.pb").read_bytes()
        )
        for n, name in enumerate(names)
    ]


def spans(cases: Mapping[Case, Sequence[Message]]) -> dict[Case, list[dict[str, Any]]]:
    """The rows of each case, a range of its own, all in one pass."""
    return {case: made.tables["spans"].to_pylist() for case, made in processed_of(cases, ENGINE).items()}


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    counts = tuple(row[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens"))
    return row["provider"], *counts, None if row["cost_usd"] is None else str(row["cost_usd"].normalize())


def test_one_call_is_billed_to_who_was_seen_to_serve_it():
    found = spans({name: recorded(name) for name in CALLS})

    billed = {name: [row for row in rows if row["billable"]] for name, rows in found.items()}
    assert {name: [told(row) for row in rows] for name, rows in billed.items()} == {
        name: [(*counts, str(Decimal(cost).normalize()))] for name, (*counts, cost) in CALLS.items()
    }
    rest = {name: [row["suppressed_by"] for row in rows if not row["billable"]] for name, rows in found.items()}
    assert rest == {name: [row["span_id"]] for name, [row] in billed.items()}


def test_all_of_them_in_one_range_are_one_call_each_in_any_order():
    found = spans({"there": recorded(*CALLS), "back": recorded(*reversed(CALLS))})

    there, back = (sorted(told(row) for row in rows if row["billable"]) for rows in found.values())
    assert [row[0] for row in there] == sorted(provider for provider, *_ in CALLS.values())
    assert there == back


def test_a_stream_that_was_handed_over_is_known_by_its_first_chunk_however_late_it_is_read():
    names = ("llamaindex-openai-streams", "llamaindex-azure-late-streams")

    found = spans({name: recorded(name) for name in names})

    assert {name: [told(row) for row in rows if row["billable"]] for name, rows in found.items()} == {
        "llamaindex-openai-streams": [("openai", 1000, 200, 400, "0.00625")] * 3,
        "llamaindex-azure-late-streams": [("azure.ai.openai", 1000, 200, 400, "0.00625")] * 2,
    }
    suppressed = [row for rows in found.values() for row in rows if not row["billable"]]
    assert {row["ttft_ms"] for row in suppressed} == {None}  # it came after the end of the span that handed it over
    assert all(row["ttft_ms"] > 0 for rows in found.values() for row in rows if row["billable"])


def test_calls_at_once_through_two_client_libraries_are_two():
    found = spans({name: recorded(name) for name in ("anthropic-beside-bedrock", "gemini-beside-openai")})

    assert {name: sorted(told(row) for row in rows if row["billable"]) for name, rows in found.items()} == {
        "anthropic-beside-bedrock": [("anthropic", 1000, 0, 5, "0.003075")] * 2
        + [("aws.bedrock", 1000, None, 5, "0.0033825")] * 2,
        "gemini-beside-openai": [("gcp.gemini", 1000, None, 5, "0.0003125")] * 2
        + [("openai", 1000, None, 5, None)] * 2,
    }


COUNTED, UNCOUNTED = (1300, 500, 410), (None, None, None)
STREAMS = {
    "llamaindex-openai-late-streams": [COUNTED] * 3,  # each handed over right after the one before had been read
    "llamaindex-openai-streams-without-usage": [UNCOUNTED] * 2,
    "llamaindex-responses-streams": [COUNTED] * 3,  # which only who saw the end has counted
    "logfire-below-openai-late-stream": [COUNTED] * 2,  # one read 147 ms after it was handed over
    "logfire-parentless-late-streams": [COUNTED] * 6,
    "logfire-5-parentless-late-streams": [COUNTED] * 6,
    "logfire-around-anthropic": [COUNTED],
    "logfire-between-anthropic-bedrock": [COUNTED],
    "logfire-without-service": [UNCOUNTED],
    "anthropic-bedrock-hidden": [(1300, 500, 410)] * 2,
    "litellm-beside-bedrock": [(1000, None, 50)] * 4 + [(1000, 0, 50)] * 4,
    "langchain-between-bedrock-and-anthropic": [(1000, 0, 50)] * 2,  # LangChain's span is Bedrock's alone
}
"""Input, cached and output tokens of each call."""


def test_streams_and_calls_at_once_are_billed_once_each():
    found = spans({name: recorded(name) for name in STREAMS})

    counts = ("input_tokens", "cached_input_tokens", "output_tokens")
    billed = {name: [row for row in rows if row["billable"]] for name, rows in found.items()}
    assert {name: [tuple(row[count] for count in counts) for row in rows] for name, rows in billed.items()} == STREAMS


@pytest.mark.long
@pytest.mark.parametrize(
    "name", few(["logfire-around-anthropic", "logfire-between-anthropic-bedrock"], "logfire-around-anthropic")
)
def test_the_sdk_s_own_span_inside_a_request_is_its_call_also_where_a_flush_gave_the_request_its_record(name: str):
    each = parted(name)
    ways = itertools.product((0, 1), repeat=len(each))

    counted = {way: [row["output_tokens"] for row in settle(each, way)] for way in ways}

    assert set(map(tuple, counted.values())) == {(410,)}, counted


@pytest.mark.parametrize("name", few(["logfire-below-openai-streams", "logfire-late-streams"], "logfire-late-streams"))
def test_no_billed_stream_is_lost_however_flushes_cut_its_halves_apart(name: str):
    counted = [[row["output_tokens"] for row in cut(name, seed) if row["output_tokens"]] for seed in (0, 4, 10)]

    assert counted == [[410] * 3] * 3  # by these cuts calls were lost once


OVERWRITTEN = {
    "litellm-overwrites": [("openai", 1000, 500, 410), ("openai", 1100, 500, 410), ("openai", 1200, 500, 410)],
    "litellm-overwrites-beside-openai": [
        ("openai", 1000, 500, 410),
        ("openai", 1100, 500, 410),
        ("openai", 1200, 500, 410),
    ],
    "litellm-overwrites-beside-bedrock": [("anthropic", 1000, 0, 50)] * 4 + [("aws.bedrock", 1000, 0, 50)] * 4,
}
"""Provider, input, cached and output tokens of each call."""


def test_raw_copies_below_a_span_that_litellm_has_overwritten_are_the_calls():
    found = spans({name: recorded(name) for name in OVERWRITTEN})

    billed = {name: [row for row in rows if row["billable"]] for name, rows in found.items()}
    assert {name: sorted(told(row)[:4] for row in rows) for name, rows in billed.items()} == OVERWRITTEN
    assert sum(row["cost_usd"] for row in billed["litellm-overwrites"]) == Decimal("0.018675")
    [overwritten] = [row for row in found["litellm-overwrites"] if not row["billable"]]
    assert overwritten["suppressed_by"] == billed["litellm-overwrites"][-1]["span_id"]


@pytest.mark.parametrize("name", few(OVERWRITTEN, "litellm-overwrites"))
def test_flushes_that_part_raw_copies_from_what_litellm_has_overwritten_lose_none(name: str):
    counted = [sorted((row["input_tokens"], row["output_tokens"]) for row in cut(name, seed)) for seed in range(4)]

    assert counted == [[counts[1:4:2] for counts in OVERWRITTEN[name]]] * 4


def test_raw_copies_below_a_plain_span_are_calls_and_one_below_nothing_that_is_seen_is_none():
    sent = ExportTraceServiceRequest.FromString((HERE / "litellm-overwrites.pb").read_bytes())
    for group in sent.resource_spans:
        for scope in group.scope_spans:
            for one in scope.spans:
                if not one.parent_span_id:
                    del one.attributes[:]
                    one.attributes.add(key="tenant.id").value.string_value = "acme"
    alone = ExportTraceServiceRequest.FromString(sent.SerializeToString())
    for group in alone.resource_spans:
        for scope in group.scope_spans:
            kept = [one for one in scope.spans if one.parent_span_id]
            del scope.spans[:]
            scope.spans.extend(kept)

    found = spans({"below": [message(sent)], "alone": [message(alone)]})

    billed = [row for row in found["below"] if row["billable"]]
    assert sorted((row["tenant"], *told(row)[:4]) for row in billed) == [
        ("acme", *counts) for counts in OVERWRITTEN["litellm-overwrites"]
    ]
    assert not [row for row in found["alone"] if row["billable"]]


PLAIN = (1000, 50)
CUT = {
    **{name: [counts[1:4:2]] for name, counts in CALLS.items()},
    "llamaindex-openai-streams": [(1000, 400)] * 3,
    "llamaindex-openai-late-streams": [(1300, 410)] * 3,
    "llamaindex-openai-streams-at-once": [(1300, 410)] * 3,
    "llamaindex-openai-streams-without-usage": [(None, None)] * 2,
    "llamaindex-responses-streams": [(1300, 410)] * 3,
    "logfire-below-openai-late-stream": [(1300, 410)] * 2,
    "langchain-between-bedrock-and-anthropic": [PLAIN] * 2,
    "logfire-without-service": [(None, None)],
    "logfire-5-parentless-late-streams": [(1300, 410)] * 6,
    "logfire-parentless-late-streams": [(1300, 410)] * 6,  # by cut 0 a record takes the request of another one
    "langchain-anthropic-beside-bedrock": [PLAIN] * 6,
    "langchain-bedrock-beside-anthropic": [PLAIN] * 6,
    "langchain-beside-anthropic": [PLAIN] * 6,
    "anthropic-beside-bedrock": [(1000, 5)] * 4,
    "anthropic-bedrock-hidden": [(1300, 410)] * 2,
    "litellm-beside-bedrock": [PLAIN] * 8,
    "gemini-beside-openai": [(1000, 5)] * 4,
}
"""Input and output tokens of each call."""


@pytest.mark.parametrize("name", few(CUT, "langchain-beside-anthropic"))
def test_however_flushes_cut_what_is_told_each_call_is_billed_once(name: str):
    counted = [[(row["input_tokens"], row["output_tokens"]) for row in cut(name, seed)] for seed in range(4)]

    assert counted == [CUT[name]] * 4


def cut(name: str, seed: int) -> list[dict[str, Any]]:
    """What is billed at settlement where each span came with any of two or three flushes, or of one."""
    chance = random.Random(seed)
    flushes = range(chance.randint(2, 3))
    each = parted(name)
    each = chance.sample(each, len(each))
    return settle(each, [chance.choice(flushes) for _ in each])


def parted(name: str) -> list[ResourceSpans]:
    """The recorded spans, one each."""
    sent = ExportTraceServiceRequest.FromString((HERE / f"{name}.pb").read_bytes())
    return [
        ResourceSpans(resource=group.resource, scope_spans=[ScopeSpans(scope=scope.scope, spans=[one])])
        for group in sent.resource_spans
        for scope in group.scope_spans
        for one in scope.spans
    ]


def settle(each: Sequence[ResourceSpans], flushes: Sequence[int]) -> list[dict[str, Any]]:
    """What is billed at settlement where each span came with the flush of that number."""
    parts = {number: ExportTraceServiceRequest() for number in sorted(set(flushes))}
    for one, number in zip(each, flushes, strict=True):
        parts[number].resource_spans.append(one)
    came = max(one.scope_spans[0].spans[0].end_time_unix_nano for one in each) // 1000 + 1_000_000
    told = [message(part, offset=n, received_at_us=came) for n, part in enumerate(parts.values())]
    lake = settled([rows_of([one]).select(SPANS.names) for one in told])
    return [row for row in lake.to_pylist() if row["billable"]]
