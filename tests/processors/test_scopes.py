"""Which instrumentation scopes the tables mean: a library's own with its modules, and no tracer that begins alike."""

from __future__ import annotations

import re
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.rules import scope_pattern
from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import bill_of, row_of
from tests.processors.otlp import request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
OWN = "billing.service"
ALIKE = [
    *("ai-service", "ai_assistant", "airline-bot", "aisuite", "ai.koog", "ai.acme.chat", "gen_ai_proxy"),
    *("gen_ai.client", "vllm-router", "openlit-fork", "openlit_x", "litellm-custom", "langfuse-x"),
    *("pydantic-ai-harness", "gcp.vertex.agents", "strands.telemetry.tracers", "mistralai_sdk_tracer2"),
    "opentelemetry.util.genai_x",
]
"""Names that people gave their tracers (Koog's is ``ai.koog``); a table has a name that each begins with."""


def _told(scope: str, given: dict[str, Any], **more: Any) -> ExportTraceServiceRequest:
    return request(span(given, **more), scope=scope, version="1.0")


def _chat(provider: str, model: str, **counts: int) -> dict[str, Any]:
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model}
    return told | {f"gen_ai.usage.{name.replace('__', '.')}_tokens": count for name, count in counts.items()}


CACHED = {"input": 10_000, "cache_read__input": 9_000, "output": 100}
CALLS = {
    "anthropic": _chat("anthropic", "claude-sonnet-4-5", **CACHED),
    "bedrock": _chat("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", **CACHED),
    "vertex": _chat("gcp.vertex_ai", "claude-sonnet-4-5@20250929", **CACHED),
    "openai": _chat("openai", "gpt-4o", **CACHED),
    "grok": _chat("x_ai", "grok-4", input=10_000, output=4_500, reasoning__output=4_000),
    "gemini": _chat("gcp.gemini", "gemini-2.5-pro", input=10_000, output=4_500, reasoning__output=4_000),
}


def test_a_tracer_that_is_called_like_a_library_is_billed_as_any_other():
    shown = ("convention", "provider", "usage_semantics", "input_tokens", "output_tokens", "cost_usd", "price_status")
    cases = {(scope, name): _told(scope, given) for scope in [OWN, *ALIKE] for name, given in CALLS.items()}

    rows = bill_of(cases, ENGINE)

    bills = {case: [row[column] for column in shown] for case, row in rows.items()}
    assert bills == {(scope, name): bills[OWN, name] for scope, name in cases}
    assert bills[OWN, "anthropic"][2:4] == ["inclusive", 10_000]
    assert all(row["price_status"] == "priced" for row in rows.values())


@pytest.mark.parametrize(
    ("written", "meant", "others"),
    [
        ("ai$", ["ai"], ["ai.koog", "ai-x", "aisuite", ""]),
        ("vllm", ["vllm", "vllm.llm_engine", "vllm/x", "vllm:x"], ["vllm-router", "vllms", "vllm_x", "my.vllm"]),
        (
            "opentelemetry.instrumentation.openai",
            ["opentelemetry.instrumentation.openai", "opentelemetry.instrumentation.openai.v1"],
            ["opentelemetry.instrumentation.openai_v2", "opentelemetry.instrumentation.openai_agents"],
        ),
        ("logfire.", ["logfire.openai", "logfire.openai_agents"], ["logfire", "logfire_x"]),
        ("@traceloop/instrumentation-", ["@traceloop/instrumentation-openai"], ["@traceloop/instrumentation"]),
        ("", ["", "any"], []),
    ],
)
def test_a_scope_in_a_table_means_its_modules_too(written: str, meant: list[str], others: list[str]) -> None:
    found = {name for name in [*meant, *others] if re.search(scope_pattern(written), name)}

    assert found == {*meant}


def test_modules_and_versions_of_a_library_speak_its_convention():
    conventions = {
        "ai": "vercel_ai_legacy",
        "gen_ai": "vercel_ai_genai_v7",
        "vllm.llm_engine": "vllm",
        "openlit.instrumentation.openai.openai": "openlit",
        "@openlit/instrumentation-openai": "openlit",
        "langfuse-sdk": "langfuse",
        "litellm": "litellm_v2",
        "com.anthropic.sdk.python": "anthropic_sdk_native",
        "opentelemetry.util.genai.handler": "otel_genai",
        "opentelemetry.instrumentation.botocore.bedrock-runtime": "otel_genai",
        "opentelemetry.instrumentation.openai.v1": "openllmetry",
        "opentelemetry.instrumentation.openai_v2": "otel_genai",
        "openinference.instrumentation.openai_agents": "openinference",
    }

    rows = row_of({scope: _told(scope, CALLS["openai"]) for scope in conventions})

    assert {scope: row["convention"] for scope, row in rows.items()} == conventions


def test_who_serves_calls_of_openais_sdk_and_agents_is_known_where_nobody_tells():
    libraries = ["openinference.instrumentation.openai", "opentelemetry.instrumentation.openai"]
    scopes = [library + end for library in libraries for end in ("", "_agents")]
    scopes += ["opentelemetry.instrumentation.openai_v2", "opentelemetry.instrumentation.openai.v1"]
    scopes += [f"opentelemetry.instrumentation.genai.openai{end}" for end in ("", "_agents")]
    given = {name: value for name, value in CALLS["openai"].items() if name != "gen_ai.provider.name"}

    rows = row_of({scope: _told(scope, given) for scope in scopes})

    assert {scope: row["provider"] for scope, row in rows.items()} == dict.fromkeys(scopes, "openai")


def test_spans_of_the_agents_sdk_are_what_their_kind_says():
    expected = {
        "AGENT": "invoke_agent",
        "TOOL": "execute_tool",
        "GUARDRAIL": "guardrail",
        "CHAIN": "task",
        "RETRIEVER": "retrieval",
        "LLM": "chat",
    }
    libraries = ["openinference.instrumentation.openai_agents", "openinference.instrumentation.langchain"]
    named = {"AGENT": "Agent workflow", "GUARDRAIL": "jailbreak", "LLM": "response"}
    cases = {
        (library, kind): _told(library, {"openinference.span.kind": kind}, name=named.get(kind, "x"), kind=1)
        for library in libraries
        for kind in expected
    }

    rows = row_of(cases)

    assert {case: row["operation"] for case, row in rows.items()} == {
        (library, kind): expected[kind] for library, kind in cases
    }


def test_agents_and_functions_of_logfires_agents_sdk_are_known_by_their_spans():
    expected = {
        "Agent run: {name!r}": ("invoke_agent", "aggregate"),
        "Function: {name}": ("execute_tool", "other"),
        "Guardrail {name!r} {triggered=}": ("guardrail", "other"),
        "Chat completion with {gen_ai.request.model!r}": ("chat", "call"),
        "OpenAI Agents trace: {name}": (None, "other"),
    }
    given = {"logfire.span_type": "span", "gen_ai.system": "openai"}

    rows = row_of({name: _told("logfire.openai_agents", given, name=name, kind=1) for name in expected})

    assert {name: (row["operation"], row["_role"]) for name, row in rows.items()} == expected
