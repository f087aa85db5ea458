"""Kinds of work as gateways, SDKs and instrumentations name them, run against a server on loopback.

LiteLLM 1.77 to 1.106 (its proxy calls everything asynchronously), the Mistral SDK's own spans beside Traceloop's, Groq,
Google's SDK and Bedrock in old versions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import bill_of, billed_of
from tests.processors.otlp import request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
TRACELOOP = "opentelemetry.instrumentation."


def _billed(*sent: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    return billed_of({"it": sent}, ENGINE)["it"]


def _sent(given: dict[str, Any], scope: str, version: str = "", **more: Any) -> ExportTraceServiceRequest:
    return request(span(given, **more), scope=scope, version=version)


def test_litellms_asynchronous_calls_are_calls():
    expected = [
        ("acompletion", "chat"),
        ("atext_completion", "text_completion"),
        ("anthropic_messages", "chat"),
        ("aresponses", "chat"),
        ("_arealtime", "chat"),
        ("agenerate_content_stream", "chat"),
        ("allm_passthrough_route", "chat"),
        ("aembedding", "embeddings"),
        ("arerank", "rerank"),
        ("aimage_generation", "image"),
        ("aspeech", "speech"),
        ("atranscription", "transcription"),
    ]
    cases = {}
    for call_type, _ in expected:
        told = {"gen_ai.operation.name": call_type, "llm.request.type": call_type, "gen_ai.usage.input_tokens": 603}
        given = {**told, "litellm.provider.model": "openai/gpt-4o"}
        cases[call_type] = _sent(given, "litellm", name="litellm_request")

    rows = bill_of(cases, ENGINE)

    assert {case: (row["operation"], row["input_tokens"], row["provider"]) for case, row in rows.items()} == {
        call_type: (operation, 603, "openai") for call_type, operation in expected
    }


def test_speech_and_transcripts_of_vercels_sdk_7_are_calls_whose_usage_is_missing():
    """Recorded: @ai-sdk/otel 1.0.173 tells no counts of them, and nothing below them."""
    expected = {
        "ai.transcribe": ("gpt-4o-transcribe", "transcription"),
        "ai.streamTranscribe": ("gpt-4o-transcribe", "transcription"),
        "ai.generateSpeech": ("gpt-4o-mini-tts", "speech"),
    }
    cases = {}
    for name, (model, _) in expected.items():
        told = {"gen_ai.operation.name": name, "gen_ai.provider.name": "openai", "gen_ai.request.model": model}
        cases[name] = _sent(told, "gen_ai", name=f"{name} {model}", kind=3)

    rows = bill_of(cases, ENGINE)

    assert {case: (row["operation"], row["price_status"], row["cost_usd"]) for case, row in rows.items()} == {
        name: (operation, "usage_missing", None) for name, (_, operation) in expected.items()
    }


def test_litellms_other_work_is_no_call():
    call_types = ("amoderation", "call_mcp_tool", "avector_store_search", "asend_message")
    told = {"gen_ai.request.model": "m"}

    billed = billed_of({one: [_sent({**told, "gen_ai.operation.name": one}, "litellm")] for one in call_types}, ENGINE)

    assert billed == {one: [] for one in call_types}


def test_litellms_second_adapter_names_some_work_a_chat_but_its_call_type_tells_what_it_was():
    expected = [
        ("arerank", "chat", "rerank"),
        ("aimage_generation", "generate_content", "image"),
        ("speech", "generate_content", "speech"),
        ("atranscription", "generate_content", "transcription"),
        ("aresponses", "chat", "chat"),
        ("acompletion", "chat", "chat"),
    ]
    cases = {}
    for call_type, named, _ in expected:
        told = {"gen_ai.operation.name": named, "litellm.call_type": call_type, "gen_ai.request.model": "m"}
        cases[call_type, named] = _sent(told, "litellm", "1.106.2", kind=3)

    rows = bill_of(cases, ENGINE)

    assert {case: row["operation"] for case, row in rows.items()} == {
        (call_type, named): operation for call_type, named, operation in expected
    }


def test_litellms_adapters_are_told_apart_by_their_version_where_no_key_of_theirs_is():
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
    expected = {"": "litellm_v1", "1.106.2": "litellm_v2"}

    rows = bill_of({version: _sent(told, "litellm", version, kind=3) for version in expected}, ENGINE)

    assert {version: row["convention"] for version, row in rows.items()} == expected


def _mistral(path: str, model: str, inner: int, outer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What is billed of a call that the SDK itself and Traceloop tell of, side by side and in two traces."""
    counts = {"gen_ai.usage.prompt_tokens": 276, "gen_ai.usage.output_tokens": inner}
    own = {"gen_ai.provider.name": "mistral_ai", "gen_ai.request.model": model, **counts}
    other = {"gen_ai.system": "MistralAI", "gen_ai.request.model": model, **outer}
    ids = {"trace_id": b"\x07" * 16, "span_id": b"\x07" * 8}
    return _billed(
        request(span(own, name=path), scope="mistralai_sdk_tracer"),
        request(span(other, name=name, kind=3, **ids), scope=TRACELOOP + "mistralai", version="0.62.4"),
    )


def test_embeddings_that_mistrals_sdk_tells_beside_an_instrumentation_are_one_call_with_its_tokens():
    outer = {"llm.request.type": "embedding", "gen_ai.response.id": "emb1"}

    [row] = _mistral("embeddings_v1_embeddings_post", "mistral-embed", 0, outer, "mistralai.embeddings")

    assert (row["operation"], row["input_tokens"]) == ("embeddings", 276)
    assert row["price_status"] == "priced"


def test_a_chat_that_mistrals_sdk_tells_beside_an_instrumentation_is_one_call():
    outer = {"llm.request.type": "chat", "gen_ai.usage.input_tokens": 276, "gen_ai.usage.output_tokens": 40}

    [row] = _mistral("chat_completion_v1_chat_completions_post", "mistral-large-latest", 40, outer, "mistralai.chat")

    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("chat", 276, 40)


def test_groqs_chat_is_a_chat_though_its_request_was_called_a_completion():
    told = {"gen_ai.system": "groq", "llm.request.type": "completion", "gen_ai.usage.input_tokens": 5}

    [row] = _billed(_sent(told, TRACELOOP + "groq", "0.55.0", name="groq.chat", kind=3))

    assert row["operation"] == "chat"


def test_googles_sdk_streams_where_its_method_does():
    told = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini"}
    expected = {
        "google.genai.Models.generate_content_stream": True,
        "google.genai.AsyncModels.generate_content_stream": True,
        "google.genai.Models.generate_content": None,
    }

    rows = bill_of(
        {
            function: _sent({**told, "code.function.name": function}, TRACELOOP + "google_genai", "0.7b0")
            for function in expected
        },
        ENGINE,
    )

    assert {function: row["stream"] for function, row in rows.items()} == expected


STREAMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "streamText": ({"ai.operationId": "ai.streamText.doStream"}, "ai", "chat m"),
    "streamObject": ({"ai.operationId": "ai.streamObject.doStream"}, "ai", "chat m"),
    "named": ({"gen_ai.operation.name": "chat"}, "ai", "ai.streamText.doStream my-function"),
    "litellm": ({"gen_ai.operation.name": "agenerate_content_stream"}, "litellm", "litellm_request"),
    "litellm, waited for": ({"gen_ai.operation.name": "generate_content_stream"}, "litellm", "litellm_request"),
}
WHOLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "generateText": ({"ai.operationId": "ai.generateText.doGenerate"}, "ai", "ai.generateText.doGenerate"),
    "litellm": ({"gen_ai.operation.name": "agenerate_content"}, "litellm", "litellm_request"),
}


def test_an_operation_that_streams_makes_a_stream_and_without_an_end_a_cancelled_one():
    model = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "ai.model.id": "gpt-4o"}
    ended = {
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 5,
    }
    cases = {}
    for ways, streams in ((STREAMS, True), (WHOLE, None)):
        for way, (told, scope, name) in ways.items():
            cases[way, streams, "ok"] = _sent({**model, **told, **ended}, scope, name=name)
            cases[way, streams, "cancelled" if streams else "ok, nothing told"] = _sent(
                {**model, **told}, scope, name=name
            )

    rows = bill_of(cases, ENGINE)

    assert {case: (row["stream"], row["status"]) for case, row in rows.items()} == {
        (way, streams, end): (streams, end.split(",")[0]) for way, streams, end in cases
    }


# ---- counts that are none


def test_old_streams_of_googles_sdk_add_up_what_each_chunk_says_of_the_whole():
    expected = [
        ("0.2b0", "google.genai.Models.generate_content_stream", "refused+guessed_count"),
        ("0.6b0", "google.genai.AsyncModels.generate_content_stream", "refused+guessed_count"),
        ("0.6b0", "google.genai.Models.generate_content", "inclusive+output_unsure+output_missing"),
        ("0.7b0", "google.genai.Models.generate_content_stream", "inclusive+output_unsure+output_missing"),
        ("1.3b0", "google.genai.AsyncModels.generate_content_stream", "inclusive"),
    ]
    told = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini"}
    counts = {"gen_ai.usage.input_tokens": 2966, "gen_ai.usage.output_tokens": 79}
    cases = {}
    for version, function, _ in expected:
        given = {**told, **counts, "gen_ai.request.model": "gemini-2.5-flash", "code.function.name": function}
        cases[version, function] = _sent(given, TRACELOOP + "google_genai", version)

    rows = bill_of(cases, ENGINE)

    meant = {
        "refused+guessed_count": (None, None, "usage_missing"),
        "inclusive": (2966, 79, "priced"),
        "inclusive+output_unsure+output_missing": (2966, None, "priced"),
    }
    assert {
        case: (row["usage_semantics"], (row["input_tokens"], row["output_tokens"], row["price_status"]))
        for case, row in rows.items()
    } == {(version, function): (semantics, meant[semantics]) for version, function, semantics in expected}


@pytest.mark.parametrize(
    ("scope", "version"), [("google_genai", "0.4b0"), ("google_genai", "0.7b2"), ("vertexai", "2.0b0")]
)
def test_googles_first_instrumentors_say_nothing_of_what_a_model_thought(scope: str, version: str):
    """Recorded with 0.6b0: 500 candidates, 4,000 thoughts, and neither thoughts nor a total in the span."""
    told = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini"}
    counts = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500}
    models = {
        "gemini-1.5-pro": (500, False),
        "gemini-2.0-flash": (500, False),
        "gemini-2.0-flash-thinking-exp": (None, True),
        "gemini-2.5-pro": (None, True),
        "gemini-3-pro-preview": (None, True),
    }
    cases = {
        model: _sent({**told, **counts, "gen_ai.request.model": model}, TRACELOOP + scope, version) for model in models
    }

    rows = bill_of(cases, ENGINE)

    assert {
        model: (row["output_tokens"], "output_unsure" in row["usage_semantics"]) for model, row in rows.items()
    } == models


def test_beside_an_instrumentation_that_knows_googles_first_one_has_what_was_thought():
    """Recorded: OpenInference 1.4.14 around 0.6b0 in one process."""
    inner = {"gen_ai.operation.name": "generate_content", "gen_ai.request.model": "gemini-2.5-pro"}
    inner |= {"gen_ai.system": "gemini", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500}
    outer = {"openinference.span.kind": "LLM", "llm.model_name": "gemini-2.5-pro", "llm.provider": "google"}
    outer |= {"llm.token_count.prompt": 1000, "llm.token_count.completion": 4500}
    outer |= {"llm.token_count.completion_details.reasoning": 4000}
    top, below = {"span_id": b"outer..."}, {"span_id": b"inner...", "parent_span_id": b"outer..."}

    (row,) = _billed(
        _sent(outer, "openinference.instrumentation.google_genai", "1.4.14", **top),
        _sent(inner, TRACELOOP + "google_genai", "0.6b0", **below),
    )

    assert (row["input_tokens"], row["output_tokens"], row["reasoning_tokens"]) == (1000, 4500, 4000)
    assert row["cost_usd"] == Decimal("0.04625")


def test_what_botocore_guesses_from_the_length_of_a_text_is_no_count():
    expected = [
        ("cohere.command-r-v1:0", "InvokeModel", None),
        ("mistral.mistral-large-2402-v1:0", "InvokeModel", None),
        ("mistral.mistral-large-2402-v1:0", "Converse", 7),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "InvokeModel", 7),
        ("meta.llama3-70b-instruct-v1:0", "InvokeModel", 7),
    ]
    counts = {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 7}
    cases = {}
    for model, method, _ in expected:
        told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, "rpc.method": method}
        cases[model, method] = _sent({**told, **counts}, TRACELOOP + "botocore.bedrock-runtime", "0.66b2", kind=3)

    rows = bill_of(cases, ENGINE)

    assert {case: (row["input_tokens"], row["output_tokens"]) for case, row in rows.items()} == {
        (model, method): (tokens, tokens) for model, method, tokens in expected
    }


def test_a_guess_gives_way_to_what_another_instrumentation_counted_around_it():
    asked = {"gen_ai.request.model": "cohere.command-r-v1:0", "rpc.method": "InvokeModel"}
    guess = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}
    told = {"openinference.span.kind": "LLM", "llm.model_name": "cohere.command-r-v1:0"}
    counts = {"llm.token_count.prompt": 643, "llm.token_count.completion": 329}

    [row] = _billed(
        request(span({**told, **counts}, span_id=b"\x05" * 8), scope="openinference.instrumentation.bedrock"),
        request(
            span({**asked, **guess}, span_id=b"\x06" * 8, parent_span_id=b"\x05" * 8, kind=3),
            scope=TRACELOOP + "botocore.bedrock-runtime",
        ),
    )

    assert (row["input_tokens"], row["output_tokens"]) == (643, 329)


# ---- one model, two names


def _bedrock(outer: str, inner: str) -> list[ExportTraceServiceRequest]:
    """A stream that botocore and Traceloop tell of, side by side and in two traces."""
    counts = {"gen_ai.usage.input_tokens": 142, "gen_ai.usage.output_tokens": 624}
    told = {"gen_ai.operation.name": "chat", **counts}
    mine = {**told, "gen_ai.system": "aws.bedrock", "gen_ai.request.model": inner, "rpc.method": "ConverseStream"}
    other = {**told, "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": outer}
    ids = {"trace_id": b"\x07" * 16, "span_id": b"\x07" * 8}
    return [
        _sent(mine, TRACELOOP + "botocore.bedrock-runtime", "0.66b2", kind=3),
        _sent(other, TRACELOOP + "bedrock", "0.62.4", kind=3, **ids),
    ]


def test_a_bedrock_model_without_its_maker_or_version_is_the_same_model_told_twice_and_another_is_another_call():
    once = [
        ("claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-sonnet-4-20250514-v1", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        ("llama3-70b-instruct-v1:0", "meta.llama3-70b-instruct-v1:0"),
    ]
    twice = [
        ("nova-lite-v1:0", "amazon.nova-pro-v1:0"),
        ("deepseek-v2", "deepseek-v3"),
        ("claude-3-haiku", "claude-3-opus"),
    ]

    billed = billed_of({models: _bedrock(*models) for models in (*once, *twice)}, ENGINE)

    assert {
        models: [(row["input_tokens"], row["output_tokens"]) for row in rows] for models, rows in billed.items()
    } == {models: [(142, 624)] * (1 if models in once else 2) for models in billed}
