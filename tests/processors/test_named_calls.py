"""A call that failed before anything was noted has a scope, a name and an exception: its name says what it was."""

from __future__ import annotations

from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise import Rules, normalise
from tests.processors.otlp import event, message, request, span

OPEN = Rules(user_key=b"key", trusted_topics=None)
TABLE = load_table()
OTEL = "opentelemetry.instrumentation."
INTERNAL, SERVER, CLIENT, PRODUCER = 1, 2, 3, 4
FAILED = event("exception", after_ms=900, exception__type="openai.RateLimitError", exception__message="Rate limit")


def _rows(scope: str, name: str, given: dict[str, Any] | None, kinds: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row of a failed span for each of these kinds."""
    spans = [span(given, name=name, kind=kind, status=2, events=[FAILED], span_id=bytes([kind] * 8)) for kind in kinds]
    decoded = decode([message(request(*spans, scope=scope, version="1.0"))], TABLE)
    return normalise(decoded, OPEN).spans.to_pylist()


def _row(scope: str, name: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    return _rows(scope, name, given, (CLIENT,))[0]


@pytest.mark.parametrize(
    ("scope", "name", "operation", "model"),
    [
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
    ],
)
def test_a_bare_failure_is_the_call_that_its_name_tells(scope: str, name: str, operation: str, model: str | None):
    for row in _rows(scope, name, None, (CLIENT, INTERNAL)):
        assert (row["operation"], row["request_model"], row["_model_call"]) == (operation, model, True)
        assert (row["status"], row["error_class"]) == ("error", "rate_limit")
        assert (row["input_tokens"], row["output_tokens"]) == (None, None)


@pytest.mark.parametrize(
    ("scope", "name", "operation", "model"),
    [
        (OTEL + "openai_v2", "chat gpt-5.1-mini", "chat", "gpt-5.1-mini"),
        (OTEL + "openai_v2", "chat", "chat", None),
        (OTEL + "genai.anthropic", "chat claude-haiku-4-5", "chat", "claude-haiku-4-5"),
        (OTEL + "vertexai", "chat gemini-1.5-pro", "chat", "gemini-1.5-pro"),
        (OTEL + "botocore.bedrock-runtime", "chat us.amazon.nova-lite-v1:0", "chat", "us.amazon.nova-lite-v1:0"),
        (OTEL + "openai", "text_completion gpt-3.5-turbo-instruct", "text_completion", "gpt-3.5-turbo-instruct"),
        (OTEL + "an_unseen_one", "rerank rerank-v3.5", "rerank", "rerank-v3.5"),
        ("openlit.otel.tracing", "chat gpt-4o", "chat", "gpt-4o"),
    ],
)
def test_where_a_scope_may_be_anything_only_its_clients_are_calls(
    scope: str, name: str, operation: str, model: str | None
):
    asked, sent = _rows(scope, name, None, (CLIENT, PRODUCER))

    assert (asked["operation"], asked["request_model"], asked["_model_call"]) == (operation, model, True)
    assert (sent["operation"], sent["request_model"], sent["_model_call"]) == (None, None, False)


@pytest.mark.parametrize(
    ("scope", "name", "given", "told"),
    [
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
    ],
)
def test_what_attributes_tell_goes_before_the_name(
    scope: str, name: str, given: dict[str, Any], told: tuple[str, str | None]
):
    row = _row(scope, name, given)

    assert (row["operation"], row["request_model"], row["_model_call"]) == (*told, True)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
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
    ],
)
def test_agents_tools_and_requests_are_no_calls_by_their_name(scope: str, name: str):
    rows = _rows(scope, name, None, (CLIENT, INTERNAL, SERVER))

    assert {(row["_model_call"], row["request_model"]) for row in rows} == {(False, None)}


def test_a_name_that_tells_a_model_gives_none_to_an_agent():
    row = _row("pydantic-ai", "chat gpt-4o", {"gen_ai.operation.name": "invoke_agent"})

    assert (row["operation"], row["request_model"], row["_model_call"]) == ("invoke_agent", None, False)
