"""Kinds of work as gateways, SDKs and instrumentations name them, run against a server on loopback.

LiteLLM 1.77 to 1.106 (its proxy calls everything asynchronously), the Mistral SDK's own spans beside Traceloop's, Groq,
Google's SDK and Bedrock in old versions.
"""

from __future__ import annotations

from typing import Any

import pytest

from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.otlp import message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
TRACELOOP = "opentelemetry.instrumentation."


def _billed(*sent: Any) -> list[dict[str, Any]]:
    rows = process_range([message(one) for one in sent], ENGINE).tables["spans"].to_pylist()
    return [row for row in rows if row["billable"]]


def _one(given: dict[str, Any], scope: str, version: str = "", **more: Any) -> dict[str, Any]:
    [row] = _billed(request(span(given, **more), scope=scope, version=version))
    return row


@pytest.mark.parametrize(
    ("call_type", "operation"),
    [
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
    ],
)
def test_litellms_asynchronous_calls_are_calls(call_type: str, operation: str):
    told = {
        "gen_ai.operation.name": call_type,
        "llm.request.type": call_type,
        "litellm.provider.model": "openai/gpt-4o",
    }

    row = _one({**told, "gen_ai.usage.input_tokens": 603}, "litellm", name="litellm_request")

    assert (row["operation"], row["input_tokens"], row["provider"]) == (operation, 603, "openai")


@pytest.mark.parametrize("call_type", ["amoderation", "call_mcp_tool", "avector_store_search", "asend_message"])
def test_litellms_other_work_is_no_call(call_type: str):
    assert not _billed(
        request(span({"gen_ai.operation.name": call_type, "gen_ai.request.model": "m"}), scope="litellm")
    )


@pytest.mark.parametrize(
    ("call_type", "named", "operation"),
    [
        ("arerank", "chat", "rerank"),
        ("aimage_generation", "generate_content", "image"),
        ("speech", "generate_content", "speech"),
        ("atranscription", "generate_content", "transcription"),
        ("aresponses", "chat", "chat"),
        ("acompletion", "chat", "chat"),
    ],
)
def test_litellms_second_adapter_names_some_work_a_chat_but_its_call_type_tells_what_it_was(
    call_type: str, named: str, operation: str
):
    told = {"gen_ai.operation.name": named, "litellm.call_type": call_type, "gen_ai.request.model": "m"}

    assert _one(told, "litellm", "1.106.2", kind=3)["operation"] == operation


@pytest.mark.parametrize(("version", "convention"), [("", "litellm_v1"), ("1.106.2", "litellm_v2")])
def test_litellms_adapters_are_told_apart_by_their_version_where_no_key_of_theirs_is(version: str, convention: str):
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}

    assert _one(told, "litellm", version, kind=3)["convention"] == convention


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

    assert _one(told, TRACELOOP + "groq", "0.55.0", name="groq.chat", kind=3)["operation"] == "chat"


@pytest.mark.parametrize(
    ("function", "stream"),
    [
        ("google.genai.Models.generate_content_stream", True),
        ("google.genai.AsyncModels.generate_content_stream", True),
        ("google.genai.Models.generate_content", None),
    ],
)
def test_googles_sdk_streams_where_its_method_does(function: str, stream: bool | None):
    told = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini", "code.function.name": function}

    assert _one(told, TRACELOOP + "google_genai", "0.7b0")["stream"] is stream


# ---- counts that are none


@pytest.mark.parametrize(
    ("version", "function", "semantics"),
    [
        ("0.2b0", "google.genai.Models.generate_content_stream", "refused+guessed_count"),
        ("0.6b0", "google.genai.AsyncModels.generate_content_stream", "refused+guessed_count"),
        ("0.6b0", "google.genai.Models.generate_content", "inclusive"),
        ("0.7b0", "google.genai.Models.generate_content_stream", "inclusive"),
        ("1.3b0", "google.genai.AsyncModels.generate_content_stream", "inclusive"),
    ],
)
def test_old_streams_of_googles_sdk_add_up_what_each_chunk_says_of_the_whole(
    version: str, function: str, semantics: str
):
    told = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini", "code.function.name": function}
    counts = {"gen_ai.usage.input_tokens": 2966, "gen_ai.usage.output_tokens": 79}

    row = _one({**told, **counts, "gen_ai.request.model": "gemini-2.5-flash"}, TRACELOOP + "google_genai", version)

    refused = semantics.startswith("refused")
    assert (row["usage_semantics"], row["input_tokens"]) == (semantics, None if refused else 2966)
    assert row["price_status"] == ("usage_missing" if refused else "priced")


@pytest.mark.parametrize(
    ("model", "method", "tokens"),
    [
        ("cohere.command-r-v1:0", "InvokeModel", None),
        ("mistral.mistral-large-2402-v1:0", "InvokeModel", None),
        ("mistral.mistral-large-2402-v1:0", "Converse", 7),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "InvokeModel", 7),
        ("meta.llama3-70b-instruct-v1:0", "InvokeModel", 7),
    ],
)
def test_what_botocore_guesses_from_the_length_of_a_text_is_no_count(model: str, method: str, tokens: int | None):
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, "rpc.method": method}
    counts = {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 7}

    row = _one({**told, **counts}, TRACELOOP + "botocore.bedrock-runtime", "0.66b2", kind=3)

    assert (row["input_tokens"], row["output_tokens"]) == (tokens, tokens)


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


def _bedrock(outer: str, inner: str) -> list[dict[str, Any]]:
    """What is billed of a stream that botocore and Traceloop tell of, side by side and in two traces."""
    counts = {"gen_ai.usage.input_tokens": 142, "gen_ai.usage.output_tokens": 624}
    told = {"gen_ai.operation.name": "chat", **counts}
    mine = {**told, "gen_ai.system": "aws.bedrock", "gen_ai.request.model": inner, "rpc.method": "ConverseStream"}
    other = {**told, "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": outer}
    ids = {"trace_id": b"\x07" * 16, "span_id": b"\x07" * 8}
    return _billed(
        request(span(mine, kind=3), scope=TRACELOOP + "botocore.bedrock-runtime", version="0.66b2"),
        request(span(other, kind=3, **ids), scope=TRACELOOP + "bedrock", version="0.62.4"),
    )


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("claude-sonnet-4-20250514-v1", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        ("nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        ("llama3-70b-instruct-v1:0", "meta.llama3-70b-instruct-v1:0"),
    ],
)
def test_a_bedrock_model_without_its_maker_or_version_is_the_same_model_told_twice(outer: str, inner: str):
    [row] = _bedrock(outer, inner)

    assert (row["input_tokens"], row["output_tokens"]) == (142, 624)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [("nova-lite-v1:0", "amazon.nova-pro-v1:0"), ("deepseek-v2", "deepseek-v3"), ("claude-3-haiku", "claude-3-opus")],
)
def test_other_models_side_by_side_are_two_calls(outer: str, inner: str):
    assert len(_bedrock(outer, inner)) == 2
