"""A call is billed once: which span is billed, which rule suppresses the others, and what is never a duplicate."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.told import in_ledgers, settle, span, table, told_once, tool, verdicts
from warehouse import once
from warehouse.once.rules import _told_twice
from warehouse.schemas import BILLABLE_OPERATIONS

USAGE = {"input_tokens": 1200, "cached_input_tokens": 1024, "output_tokens": 345}
FAILED = {"status": "error", "error_class": "rate_limit"}
NATIVE = {"convention": "anthropic_sdk_native", "request_model": "claude-sonnet-4-5"}
WRAPPED = {"convention": "openllmetry", "request_model": "claude-sonnet-4-5"}
REQUEST = {"convention": "logfire", "request_model": "gpt-4o-mini", "stream": True, "ms": 2}
RECORD = {"convention": "logfire", "request_model": "gpt-4o-mini", "stream": True, "_role": "usage_record", "ms": 0}


def record(span_id: str, at: float, took: float, **fields: Any) -> dict[str, Any]:
    return span(span_id, trace=span_id, at=at, **RECORD | {"_reported_duration_ms": took, "duration_ms": took} | fields)


SCENES: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "one call is billed, a tool and an agent are not": (
        [tool("agent", operation="invoke_agent", _role="aggregate"), span("a", "agent"), tool("tool", "agent")],
        {"agent": "no_model_call", "a": "billed", "tool": "no_model_call"},
    ),
    "failed calls and calls without usage are billed too": (
        [span("a", **FAILED), span("b")],
        {"a": "billed", "b": "billed"},
    ),
    "of nested calls the innermost is billed": (
        [span("outer", **USAGE), span("middle", "outer", **USAGE), span("leaf", "middle", **USAGE)],
        {"outer": "wraps_call>leaf", "middle": "wraps_call>leaf", "leaf": "billed"},
    ),
    "spans between two calls do not hide that one encloses the other": (
        [span("outer", **USAGE), tool("http", "outer", operation=None), span("leaf", "http", **USAGE)],
        {"outer": "wraps_call>leaf", "http": "no_model_call", "leaf": "billed"},
    ),
    "a wrapper of several calls stands for the first that worked": (
        [span("outer", input_tokens=9), span("b", "outer", at=50, input_tokens=4), span("a", "outer", input_tokens=5)],
        {"outer": "wraps_call>a", "a": "billed", "b": "billed"},
    ),
    "a wrapper stands for the call with its response id": (
        [
            span("outer", response_id="chatcmpl-12345678"),
            span("a", "outer", response_id="chatcmpl-87654321"),
            span("b", "outer", at=50, response_id="chatcmpl-12345678"),
        ],
        {"outer": "wraps_call>b", "a": "billed", "b": "billed"},
    ),
    "attempts inside a wrapper are calls of their own, and it stands for the one that worked": (
        [span("outer", **USAGE), span("a", "outer", **FAILED), span("b", "outer", at=50)],
        {"outer": "wraps_call>b", "a": "billed", "b": "billed"},
    ),
    "a server's span inside its client's is the same call": (
        [span("client", **USAGE), span("server", "client", service="vllm", convention="vllm", **USAGE)],
        {"client": "wraps_call>server", "server": "billed"},
    ),
    "the same response id in another trace is the same call": (
        [
            span("client", response_id="chatcmpl-12345678", input_tokens=5),
            span("gateway", trace="u", at=3, service="proxy", response_id="chatcmpl-12345678", **USAGE),
        ],
        {"client": "same_response>gateway", "gateway": "billed"},
    ),
    "of equal responses the best token counts are billed": (
        [
            span("a", trace="t", response_id="msg_12345678", _usage_rank=2, **WRAPPED, **USAGE),
            span("b", trace="u", at=1, response_id="msg_12345678", _usage_rank=0, **NATIVE, **USAGE),
        ],
        {"a": "same_response>b", "b": "billed"},
    ),
    "a response that is fetched again and again is one call": (
        [
            span("create", response_id="resp_12345678"),
            *(span(f"poll{n}", trace=f"p{n}", at=1000 * n, response_id="resp_12345678") for n in (1, 2)),
            span("done", trace="p3", at=3000, response_id="resp_12345678", **USAGE),
        ],
        dict.fromkeys(("create", "poll1", "poll2"), "same_response>done") | {"done": "billed"},
    ),
    "an id that is a dice roll is no evidence": (
        [span("a", trace="t", response_id="chatcmpl-417"), span("b", trace="u", at=500, response_id="chatcmpl-417")],
        {"a": "billed", "b": "billed"},
    ),
    "a wrapper lends its leaf the response id": (
        [
            span("outer", response_id="chatcmpl-12345678", **USAGE),
            span("leaf", "outer", convention="openinference", **USAGE),
            span("gateway", trace="u", at=3, service="proxy", response_id="chatcmpl-12345678", _usage_rank=2, **USAGE),
        ],
        {"outer": "wraps_call>leaf", "leaf": "billed", "gateway": "same_response>leaf"},
    ),
    "a gateway that answers with ids of its own is linked to its client by them": (
        [
            span("client", response_id="chatcmpl-own45678", input_tokens=1200),
            span("gateway", trace="u", at=3, service="proxy", response_id="chatcmpl-own45678"),
            span("sdk", "gateway", trace="u", at=4, service="proxy", response_id="msg_12345678", **USAGE),
            span("native", trace="v", at=5, service="proxy", response_id="msg_12345678", _usage_rank=0, **USAGE),
        ],
        {
            "client": "same_response>native",
            "gateway": "wraps_call>native",
            "sdk": "same_response>native",
            "native": "billed",
        },
    ),
    "a wrapper of a duplicate names the span that is billed in the end": (
        [
            span("outer", response_id="msg_12345678", _usage_rank=3, **USAGE),
            span("leaf", "outer", response_id="msg_12345678", _usage_rank=2, **USAGE),
            span("sdk", trace="u", response_id="msg_12345678", _usage_rank=0, **USAGE),
        ],
        {"outer": "wraps_call>sdk", "leaf": "same_response>sdk", "sdk": "billed"},
    ),
    "an SDK's own span and an instrumentor's are one call though nothing links them": (
        [span("sdk", at=1, ms=27, **NATIVE, **FAILED), span("wrap", trace="u", ms=35, **WRAPPED, **FAILED)],
        {"sdk": "same_call>wrap", "wrap": "billed"},
    ),
    "of two such the one with token counts is billed": (
        [span("sdk", at=1, ms=27, **NATIVE, **USAGE), span("wrap", trace="u", ms=35, **WRAPPED)],
        {"sdk": "billed", "wrap": "same_call>sdk"},
    ),
    "pairs at the same time are matched one to one": (
        [
            *(span(f"sdk{n}", trace=f"s{n}", at=n * 4 + 1, ms=90, **NATIVE, **FAILED) for n in (1, 2, 3)),
            *(span(f"wrap{n}", trace=f"w{n}", at=n * 4, ms=92, **WRAPPED, **FAILED) for n in (1, 2, 3)),
        ],
        {f"sdk{n}": f"same_call>wrap{n}" for n in (1, 2, 3)} | {f"wrap{n}": "billed" for n in (1, 2, 3)},
    ),
    "a stream's request and its usage record are one call": (
        [span("request", trace="r", **REQUEST), record("usage", at=280, took=277, **USAGE)],
        {"request": "split_stream>usage", "usage": "billed"},
    ),
    "streams at the same time are matched by when they began": (
        [
            *(span(f"q{n}", trace=f"q{n}", at=n * 20, **REQUEST) for n in (1, 2, 3)),
            *(record(f"r{n}", at=n * 20 + 2 + 100 * n, took=100 * n, **USAGE) for n in (1, 2, 3)),
        ],
        {f"q{n}": f"split_stream>r{n}" for n in (1, 2, 3)} | {f"r{n}": "billed" for n in (1, 2, 3)},
    ),
    "a usage record alone is billed": ([record("usage", at=280, took=277, **USAGE)], {"usage": "billed"}),
    "a wire copy is its parent, also where the parent is not here": (
        [
            span("call", **USAGE),
            tool("copy", "call", _role="repeat"),
            tool("orphan", "away", trace="u", _role="repeat"),
        ],
        {"call": "billed", "copy": "wire_copy>call", "orphan": "wire_copy>away"},
    ),
    "the innermost call below a wire copy is billed": (
        [span("outer", **USAGE), tool("copy", "outer", _role="repeat"), span("leaf", "copy", **USAGE)],
        {"outer": "wraps_call>leaf", "copy": "wire_copy>leaf", "leaf": "billed"},
    ),
    "calls that are each other's parents are billed, not lost": (
        [span("a", "b", **USAGE), span("b", "a", **USAGE), span("self", "self", trace="u")],
        {"a": "billed", "b": "billed", "self": "billed"},
    ),
}

APART: dict[str, list[dict[str, Any]]] = {
    "sequential calls": [span(f"s{n}", "root", at=200 * n, request_model="m", **USAGE) for n in range(4)],
    "concurrent calls": [span(f"s{n}", "root", at=n, request_model="m", **USAGE) for n in range(4)],
    "concurrent calls in traces of their own": [span(f"s{n}", trace=f"t{n}", at=n, **USAGE) for n in range(4)],
    "calls of two instrumentations one after the other": [
        span("a", trace="t", ms=30, **NATIVE, **USAGE),
        span("b", trace="u", at=50, ms=30, **WRAPPED, **USAGE),
    ],
    "calls that overlap but do not lie within each other": [
        span("a", trace="t", ms=100, **NATIVE, **FAILED),
        span("b", trace="u", at=50, ms=100, **WRAPPED, **FAILED),
    ],
    "calls of two services": [
        span("a", at=1, ms=20, **NATIVE, **FAILED),
        span("b", trace="u", ms=30, **WRAPPED | {"service": "other"}, **FAILED),
    ],
    "calls of two models": [
        span("a", at=1, ms=20, **NATIVE, **FAILED),
        span("b", trace="u", ms=30, **WRAPPED | {"request_model": "claude-haiku-4-5"}, **FAILED),
    ],
    "a call that failed and one that worked": [
        span("a", at=1, ms=20, **NATIVE, **FAILED),
        span("b", trace="u", ms=30, **WRAPPED, **USAGE),
    ],
    "calls with other token counts": [
        span("a", at=1, ms=20, input_tokens=7, output_tokens=1, **NATIVE),
        span("b", trace="u", ms=30, input_tokens=8, output_tokens=1, **WRAPPED),
    ],
    "calls with two response ids": [
        span("a", at=1, ms=20, response_id="msg_12345678", **NATIVE),
        span("b", trace="u", ms=30, response_id="msg_87654321", **WRAPPED),
    ],
    "a stream and a usage record of another stream": [
        span("request", trace="r", **REQUEST),
        record("usage", at=900, took=277, **USAGE),
    ],
    "a stream and a usage record of another model": [
        span("request", trace="r", **REQUEST),
        record("usage", at=280, took=277, request_model="gpt-4o"),
    ],
}


ROWS = [*(rows for rows, _ in SCENES.values()), *APART.values()]
NAMES = [*SCENES, *APART]


@cache
def judged(*, backwards: bool) -> list[dict[str, str]]:
    """Verdicts of all scenes, from one run of the rules."""
    rows = in_ledgers(ROWS)
    return verdicts(once.apply(table(*(reversed(rows) if backwards else rows))), len(ROWS))


@pytest.mark.parametrize("scene", SCENES)
def test_every_call_is_billed_once(scene: str):
    assert judged(backwards=False)[NAMES.index(scene)] == SCENES[scene][1]


@pytest.mark.parametrize("scene", SCENES)
def test_the_order_of_spans_changes_no_verdict(scene: str):
    assert judged(backwards=True)[NAMES.index(scene)] == SCENES[scene][1]


@pytest.mark.parametrize("scene", APART)
def test_calls_that_only_look_alike_are_all_billed(scene: str):
    assert set(judged(backwards=False)[NAMES.index(scene)].values()) == {"billed"}


def named(numbers: list[int], cuts: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    """Each number with its scene and cut, so that a failure says where."""
    return [(NAMES[number], cut, one) for (number, cut), one in zip(cuts, numbers, strict=True)]


def test_settling_a_flush_changes_nothing():
    flush = once.apply(table(*in_ledgers(ROWS)))

    billed = [sum(one == "billed" for one in told.values()) for told in judged(backwards=False)]
    assert settle(flush) == billed


def test_settling_two_flushes_bills_as_many_calls_as_one_flush_had_billed_wherever_it_was_cut():
    cuts = [(number, cut) for number, rows in enumerate(ROWS) for cut in range(len(rows) + 1)]
    first = [ROWS[number][:cut] for number, cut in cuts]
    second = [ROWS[number][cut:] for number, cut in cuts]

    one, other = (once.apply(table(*in_ledgers(part))) for part in (first, second))

    billed = [sum(one == "billed" for one in told.values()) for told in judged(backwards=False)]
    expected = [billed[number] for number, _ in cuts]
    assert named(settle(one, other), cuts) == named(expected, cuts)
    assert named(settle(other, one), cuts) == named(expected, cuts)


def test_a_record_that_stands_twice_is_billed_where_it_came_first():
    first, again = span("a", source_offset=4, **USAGE), span("a", source_offset=7, **USAGE)

    applied = once.apply(table(again, first, tool("t", source_offset=4), tool("t", source_offset=7))).to_pylist()

    assert [(row["billable"], row["_why"], row["suppressed_by"]) for row in applied] == [
        (False, "repeated_record", b"a".ljust(8, b"\0")),
        (True, None, None),
        (False, "no_model_call", None),
        (False, "repeated_record", b"t".ljust(8, b"\0")),
    ]


def test_a_repeated_wrapper_wraps_nothing_twice():
    rows = [span("outer", **USAGE), span("leaf", "outer", **USAGE)]

    applied = once.apply(table(*rows, *rows)).to_pylist()

    assert [row["_why"] for row in applied] == ["wraps_call", None, "repeated_record", "repeated_record"]


def test_no_rule_looks_from_one_ledger_into_another():
    rows = [span("a", response_id="msg_12345678", **USAGE), tool("parent", tenant="acme"), span("b", "parent")]

    told = told_once(
        *({**row, once.LEDGER: number} for number, row in enumerate([*rows, rows[0] | {"trace_id": b"u"}]))
    )

    assert [(row["billable"], row["tenant"]) for row in told.values()] == [(True, None), (False, "acme"), (True, None)]


def test_spans_that_nothing_repeats_cost_no_query():
    rows = [span(f"s{n}", trace=f"t{n}", response_id=f"msg_{n:08}", **USAGE) for n in range(5)]

    assert not _told_twice(table(*rows)).any()
    assert all(row["billable"] for row in told_once(*rows).values())


def test_a_range_without_spans_gets_its_columns():
    assert {"billable", "suppressed_by", "_why"} <= set(once.apply(table()).column_names)


def test_the_rules_of_the_lake_know_every_billable_operation():
    listed = (Path(once.__file__).parent / "lake.sql").read_text().partition("operation IN (")[2].partition(")")[0]

    assert tuple(word.strip(" '") for word in listed.split(",")) == BILLABLE_OPERATIONS
