"""Scenes for the once rules in which every call is billed, though some look alike."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.warehouse.scenes import FAILED, NATIVE, REQUEST, USAGE, WRAPPED, record
from tests.warehouse.told import START, span, tool

SHORT = {"request_model": "claude-sonnet-4-6"}
BEDROCKS = {"request_model": "us.anthropic.claude-sonnet-4-6"}
BOTO3 = {"convention": "openllmetry", "scope_name": "opentelemetry.instrumentation.bedrock"}

APART: dict[str, list[dict[str, Any]]] = {
    "sequential calls": [span(f"s{n}", "root", at=200 * n, request_model="m", **USAGE) for n in range(4)],
    "concurrent calls": [span(f"s{n}", "root", at=n, request_model="m", **USAGE) for n in range(4)],
    "concurrent calls in traces of their own": [span(f"s{n}", trace=f"t{n}", at=n, **USAGE) for n in range(4)],
    "calls of a proxy that answers with one id for all": [
        span(
            f"s{n}", trace=f"t{n}", at=300 * n, response_id="chatcmpl-local-0001", input_tokens=50, output_tokens=5 * n
        )
        for n in (1, 2, 3)
    ],
    "calls with ids that are words or rows of one sign": [
        span(
            f"s{n}",
            trace=f"t{n}",
            at=300 * n,
            response_id=("chatcmpl-xxxxxxxxxxxx", "response-unknown")[n % 2],
            **USAGE,
        )
        for n in range(4)
    ],
    "an embedding and a chat with one id of the request around both": [
        span("a", trace="t", response_id="req-12345678", operation="embeddings", input_tokens=5),
        span("b", trace="u", at=300, response_id="req-12345678", **USAGE),
    ],
    "a cheap model asked inside a dear one, with equal output": [
        span(
            "dear", ms=900, request_model="gpt-4o", response_id="chatcmpl-12345678", input_tokens=5000, output_tokens=7
        ),
        span(
            "cheap",
            "dear",
            at=10,
            request_model="gpt-4o-mini",
            response_id="chatcmpl-87654321",
            input_tokens=50,
            output_tokens=7,
        ),
    ],
    "likewise without ids, told by two instrumentations": [
        span("dear", ms=900, request_model="gpt-4o", input_tokens=5000, output_tokens=7),
        span(
            "cheap",
            "dear",
            at=10,
            convention="openllmetry",
            request_model="gpt-4o-mini",
            input_tokens=50,
            output_tokens=7,
        ),
    ],
    "likewise with equal input and other ids": [
        span(
            "dear", ms=900, request_model="gpt-4o", response_id="chatcmpl-12345678", input_tokens=50, output_tokens=700
        ),
        span(
            "cheap",
            "dear",
            at=10,
            request_model="gpt-4o-mini",
            response_id="msg_87654321",
            input_tokens=50,
            output_tokens=7,
            convention="openllmetry",
        ),
    ],
    "two cheap calls inside a dear one that used more than both": [
        span("dear", ms=900, request_model="gpt-4o", input_tokens=5000, output_tokens=700),
        *(
            span(f"s{n}", "dear", at=90 * n, request_model="gpt-4o-mini", input_tokens=50, output_tokens=7)
            for n in (1, 2)
        ),
    ],
    "calls of two agents at once, told by two instrumentations": [
        *(tool(f"agent{n}", "root", operation="invoke_agent", _role="aggregate") for n in (1, 2)),
        span("a", "agent1", convention="openinference", request_model="m", **USAGE),
        span("b", "agent2", at=1, ms=98, convention="openllmetry", request_model="m", **USAGE),
    ],
    "calls of two requests at once, told by two instrumentations": [
        *(tool(f"web{n}", trace=f"w{n}", operation=None) for n in (1, 2)),
        span("a", "web1", trace="w1", convention="openinference", request_model="m", **USAGE),
        span("b", "web2", trace="w2", at=1, ms=98, convention="openllmetry", request_model="m", **USAGE),
    ],
    "calls whose clock is an hour ahead, which the ledger puts to the time of their record": [
        span(
            f"s{n}",
            trace=f"t{n}",
            convention=("openinference", "openllmetry")[n % 2],
            request_model="m",
            clock_skew=True,
            original_ended_at=START + dt.timedelta(hours=1, minutes=n),
            **USAGE,
        )
        for n in range(4)
    ],
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
    "calls that failed in two processes, one of which names no service": [
        span("a", at=1, ms=20, **NATIVE, **FAILED),
        span("b", trace="u", ms=30, **WRAPPED, **FAILED | {"service": None}),
    ],
    "calls with other token counts": [
        span("a", at=1, ms=20, input_tokens=7, output_tokens=1, **NATIVE),
        span("b", trace="u", ms=30, input_tokens=8, output_tokens=1, **WRAPPED),
    ],
    "calls with two response ids": [
        span("a", at=1, ms=20, response_id="msg_12345678", **NATIVE),
        span("b", trace="u", ms=30, response_id="msg_87654321", **WRAPPED),
    ],
    "a stream and a usage record of a quarter of an hour later": [
        span("request", trace="r", **REQUEST),
        record("usage", at=900_000, took=277, **USAGE),
    ],
    "a stream and a usage record that had begun before it": [
        span("request", at=700, trace="r", **REQUEST),
        record("usage", at=900, took=320, **USAGE),
    ],
    "a stream and a usage record of another tenant": [
        span("request", trace="r", tenant="acme", **REQUEST),
        record("usage", at=900, took=277, tenant="globex", **USAGE),
    ],
    "a stream and a usage record below another span": [
        span("request", "here", trace="r", **REQUEST),
        record("usage", 280, 277, "there", trace="r", **USAGE),
    ],
    "a stream that failed and the usage record of the next one": [
        span("request", "here", trace="r", **REQUEST | FAILED),
        record("usage", 280, 277, "here", trace="r", **USAGE),
    ],
    "a stream that failed and the one that another instrumentation saw begin then": [
        span("refused", trace="h", ms=2, stream=True, request_model="gpt-4o", convention="openinference", **FAILED),
        span("asked", at=30, ms=600, stream=True, request_model="gpt-4o", **USAGE),
    ],
    "the usage record of a stream and the next stream, which another instrumentation saw begin as it ended": [
        record("usage", at=300, took=177, **USAGE),
        span("next", at=301, ms=600, stream=True, request_model="gpt-4o-mini", **USAGE),
    ],
    "an answer that was not counted and the usage record of a stream": [
        span("answer", trace="r", scope_version="5.2.0", finish_reason="stop", **REQUEST | {"stream": None}),
        record("usage", at=900, took=277, scope_version="5.2.0", **USAGE),
    ],
    "likewise where logfire did not tell why an answer ended, but of a request that it streams": [
        span("answer", trace="r", scope_version="4.20.0", **REQUEST | {"stream": None}),
        record("usage", at=900, took=277, scope_version="4.20.0", **USAGE),
    ],
    "a call at Bedrock by a name that boto3's instrumentation has shortened, and one at the maker's by that name": [
        span("a", "root", ms=180, provider="aws.bedrock", **BOTO3 | SHORT | USAGE),
        span("b", "root", at=4, ms=182, provider="anthropic", convention="pydantic_ai", **SHORT | USAGE),
    ],
    "a call at Bedrock and one that LiteLLM's raw copy tells, which names no model that was asked for": [
        span("a", "root", ms=160, provider="aws.bedrock", convention="openinference", **BEDROCKS | USAGE),
        span(
            "b",
            "root",
            at=2,
            ms=155,
            provider="anthropic",
            convention="litellm_v1",
            response_model=SHORT["request_model"],
            **USAGE,
        ),
    ],
    "a stream and a usage record of another model": [
        span("request", trace="r", **REQUEST),
        record("usage", at=280, took=277, request_model="gpt-4o"),
    ],
}


def beside(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Two instrumentations tell of like calls at one time, in two traces of one message; and what each adds."""
    counts = {"input_tokens": 1200, "output_tokens": 345, "source_offset": 7}
    return [
        span("a", at=1, ms=20, **NATIVE | counts | one),
        span("b", trace="u", ms=30, **WRAPPED | counts | other),
    ]


APART |= {
    f"calls of one message at odds over {name}": beside({name: one}, {name: other})
    for name, one, other in (
        ("user_id", "ann", "bob"),
        ("session_id", "s1", "s2"),
        ("task_id", "T-1", "T-2"),
        ("prompt_name", "greeting", "summary"),
        ("finish_reason", "stop", "length"),
        ("cached_input_tokens", 1024, 512),
    )
}
APART |= {
    f"calls of two messages at odds over {name}": beside({name: one}, {name: other, "source_offset": 8})
    for name, one, other in (
        ("session_id", "s1", "s2"),
        ("user_id", "ann", "bob"),
        ("finish_reason", "length", "tool_calls"),
        ("cached_input_tokens", 1024, 512),
    )
}
APART["calls of two messages with API keys of two tenants"] = beside(
    {"tenant": "acme", "tenant_rank": 0, "principal": "acme-prod"},
    {"tenant": "globex", "tenant_rank": 0, "principal": "globex-prod", "source_offset": 8},
)


def linked(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Two calls at once, each told by an instrumentation of its own; a third one tells what both might be."""
    told = {"request_model": "gpt-oss-120b", "source_offset": 7, **USAGE}
    return [
        span("a", "root", ms=300, convention="openinference", scope_name="one", **told | one),
        span("b", "root", at=1, ms=298, convention="openllmetry", scope_name="third", **told),
        span("c", "root", at=2, ms=300, convention="pydantic_ai", scope_name="other", **told | other),
    ]


LINKED = {
    f"of two calls at odds over {name} a third instrumentation tells one": linked({name: one}, {name: other})
    for name, one, other in (
        ("user_id", "ann", "bob"),
        ("task_id", "T-1", "T-2"),
        ("provider", "groq", "together_ai"),
        ("cached_input_tokens", 1024, 512),
    )
}
