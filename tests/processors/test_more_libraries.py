"""Libraries as they were run against a server on loopback: frameworks, agents, SDKs of other languages.

The attributes are those that the libraries wrote; the server answered 1,200 input tokens, 924 of them from a cache, and
345 output tokens, 128 of them reasoning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, bill_of, billed_of, processed_of
from tests.processors.otlp import START_NS, message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
GEMINI_USAGE = {"promptTokenCount": 1200, "candidatesTokenCount": 217, "cachedContentTokenCount": 924}


def _sent(given: dict[str, Any], scope: str, **more: Any) -> ExportTraceServiceRequest:
    """One span with these attributes."""
    return request(span(given, **more), scope=scope)


def _rows(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, dict[str, Any]]:
    """The billed row of each case."""
    return bill_of(cases, ENGINE)


def _row(given: dict[str, Any], scope: str, **more: Any) -> dict[str, Any]:
    """The billed row of one span with these attributes."""
    return _rows({"it": _sent(given, scope, **more)})["it"]


def _counts(row: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(row[f"{name}_tokens"] for name in ("input", "cached_input", "output", "reasoning"))


# ---- who serves


def test_a_framework_in_the_providers_place_serves_nothing_and_hides_no_price():
    expected = [
        ("strands-agents", "gpt-4o-mini", None),
        ("strands-agents", "anthropic.claude-3-5-sonnet-20241022-v2:0", "aws.bedrock"),
        ("strands-agents", "us.amazon.nova-pro-v1:0", "aws.bedrock"),
        ("microsoft.agent_framework", "gpt-4o-mini", None),
        ("autogen", "claude-sonnet-4-20250514", None),
        ("gcp.vertex.agent", "gemini-2.5-flash", None),
        ("openai_responses_llm", "gpt-4o-mini", "openai"),
        ("", "claude-3-5-sonnet@20241022", "gcp.vertex_ai"),
    ]
    counts = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345}
    cases = {}
    for framework, model, _ in expected:
        told = {"gen_ai.operation.name": "chat", "gen_ai.system": framework, "gen_ai.request.model": model}
        cases[framework, model] = _sent({**told, **counts}, "strands.telemetry.tracer")

    rows = _rows(cases)

    assert {case: (row["provider"], row["price_status"]) for case, row in rows.items()} == {
        (framework, model): (provider, "priced") for framework, model, provider in expected
    }


def test_an_inference_profile_is_bedrocks_whoever_names_it_and_nobody_says_so():
    models = [
        *("us.amazon.nova-pro-v1:0", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "apac.amazon.nova-lite-v1:0"),
        *("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.deepseek.r1-v1:0"),
        *("jp.anthropic.claude-haiku-4-5-20251001-v1:0", "google.gemma-3-12b-it", "us.twelvelabs.pegasus-1-2-v1:0"),
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
        "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:application-inference-profile/abcdefgh1234",
    ]
    told = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}
    cases = {
        (key, model): _sent({**told, key: model}, "")
        for key in ("gen_ai.request.model", "langfuse.observation.model.name")
        for model in models
    }

    rows = _rows(cases)

    assert {case: row["provider"] for case, row in rows.items()} == dict.fromkeys(cases, "aws.bedrock")


def test_a_word_for_no_model_is_none_and_what_else_names_it_is_asked():
    beside = {f"traceloop.association.properties.ls_{name}": name for name in ("model_name", "provider")}
    given = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "gen_ai.provider.name": "langchain"}
    words = ("unknown", "Unknown", " None", "undefined", "", "unknown-2", "gpt-4o")

    rows = _rows(
        {
            (word, str(more)): _sent(
                given | more | {f"gen_ai.{which}.model": word for which in ("request", "response")}, ""
            )
            for word in words
            for more in ({}, beside)
        }
    )

    told = ("request_model", "response_model", "provider")
    assert {case: tuple(row[name] for name in told) for case, row in rows.items()} == {
        (word, str(more)): (
            word if word[-1:] in ("2", "o") else "model_name" if more else None,
            word if word[-1:] in ("2", "o") else None,
            "provider" if more else None,
        )
        for word in words
        for more in ({}, beside)
    }


def test_langchain_names_the_model_that_traceloop_does_not_know():
    recorded = Path(__file__).parent.parent / "data" / "recorded" / "openllmetry-0.62.4-langchain-stream.pb"
    row = bill_of({"it": recorded.read_bytes()}, ENGINE)["it"]

    assert (row["provider"], row["request_model"], row["response_model"]) == ("deepseek", "deepseek-chat", None)
    assert (_counts(row), row["price_status"]) == ((1300, 500, 410, None), "priced")


def test_a_dot_in_a_models_name_does_not_make_it_bedrocks():
    models = ("openai.yml", "my.model", "gpt-4.1-mini", "claude-sonnet-4", "x.anthropic-model")
    told = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5}

    rows = _rows(
        {model: _sent({**told, "gen_ai.request.model": model}, "an instrumentation of ours") for model in models}
    )

    assert {model: row["provider"] for model, row in rows.items()} == dict.fromkeys(models)


# ---- what was counted


def test_gemini_by_vercels_sdk_has_its_cache_and_thoughts_in_the_providers_metadata():
    each = [
        {"ai.usage.promptTokens": 1200, "ai.usage.completionTokens": 217},
        {"ai.usage.inputTokens": 1200, "ai.usage.outputTokens": 217, "ai.usage.totalTokens": 1545},
        {"ai.usage.inputTokens": 1200, "ai.usage.outputTokens": 345, "ai.usage.totalTokens": 1545},
    ]
    usage = {**GEMINI_USAGE, "thoughtsTokenCount": 128, "totalTokenCount": 1545}
    given = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": "google.generative-ai",
        "ai.model.id": "gemini-2.5-flash",
    }
    cases = {}
    for name in ("google", "vertex"):
        own = {"ai.response.providerMetadata": json.dumps({name: {"usageMetadata": usage}})}
        cases |= {(name, str(told)): _sent({**given, **own, **told}, "ai") for told in each}

    rows = _rows(cases)

    assert {case: _counts(row) for case, row in rows.items()} == dict.fromkeys(cases, (1200, 924, 345, 128))


def test_logfires_agents_tell_cache_and_reasoning_in_the_usage_they_were_given():
    usage = {
        "input_tokens": 1200,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 924},
        "output_tokens": 345,
        "output_tokens_details": {"reasoning_tokens": 128},
    }
    given = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini", "logfire.span_type": "span"}
    counts = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "usage": json.dumps(usage)}

    row = _row({**given, **counts}, "logfire.openai_agents", name="Chat completion with {gen_ai.request.model!r}")

    assert (_counts(row), str(row["cost_usd"])) == ((1200, 924, 345, 128), "0.000317700000")


# ---- how it failed


def test_a_failed_call_of_logfires_agents_is_a_call():
    names = ("Chat completion with {gen_ai.request.model!r}", "Responses API with {gen_ai.request.model!r}")
    given = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini", "logfire.span_type": "span"}
    failed = {"status": 2, "message": "RateLimitError: Error code: 429"}

    rows = _rows({name: _sent(given, "logfire.openai_agents", name=name, **failed) for name in names})

    assert {
        name: (row["operation"], row["status"], row["error_class"], row["cost_usd"]) for name, row in rows.items()
    } == dict.fromkeys(names, ("chat", "error", "rate_limit", None))


def test_what_providers_say_classifies_an_error_that_has_no_code():
    too_long = "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"
    expected = {
        "Resource has been exhausted (e.g. check quota).": "rate_limit",
        "Request had invalid authentication credentials. Expected OAuth 2 access token.": "auth",
        "Internal server error": "server_error",
        "An internal error has occurred. Please retry.": "server_error",
        "The server had an error while processing your request. Sorry about that!": "server_error",
        "The system encountered an unexpected error during processing.": "server_error",
        too_long: "context_length_exceeded",
    }
    given = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m", "ai.model.provider": "openai.chat"}

    rows = _rows({text: _sent(given, "ai", status=2, message=text) for text in expected})

    assert {text: row["error_class"] for text, row in rows.items()} == expected


def test_a_failed_call_of_openlit_tells_by_its_name_only_that_it_is_one():
    operations = {"chat gpt-4o-mini": "chat", "embeddings m": "embeddings"}
    text = "BadRequestError: Error code: 400 - prompt is too long: 210000 tokens > 200000 maximum"
    scope = "openlit.instrumentation.anthropic"

    rows = _rows({name: _sent({}, scope, name=name, kind=3, status=2, message=text) for name in operations})

    assert {name: (row["operation"], row["status"], row["error_class"]) for name, row in rows.items()} == {
        name: (operation, "error", "context_length_exceeded") for name, operation in operations.items()
    }


# ---- billed once

LLAMA_INDEX, OPENAI = "openinference.instrumentation.llama_index", "openinference.instrumentation.openai"


def _stream(number: int, *, start_ms: int, end_ms: int, output: int = 345, **more: Any) -> Span:
    """A stream in a trace of its own, told by OpenInference."""
    given = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": true}',
        "llm.token_count.prompt": 1200,
        "llm.token_count.completion": output,
        **more,
    }
    times = {"start_time_unix_nano": START_NS + start_ms * 10**6, "end_time_unix_nano": START_NS + end_ms * 10**6}
    return span(given, trace_id=bytes([number] * 16), span_id=bytes([number] * 8), **times)


def test_a_span_that_ended_as_it_handed_its_stream_over_is_that_stream():
    expected = {
        (22, 345, OPENAI): 1,
        (80, 345, OPENAI): 1,
        (22, 344, OPENAI): 2,
        (400, 345, OPENAI): 2,
        (22, 345, LLAMA_INDEX): 2,
    }
    outer = request(_stream(1, start_ms=0, end_ms=21), scope=LLAMA_INDEX)
    cases = {}
    for start_ms, output, scope in expected:
        inner = request(_stream(2, start_ms=start_ms, end_ms=900, output=output), scope=scope)
        cases[start_ms, output, scope, "outer first"] = [outer, inner]
        cases[start_ms, output, scope, "inner first"] = [inner, outer]

    billed = billed_of(cases, ENGINE)

    assert {case: len(rows) for case, rows in billed.items()} == {case: expected[case[:3]] for case in cases}


def _agents_stream(seen: dict[str, Any]) -> list[ExportTraceServiceRequest]:
    """A stream of OpenAI's agents, told as a whole and, inside, by one who saw its start only."""
    told = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini"}
    asked = {**told, "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": true}'}
    whole = span({**told, "llm.token_count.prompt": 1200, **seen}, span_id=b"\x03" * 8)
    start = span(asked, parent_span_id=b"\x03" * 8, end_time_unix_nano=START_NS + 3 * 10**6)
    return [request(whole, scope="openinference.instrumentation.openai_agents"), request(start, scope=OPENAI)]


def test_a_stream_of_which_one_saw_the_start_worked_where_another_saw_usage_and_end():
    answered, ended = {"llm.token_count.completion": 345}, {"llm.finish_reason": "stop"}
    cases = {
        "usage and end": _agents_stream({**answered, **ended}),
        "usage": _agents_stream(answered),
        "end": _agents_stream(ended),
    }

    billed = billed_of(cases, ENGINE)

    assert {case: [(row["status"], row["error_class"]) for row in rows] for case, rows in billed.items()} == {
        "usage and end": [("ok", None)],
        "usage": [("cancelled", "cancelled")],
        "end": [("cancelled", "cancelled")],
    }


VLLM = {
    "gen_ai.usage.prompt_tokens": 1200,
    "gen_ai.usage.completion_tokens": 345,
    "gen_ai.latency.time_to_first_token": 0.15,
    "gen_ai.latency.e2e": 0.9,
    "gen_ai.request.id": "chatcmpl-7d1f0e2c9a3b4f5a",
    "gen_ai.request.n": 1,
}


def test_vllms_own_span_names_no_model_and_is_a_call_of_known_tokens_without_a_price():
    row = _row(VLLM, "vllm.tracing.otel", name="llm_request", kind=2)

    assert (row["operation"], row["provider"], row["request_model"]) == ("chat", "vllm", None)
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (1200, 345, None)


def test_a_client_and_vllm_in_two_traces_are_one_call_whatever_vllm_adds_to_the_id():
    counts = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345}
    cases = {}
    for asked in ("chatcmpl-7d1f0e2c9a3b4f5a", "cmpl-550e8400-e29b-41d4-a716-446655440000"):
        told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.id": asked}
        client = span({**told, **counts}, trace_id=b"\x07" * 16, kind=3)
        for added in ("", "-0", "-9f3c1b2a", "-0-9f3c1b2a"):
            server = span({**VLLM, "gen_ai.request.id": asked + added}, name="llm_request", kind=2)
            sent = [
                request(client, scope="opentelemetry.instrumentation.openai_v2", resource={"service.name": "shop"}),
                request(server, scope="vllm.llm_engine", resource={"service.name": "vllm"}),
            ]
            cases[asked, added] = [message(one) for one in sent]

    made = processed_of(cases, ENGINE)

    columns = ("convention", "billable", "response_id")
    assert {
        case: [tuple(row[name] for name in columns) for row in one.tables["spans"].to_pylist()]
        for case, one in made.items()
    } == {(asked, added): [("otel_genai", True, asked), ("vllm", False, asked + added)] for asked, added in cases}


def test_other_work_of_vllm_is_no_call():
    sent = _sent({"gen_ai.request.n": 1}, "vllm.tracing.otel", name="Dynamo bytecode transform")

    assert billed_of({"it": [sent]}, ENGINE) == {"it": []}


def test_vllms_own_span_takes_its_model_from_the_client_around_it():
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "meta-llama/Llama-3-8B", "tenant.id": "acme"}
    counts = {"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345}
    client = span({**told, **counts}, span_id=b"\x03" * 8, kind=3)
    server = span(VLLM, name="llm_request", kind=2, parent_span_id=b"\x03" * 8)
    sent = [
        request(client, scope="opentelemetry.instrumentation.openai_v2"),
        request(server, scope="vllm.tracing.otel"),
    ]

    [row] = billed_of({"it": sent}, ENGINE)["it"]

    assert (row["request_model"], row["tenant"]) == ("meta-llama/Llama-3-8B", "acme")
    assert (row["input_tokens"], row["output_tokens"]) == (1200, 345)
