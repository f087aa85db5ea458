"""Scenes for the once rules: spans, and for each ``billed``, or the rule and the span that is billed instead."""

from __future__ import annotations

from typing import Any

from tests.warehouse.told import span, tool

USAGE = {"input_tokens": 1200, "cached_input_tokens": 1024, "output_tokens": 345}
ASKED = {"convention": "openllmetry", "request_model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
ANSWERED = {
    "convention": "openinference",
    "scope_name": "openinference.instrumentation.anthropic",
    "request_model": "claude-sonnet-4-5",
}
BOTO3 = "opentelemetry.instrumentation.botocore.bedrock-runtime"
FAILED = {"status": "error", "error_class": "rate_limit"}
NATIVE = {"convention": "anthropic_sdk_native", "request_model": "claude-sonnet-4-5"}
WRAPPED = {"convention": "openllmetry", "request_model": "claude-sonnet-4-5"}
REQUEST = {"convention": "logfire", "request_model": "gpt-4o-mini", "stream": True, "ms": 2}
RECORD = {"convention": "logfire", "request_model": "gpt-4o-mini", "stream": True, "_role": "usage_record", "ms": 0}
QUICK = {"convention": "logfire", "scope_name": "logfire.anthropic", "scope_version": "5.2.0"} | {
    "request_model": "claude-sonnet-4-5"
}


def record(
    span_id: str, at: float, took: float, parent: str | None = None, *, trace: str = "", **fields: Any
) -> dict[str, Any]:
    told = RECORD | {"duration_ms": took} | fields
    return span(span_id, parent, trace=trace or span_id, at=at, **told)


CHATS, PROMPTS = "chatcmpl-0a1b2c3d4e5f6a7b8c9d", "cmpl-550e8400-e29b-41d4-a716-446655440000"


def vllm(span_id: str, response_id: str, output: int = 345, *, trace: str = "", **fields: Any) -> dict[str, Any]:
    """A part of a request as vLLM tells it, 20 ms after its client began."""
    told = {"convention": "vllm", "service": "vllm", "_usage_rank": 4, "response_id": response_id, "at": 20, "ms": 70}
    return span(span_id, trace=trace or span_id, input_tokens=1200, output_tokens=output, **told | fields)


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
    "attempts at once inside a wrapper are calls of their own, and it stands for the one that worked": (
        [span("outer", **USAGE), span("a", "outer", **FAILED), span("b", "outer", at=50)],
        {"outer": "wraps_call>b", "a": "billed", "b": "billed"},
    ),
    "an attempt that failed inside a client's call is no call where it is followed by another one": (
        [
            span("outer", convention="pydantic_ai", **USAGE),
            span("a", "outer", ms=40, **FAILED),
            span("b", "outer", at=50, ms=40),
        ],
        {"outer": "wraps_call>b", "a": "tried_again>b", "b": "billed"},
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
    "two instrumentations of AnthropicBedrock tell of one call, though one names the answer's model alone": (
        [
            span(
                "a",
                ms=260,
                provider="aws.bedrock",
                scope_name="opentelemetry.instrumentation.anthropic",
                **ASKED,
                **USAGE,
            ),
            span(
                "b",
                trace="u",
                at=1,
                ms=258,
                provider="anthropic",
                response_model="claude-sonnet-4-5",
                **ANSWERED,
                **USAGE,
            ),
        ],
        {"a": "billed", "b": "same_call>a"},
    ),
    "a framework that shortens a name of Bedrock's tells of the call that boto3's instrumentation saw there": (
        [
            span(
                "a",
                "root",
                ms=300,
                provider="aws.bedrock",
                convention="pydantic_ai",
                request_model="claude-sonnet-4-5",
                **USAGE,
            ),
            span("b", "root", at=1, ms=298, provider="aws.bedrock", **ASKED | {"scope_name": BOTO3}, **USAGE),
        ],
        {"a": "billed", "b": "same_call>a"},
    ),
    "an SDK's own span and an instrumentor's are one call though nothing links them": (
        [span("sdk", at=1, ms=27, **NATIVE, **FAILED), span("wrap", trace="u", ms=35, **WRAPPED, **FAILED)],
        {"sdk": "same_call>wrap", "wrap": "billed"},
    ),
    "two that do not contradict each other are one call, though one tells less or in another way": (
        [
            span("a", trace="a", at=1, ms=27, tenant="acme", user_id="ann", session_id="s1", **NATIVE, **USAGE),
            span("b", trace="b", ms=35, tenant="shop", tenant_rank=3, user_id="ann", **WRAPPED, **USAGE),
            span("c", trace="c", at=501, ms=27, feature="search", finish_reason="tool_calls", **NATIVE, **USAGE),
            span("d", trace="d", at=500, ms=35, feature="planner", feature_rank=3, finish_reason="stop", **WRAPPED),
            span("e", trace="e", at=901, ms=27, task_id="T-1", **NATIVE, **USAGE),
            span(
                "f", trace="f", at=900, ms=35, prompt_name="greeting", **WRAPPED, **USAGE | {"cached_input_tokens": 0}
            ),
        ],
        {
            **dict.fromkeys("bcf", "billed"),
            "a": "same_call>b",
            "d": "same_call>c",
            "e": "same_call>f",
        },
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
    "without a parent a record takes the last request before it that no other record takes": (
        [
            *(span(f"q{n}", trace=f"q{n}", at=n, **REQUEST) for n in (1, 2, 3)),
            *(record(f"r{n}", n * 600, 100, **USAGE) for n in (1, 2)),
        ],
        {"q1": "billed", "q2": "split_stream>r2", "q3": "split_stream>r1", "r1": "billed", "r2": "billed"},
    ),
    "likewise where the request leaves out that it streams, as logfire's do from 4.23 on": (
        [
            span("q", trace="q", **REQUEST | {"stream": None, "scope_version": "5.2.0"}),
            record("r", at=900, took=100, scope_version="5.2.0", **USAGE),
        ],
        {"q": "split_stream>r", "r": "billed"},
    ),
    "an older logfire hangs the record below the span that read the stream": (
        [
            tool("agent", operation="invoke_agent", _role="aggregate", ms=3000),
            tool("ask", "agent", operation=None, _role="other", ms=50),
            tool("read", "agent", operation=None, _role="other", at=900, ms=500),
            span("q", "ask", scope_version="4.14.2", **REQUEST),
            record("r", 1300, 300, "read", trace="t", scope_version="4.14.2", **USAGE),
        ],
        dict.fromkeys(("agent", "ask", "read"), "no_model_call") | {"q": "split_stream>r", "r": "billed"},
    ),
    "calls that a leaking tracer hangs below each other are calls of their own": (
        [
            span("a", at=0, response_id="chatcmpl-12345678", **USAGE),
            span("b", "a", at=101, **USAGE),
            span("c", "b", at=202, response_id="chatcmpl-87654321", **USAGE),
        ],
        {"a": "billed", "b": "billed", "c": "billed"},
    ),
    "two ids that one instrumentation read are two calls, also inside each other": (
        [span("a", response_id="chatcmpl-12345678", **USAGE), span("b", "a", response_id="chatcmpl-87654321", **USAGE)],
        {"a": "billed", "b": "billed"},
    ),
    "a stream told by request and record around the SDK's own span is that span's": (
        [
            span("request", **REQUEST | {"request_model": "claude-sonnet-4-5", "service": None}),
            span("native", "request", at=0.3, ms=243, response_id="msg_12345678", **NATIVE | USAGE),
            record("usage", 245, 242, **USAGE | {"request_model": "claude-sonnet-4-5", "service": None}),
        ],
        {"request": "wraps_call>native", "native": "billed", "usage": "split_stream>native"},
    ),
    # logfire 5.2.0 around anthropic 2.12.0; the second request begins a millisecond after the first stream was read
    "of streams one after the other a record takes the one that was asked for before it was read": (
        [
            tool("web", operation=None, _role="other", ms=1320),
            span("q1", "web", at=1, **QUICK | {"ms": 55}),
            span("n1", "q1", at=1.2, ms=657, response_id="msg_0100081c302646Qq", **NATIVE | USAGE),
            record("r1", 659.4, 1.9, "web", trace="t", **USAGE | QUICK),
            span("q2", "web", at=659.9, **QUICK | {"ms": 56}),
            span("n2", "q2", at=660.1, ms=658, response_id="msg_0100084d9f029dQq", **NATIVE | USAGE),
            record("r2", 1319.3, 1.9, "web", trace="t", **USAGE | QUICK),
        ],
        {"web": "no_model_call"}
        | {f"q{n}": f"wraps_call>n{n}" for n in (1, 2)}
        | {f"n{n}": "billed" for n in (1, 2)}
        | {f"r{n}": f"split_stream>n{n}" for n in (1, 2)},
    ),
    "streams at the same time are matched by when they began": (
        [
            *(span(f"q{n}", trace=f"q{n}", at=n * 20, **REQUEST) for n in (1, 2, 3)),
            *(record(f"r{n}", at=n * 20 + 2 + 100 * n, took=100 * n, **USAGE) for n in (1, 2, 3)),
        ],
        {f"q{n}": f"split_stream>r{n}" for n in (1, 2, 3)} | {f"r{n}": "billed" for n in (1, 2, 3)},
    ),
    "below one span a record finds its request however late the stream is read": (
        [
            tool("agent", operation="invoke_agent", _role="aggregate", ms=3000),
            *(span(f"q{n}", "agent", at=n, **REQUEST) for n in (1, 2, 3)),
            *(record(f"r{n}", n * 600, 100, "agent", trace="t", **USAGE) for n in (1, 2, 3)),
        ],
        {"agent": "no_model_call"}
        | {f"q{n}": f"split_stream>r{4 - n}" for n in (1, 2, 3)}
        | {f"r{n}": "billed" for n in (1, 2, 3)},
    ),
    "a record takes no request below another span": (
        [
            span("q1", "call1", trace="c1", at=1, **REQUEST),
            record("r2", 290, 287, "call2", trace="c2", **USAGE),
            *(span(f"call{n}", trace=f"c{n}", ms=300, response_id=f"chatcmpl-{n}1234567", **USAGE) for n in (1, 2)),
            record("r1", 290, 287, "call1", trace="c1", **USAGE),
            span("q2", "call2", trace="c2", at=1, **REQUEST),
        ],
        {f"call{n}": f"wraps_call>r{n}" for n in (1, 2)}
        | {f"q{n}": f"split_stream>r{n}" for n in (1, 2)}
        | {f"r{n}": "billed" for n in (1, 2)},
    ),
    "a stream that was handed over uncounted is the one that began there": (
        [
            span("handed", trace="h", ms=2, stream=True, request_model="gpt-4o", convention="openinference"),
            span("read", at=30, ms=600, stream=True, request_model="gpt-4o", **USAGE),
        ],
        {"handed": "same_call>read", "read": "billed"},
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
    "a call that was logged twice is known by the response id on the wire copies": (
        [
            span("one", response_id="chatcmpl-1a2b3c4d", **USAGE),
            tool("copy", "one", _role="repeat", response_id="msg_12345678"),
            span("two", trace="u", response_id="chatcmpl-5e6f7a8b", **USAGE),
            tool("again", "two", trace="u", _role="repeat", response_id="msg_12345678"),
        ],
        {"one": "billed", "copy": "wire_copy>one", "two": "same_response>one", "again": "wire_copy>one"},
    ),
    "calls whose wire copies tell ids of their own, or one id for all, are calls of their own": (
        [
            row
            for n, made in enumerate(["msg_12345678", "msg_87654321", "msg_1a2b3c4d", "msg_1a2b3c4d", "msg_1a2b3c4d"])
            for row in (
                span(f"s{n}", trace=f"t{n}", at=300 * n, input_tokens=max(2, n) * 50, output_tokens=5),
                tool(f"c{n}", f"s{n}", trace=f"t{n}", at=300 * n, _role="repeat", response_id=made),
            )
        ],
        {f"s{n}": "billed" for n in range(5)} | {f"c{n}": f"wire_copy>s{n}" for n in range(5)},
    ),
    "a model that a tool asks inside another one's stream is a call of its own": (
        [
            span("big", ms=900, request_model="gpt-4o", **USAGE),
            tool("tool", "big", at=100),
            span("small", "tool", at=110, request_model="gpt-4o-mini", input_tokens=50, output_tokens=7),
        ],
        {"big": "billed", "tool": "no_model_call", "small": "billed"},
    ),
    "also where it is the same model, told by another instrumentation": (
        [
            span("first", ms=900, request_model="gpt-4o", **USAGE),
            tool("tool", "first", at=100),
            span("second", "tool", at=110, convention="openinference", request_model="gpt-4o", input_tokens=50),
        ],
        {"first": "billed", "tool": "no_model_call", "second": "billed"},
    ),
    "so is one that an agent asks without a tool, where model and counts are others": (
        [
            span("big", ms=900, request_model="gpt-4o", **USAGE),
            tool("agent", "big", operation="invoke_agent", _role="aggregate"),
            span("small", "agent", at=110, request_model="gpt-4o-mini", input_tokens=50, output_tokens=7),
        ],
        {"big": "billed", "agent": "no_model_call", "small": "billed"},
    ),
    "an embedding inside a chat is no part of it": (
        [span("chat", ms=900, **USAGE), span("embed", "chat", at=5, operation="embeddings", input_tokens=40)],
        {"chat": "billed", "embed": "billed"},
    ),
    "a wrapper that counted differently is still the same call": (
        [
            span("outer", convention="litellm_v1", request_model="m", input_tokens=9, output_tokens=3),
            span("leaf", "outer", convention="vllm", request_model="m", input_tokens=11, output_tokens=4),
        ],
        {"outer": "wraps_call>leaf", "leaf": "billed"},
    ),
    "a client that knows a model by an alias, and read its tokens without the cached ones, tells of the same call": (
        [
            span("client", request_model="smart", response_id="chatcmpl-12345678", input_tokens=176, output_tokens=345),
            span("leaf", "client", service="proxy", request_model="gpt-4o", response_id="msg_87654321", **USAGE),
        ],
        {"client": "wraps_call>leaf", "leaf": "billed"},
    ),
    "a wrapper that worked is no repeat of an attempt that failed": (
        [span("outer", **USAGE), span("a", "outer", **FAILED)],
        {"outer": "billed", "a": "billed"},
    ),
    "a fallback bills both providers where both used tokens": (
        [
            span("client", ms=900, input_tokens=30, output_tokens=4),
            span("first", "client", service="proxy", **FAILED, input_tokens=29, output_tokens=1),
            span("second", "client", service="proxy", at=300, input_tokens=30, output_tokens=4),
        ],
        {"client": "wraps_call>second", "first": "billed", "second": "billed"},
    ),
    "asking for a response that was made is no call, and knows what was used": (
        [
            span("create", response_id="resp_12345678"),
            tool("fetch", at=900, trace="u", operation="task", _role="fetch", response_id="resp_12345678", **USAGE),
        ],
        {"create": "billed", "fetch": "same_response>create"},
    ),
    "a model server numbers the parts of a response": (
        [
            span("client", response_id=f"chatcmpl-{'1a2b3c4d' * 4}", **USAGE),
            span(
                "server",
                trace="u",
                at=3,
                service="vllm",
                convention="vllm",
                _usage_rank=4,
                response_id=f"chatcmpl-{'1a2b3c4d' * 4}-0",
                **USAGE,
            ),
        ],
        {"client": "billed", "server": "same_response>client"},
    ),
    "what vLLM adds to the id of one request does not make it another one": (
        [
            *(span(f"c{n}", trace=f"c{n}", response_id=f"{CHATS}{n}", at=1000 * n, **USAGE) for n in range(4)),
            vllm("s0", f"{CHATS}0-0"),
            vllm("s1", f"{CHATS}1-9f3c1b2a", at=1020),
            vllm("s2", f"0_{CHATS}2-9f3c1b2a", at=2020),
            vllm("s3", f"{CHATS}3_0", at=3020),
        ],
        {f"c{n}": "billed" for n in range(4)} | {f"s{n}": f"same_response>c{n}" for n in range(4)},
    ),
    "the end of a whole id is nothing that vLLM added": (
        [span("client", response_id=PROMPTS.rpartition("-")[0], **USAGE), vllm("server", PROMPTS)],
        {"client": "billed", "server": "billed"},
    ),
    "an id that a client chose to end like that is its own": (
        [
            *(span(f"c{n}", trace=f"c{n}", response_id=f"{CHATS}-{n}", at=1000 * n, **USAGE) for n in (1, 2)),
            vllm("server", f"{CHATS}-2", at=2020),
        ],
        {"c1": "billed", "c2": "billed", "server": "same_response>c2"},
    ),
    "a client tells the sum of its prompts, and vLLM each of them": (
        [
            span("client", response_id=PROMPTS, input_tokens=2400, output_tokens=690),
            *(vllm(f"s{n}", f"{PROMPTS}-{n}-9f3c1b2{n}") for n in (0, 1)),
        ],
        {"client": "billed", "s0": "same_response>client", "s1": "same_response>client"},
    ),
    "a client tells one prompt and all choices, and vLLM the prompt with each choice": (
        [
            span("client", response_id=CHATS, input_tokens=1200, output_tokens=355),
            vllm("s0", CHATS),
            vllm("s1", CHATS, 10),
        ],
        {"client": "billed", "s0": "same_response>client", "s1": "same_response>client"},
    ),
    "one part inside its client's span is no call of its own either": (
        [span("client", response_id=CHATS, **USAGE), vllm("s0", CHATS, trace="t", parent="client")],
        {"client": "billed", "s0": "same_response>client"},
    ),
    "so it does with vLLM's spans inside its own": (
        [
            span("outer", input_tokens=1200, output_tokens=355),
            span("client", "outer", response_id=CHATS, input_tokens=1200, output_tokens=355),
            *(
                vllm(f"s{n}", f"{n}_{CHATS}-9f3c1b2a", out, trace="t", parent="client")
                for n, out in ((0, 345), (1, 10))
            ),
        ],
        {
            "outer": "wraps_call>client",
            "client": "billed",
            "s0": "same_response>client",
            "s1": "same_response>client",
        },
    ),
    "parts that no client counted are each billed, also those that look alike": (
        [
            span("client", response_id=CHATS),
            *(vllm(f"s{n}", CHATS) for n in (0, 1)),
            vllm("x", f"{PROMPTS}-0"),
            vllm("y", f"{PROMPTS}-1"),
        ],
        {"client": "same_response>s0", "s0": "billed", "s1": "billed", "x": "billed", "y": "billed"},
    ),
    "three instrumentations side by side tell of one call": (
        [
            span("a", "root", ms=100, convention="openllmetry", request_model="m", _usage_rank=2, **USAGE),
            span("b", "root", at=1, ms=98, convention="openinference", request_model="openai/m", **USAGE),
            span("c", "root", at=2, ms=96, convention="langfuse", request_model="m", _usage_rank=2),
        ],
        {"a": "same_call>b", "b": "billed", "c": "same_call>b"},
    ),
    "a tracer that does not follow the context tells of the call beside its own agent": (
        [
            tool("chain", "root", operation="task", _role="aggregate"),
            span("llm", "chain", convention="openinference", request_model="m", **USAGE),
            span("sdk", "root", at=1, ms=98, convention="openllmetry", request_model="m", _usage_rank=2, **USAGE),
        ],
        {"chain": "no_model_call", "llm": "billed", "sdk": "same_call>llm"},
    ),
    "calls that are each other's parents are billed, not lost": (
        [span("a", "b", **USAGE), span("b", "a", **USAGE), span("self", "self", trace="u")],
        {"a": "billed", "b": "billed", "self": "billed"},
    ),
}
