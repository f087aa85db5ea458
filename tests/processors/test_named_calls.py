"""A call that failed before anything was noted has a scope, a name and an exception: its name says what it was."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processors.flushes import rows_of
from tests.processors.otlp import event, request, span

OTEL = "opentelemetry.instrumentation."
INTERNAL, SERVER, CLIENT, PRODUCER = 1, 2, 3, 4
FAILED = event("exception", after_ms=900, exception__type="openai.RateLimitError", exception__message="Rate limit")


def _failed(
    scope: str, name: str, given: dict[str, Any] | None = None, kinds: tuple[int, ...] = (CLIENT,)
) -> ExportTraceServiceRequest:
    """A failed span of each of these kinds."""
    spans = [span(given, name=name, kind=kind, status=2, events=[FAILED], span_id=bytes([kind] * 8)) for kind in kinds]
    return request(*spans, scope=scope, version="1.0")


def _told(row: dict[str, Any], *more: str) -> tuple[Any, ...]:
    """What call the row tells of, and these columns."""
    return tuple(row[name] for name in ("operation", "request_model", "_model_call", *more))


def test_a_bare_failure_is_the_call_that_its_name_tells():
    expected = [
        (
            "opentelemetry.util.genai.handler",
            "embeddings text-embedding-3-large",
            "embeddings",
            "text-embedding-3-large",
        ),
        (OTEL + "google_genai", "generate_content gemini-2.5-pro", "chat", "gemini-2.5-pro"),
        ("com.anthropic.sdk.python", "anthropic.messages.create", "chat", None),
        ("com.anthropic.sdk.python", "anthropic.beta.messages.create", "chat", None),
        ("logfire.openai", "Chat Completion with 'gpt-4o'", "chat", "gpt-4o"),
        ("logfire.openai", "Chat Completion with {request_data[model]!r}", "chat", None),
        ("logfire.openai", "Embedding Creation with 'text-embedding-3-small'", "embeddings", "text-embedding-3-small"),
        ("logfire.anthropic", "Message with 'claude-sonnet-4-5'", "chat", "claude-sonnet-4-5"),
        ("pydantic-ai", "chat sonar", "chat", "sonar"),
        ("gen_ai", "chat gpt-4o", "chat", "gpt-4o"),
        ("ai", "ai.generateObject.doGenerate", "chat", None),
        ("a tracer of ours", "ai.embedMany.doEmbed", "embeddings", None),
        ("openinference.instrumentation.openai", "ChatCompletion", "chat", None),
        ("openinference.instrumentation.anthropic", "AsyncMessagesStream", "chat", None),
        ("langfuse-sdk", "OpenAI-generation", "chat", None),
    ]

    made = rows_of({(scope, name): _failed(scope, name, kinds=(CLIENT, INTERNAL)) for scope, name, *_ in expected})

    more = ("status", "error_class", "input_tokens", "output_tokens")
    assert {case: [_told(row, *more) for row in rows] for case, rows in made.items()} == {
        (scope, name): [(operation, model, True, "error", "rate_limit", None, None)] * 2
        for scope, name, operation, model in expected
    }


def test_where_a_scope_may_be_anything_only_its_clients_are_calls():
    expected = [
        (OTEL + "openai_v2", "chat gpt-5.1-mini", "chat", "gpt-5.1-mini"),
        (OTEL + "openai_v2", "chat", "chat", None),
        (OTEL + "genai.anthropic", "chat claude-haiku-4-5", "chat", "claude-haiku-4-5"),
        (OTEL + "vertexai", "chat gemini-1.5-pro", "chat", "gemini-1.5-pro"),
        (OTEL + "botocore.bedrock-runtime", "chat us.amazon.nova-lite-v1:0", "chat", "us.amazon.nova-lite-v1:0"),
        (OTEL + "openai", "text_completion gpt-3.5-turbo-instruct", "text_completion", "gpt-3.5-turbo-instruct"),
        (OTEL + "an_unseen_one", "rerank rerank-v3.5", "rerank", "rerank-v3.5"),
        ("openlit.otel.tracing", "chat gpt-4o", "chat", "gpt-4o"),
    ]

    made = rows_of({(scope, name): _failed(scope, name, kinds=(CLIENT, PRODUCER)) for scope, name, *_ in expected})

    assert {case: [_told(row) for row in rows] for case, rows in made.items()} == {
        (scope, name): [(operation, model, True), (None, None, False)] for scope, name, operation, model in expected
    }


def test_what_attributes_tell_goes_before_the_name():
    expected: list[tuple[str, str, dict[str, Any], tuple[str, str | None]]] = [
        ("pydantic-ai", "chat gpt-4o", {"gen_ai.request.model": "gpt-4.1"}, ("chat", "gpt-4.1")),
        ("ai", "ai.streamText.doStream", {"operation.name": "ai.streamText.doStream support"}, ("chat", None)),
        (OTEL + "botocore.bedrock-runtime", "Bedrock Runtime.Converse", {"rpc.method": "Converse"}, ("chat", None)),
        (
            "logfire.openai",
            "Chat Completion with {request_data[model]!r}",
            {"request_data": '{"model": "o3"}'},
            ("chat", "o3"),
        ),
        (OTEL + "openai", "text_completion gpt-4o", {"gen_ai.request.model": "gpt-4o"}, ("text_completion", "gpt-4o")),
        (OTEL + "openai_v2", "chat gpt-4o", {"gen_ai.operation.name": "chat"}, ("chat", "gpt-4o")),
        (OTEL + "openai_v2", "chat gpt-4o", {"gen_ai.operation.name": "embeddings"}, ("embeddings", "gpt-4o")),
    ]

    made = rows_of({(name, str(given)): _failed(scope, name, given) for scope, name, given, _ in expected})

    assert {case: [_told(row) for row in rows] for case, rows in made.items()} == {
        (name, str(given)): [(*told, True)] for _, name, given, told in expected
    }


def test_agents_tools_and_requests_are_no_calls_by_their_name():
    names = [
        ("pydantic-ai", "invoke_agent support"),
        ("pydantic-ai", "agent run"),
        ("pydantic-ai", "execute_tool search"),
        ("pydantic-ai", "running 2 tools"),
        ("gen_ai", "invoke_agent gpt-4o"),
        ("ai", "ai.generateText"),
        ("ai", "ai.toolCall"),
        ("opentelemetry.util.genai.handler", "invoke_workflow plan"),
        ("com.anthropic.sdk.python", "anthropic.messages.count_tokens"),
        ("com.anthropic.sdk.python", "anthropic.messages.batches.create"),
        ("openinference.instrumentation.openai_agents", "Agent"),
        ("openinference.instrumentation.bedrock", "bedrock.invoke_agent"),
        ("langfuse-sdk", "chat gpt-4o"),
        ("logfire.openai", "OpenAI API call to '/files'"),
        (OTEL + "httpx", "POST"),
        (OTEL + "httpx", "POST /v1/chat/completions"),
        (OTEL + "mcp", "tools/call chat"),
        (OTEL + "redis", "GET chat"),
        (OTEL + "botocore.bedrock-runtime", "Bedrock Runtime.ApplyGuardrail"),
        ("my.web.app", "chat gpt-4o"),
        ("my.web.app", "ChatCompletion"),
        ("", "chat gpt-4o"),
    ]

    made = rows_of({case: _failed(*case, kinds=(CLIENT, INTERNAL, SERVER)) for case in names})

    assert {case: [(row["_model_call"], row["request_model"]) for row in rows] for case, rows in made.items()} == {
        case: [(False, None)] * 3 for case in names
    }


def test_a_name_that_tells_a_model_gives_none_to_an_agent():
    made = rows_of({"it": _failed("pydantic-ai", "chat gpt-4o", {"gen_ai.operation.name": "invoke_agent"})})

    assert [_told(row) for row in made["it"]] == [("invoke_agent", None, False)]
