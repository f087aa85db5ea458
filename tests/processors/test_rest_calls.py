"""Which requests of a client are model calls, where an instrumentation gives every one of them the kind ``LLM``.

OpenInference's instrumentation of OpenAI's SDK watches each request that the SDK makes and names the span after the
class of the answer; what it does not know by its class has nothing but the request and the answer as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, stored_of
from tests.processors.otlp import request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
OPENAI = "openinference.instrumentation.openai"


def _told(asked: dict[str, Any], answer: Any = None, **more: Any) -> dict[str, Any]:
    """What the instrumentation writes of a request and its answer."""
    written = {"llm.system": "openai", "llm.provider": "openai", "openinference.span.kind": "LLM"}
    written |= {"input.value": json.dumps(asked), "llm.invocation_parameters": json.dumps(asked)}
    return written | ({} if answer is None else {"output.value": json.dumps(answer)}) | more


def _sent(given: dict[str, Any], name: str, scope: str = OPENAI, **more: Any) -> ExportTraceServiceRequest:
    return request(span(given, name=name, **more), scope=scope, version="0.1.66")


def _rows(requests: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, dict[str, Any]]:
    """The row of each request of one span, all taken by one flush."""
    return stored_of(requests, ENGINE)


def _row(given: dict[str, Any], name: str, scope: str = OPENAI, **more: Any) -> dict[str, Any]:
    return _rows({"it": _sent(given, name, scope, **more)})["it"]


def test_a_request_that_asks_no_model_for_an_answer_is_no_call_though_its_kind_says_so():
    asked_by = {
        "SyncPage[Model]": {},
        "AsyncPage[Model]": {},
        "Model": {},
        "SyncCursorPage[ChatCompletion]": {},
        "SyncCursorPage[FileObject]": {},
        "FileObject": {"purpose": "batch"},
        "HttpxBinaryResponseContent": {},
        "str": {},
        "Batch": {"completion_window": "24h", "endpoint": "/v1/chat/completions", "input_file_id": "file-abc"},
        "Conversation": {},
        "VectorStore": {"name": "shelf"},
        "InputTokenCountResponse": {"model": "gpt-5", "input": "how long is this?"},
        "FineTuningJob": {"model": "gpt-4o-mini-2024-07-18", "training_file": "file-abc"},
        "Assistant": {"model": "gpt-4o"},
        "TranscriptionSession": {"model": "gpt-4o-transcribe"},
        "SomethingThatComesNextYear": {"limit": 20},
    }

    answer = {"id": "batch_6650a1", "object": "list", "data": []}

    rows = _rows({name: _sent(_told(asked, answer), name) for name, asked in asked_by.items()})

    found = {name: (row["operation"], row["billable"], row["price_status"]) for name, row in rows.items()}
    assert found == dict.fromkeys(asked_by, ("task", False, None))


def test_a_search_in_a_vector_store_is_a_retrieval():
    row = _row(_told({"query": "shoes"}, {"data": []}), "SyncPage[VectorStoreSearchResponse]")

    assert (row["operation"], row["billable"]) == ("retrieval", False)


def test_a_moderation_is_a_guard_with_its_verdict():
    result = {"flagged": True, "categories": {"hate": True, "violence": False}, "category_scores": {"hate": 0.98}}
    answer = {"id": "modr-0a1b2c", "model": "omni-moderation-latest", "results": [result]}

    row = _row(_told({"model": "omni-moderation-latest", "input": "words"}, answer), "ModerationCreateResponse")

    assert (row["operation"], row["billable"]) == ("guardrail", False)
    assert (row["safety_category"], row["guardrail_action"]) == ("hate", "flagged")


def test_a_moderation_that_only_its_model_tells_of_is_a_guard():
    told = {"gen_ai.system": "openai", "gen_ai.request.model": "omni-moderation-latest", "url": "/moderations"}

    row = _row(told, "OpenAI API call to {url!r}", scope="logfire.openai", kind=3)

    assert (row["operation"], row["billable"]) == ("guardrail", False)


def test_a_picture_is_counted_by_the_usage_of_its_answer_however_large_the_picture_is():
    usage = {"input_tokens": 50, "input_tokens_details": {"image_tokens": 40, "text_tokens": 10}}
    usage |= {"output_tokens": 4160, "total_tokens": 4210}
    answer = {"created": 1793000000, "data": [{"b64_json": "iVBORw0KGgo" * 110_000}], "usage": usage}

    row = _row(_told({"model": "gpt-image-1", "prompt": "a cat"}, answer), "ImagesResponse")

    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("image", 50, 4160)
    assert dict(row["units"]) == {"image_input_tokens": 40.0}
    assert row["price_status"] == "priced"


def test_a_picture_of_which_nobody_counts_tokens_is_a_call_without_usage():
    row = _row(_told({"model": "dall-e-3", "prompt": "a cat"}, {"data": [{"url": "http://x/y.png"}]}), "ImagesResponse")

    assert (row["operation"], row["input_tokens"], row["price_status"]) == ("image", None, "usage_missing")


def test_a_transcription_is_counted_by_the_usage_of_its_answer():
    usage = {"type": "tokens", "input_tokens": 140, "input_token_details": {"audio_tokens": 140, "text_tokens": 0}}
    answer = {"text": "hello", "usage": usage | {"output_tokens": 45, "total_tokens": 185}}

    row = _row(_told({"model": "gpt-4o-transcribe"}, answer), "Transcription")

    assert (row["operation"], row["price_status"]) == ("transcription", "priced")
    assert (row["input_tokens"], row["audio_input_tokens"], row["output_tokens"]) == (140, 140, 45)


def test_a_transcription_by_the_second_tells_its_seconds():
    names = ["Transcription", "TranscriptionVerbose", "Translation", "TranslationVerbose"]

    answer = {"text": "hello", "usage": {"type": "duration", "seconds": 12}}

    rows = _rows({name: _sent(_told({"model": "whisper-1"}, answer), name) for name in names})

    assert {name: (row["operation"], dict(row["units"])) for name, row in rows.items()} == dict.fromkeys(
        names, ("transcription", {"audio_seconds": 12.0})
    )


def test_what_a_model_answers_is_a_call_of_its_kind():
    table = [
        ("HttpxBinaryResponseContent", "gpt-4o-mini-tts", "speech"),
        ("str", "whisper-1", "transcription"),
        ("ChatCompletion", "gpt-4o", "chat"),
        ("Completion", "gpt-3.5-turbo-instruct", "text_completion"),
        ("Response", "gpt-5", "chat"),
        ("CompactedResponse", "gpt-5", "chat"),
        ("CreateEmbeddings", "text-embedding-3-small", "embeddings"),
    ]

    rows = _rows({(name, model): _sent(_told({"model": model}), name) for name, model, _ in table})

    found = [(*case, *(row[name] for name in ("operation", "billable", "price_status"))) for case, row in rows.items()]
    assert found == [(*case, True, "usage_missing") for case in table]


def test_a_call_that_hides_what_was_asked_is_known_by_its_answer():
    hidden = {"openinference.span.kind": "LLM", "llm.system": "openai", "input.value": "__REDACTED__"}

    row = _row(hidden | {"llm.token_count.prompt": 7, "llm.model_name": "gpt-4o"}, "ChatCompletion")

    assert (row["operation"], row["billable"], row["input_tokens"]) == ("chat", True, 7)


def test_an_answer_whose_class_nobody_knows_is_a_call_where_it_tells_a_model():
    row = _row(_told({"model": "gpt-7"}, {"usage": {"input_tokens": 5, "output_tokens": 2}}), "SongResponse")

    assert (row["operation"], row["input_tokens"], row["output_tokens"]) == ("chat", 5, 2)


def test_other_instrumentations_give_the_kind_to_model_calls_alone():
    scopes = ["openinference.instrumentation.openai_agents", "openinference.instrumentation.dspy"]

    rows = _rows({scope: _sent({"openinference.span.kind": "LLM"}, "response", scope) for scope in scopes})

    assert {scope: (row["operation"], row["billable"]) for scope, row in rows.items()} == dict.fromkeys(
        scopes, ("chat", True)
    )


def test_what_the_instrumentation_counted_itself_goes_before_the_answer():
    answer = {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 4}}}
    counted = {"llm.token_count.prompt": 9, "llm.token_count.completion": 3}

    row = _row(_told({"model": "gpt-4o"}, answer, **counted), "ChatCompletion")

    assert (row["input_tokens"], row["output_tokens"], row["cached_input_tokens"]) == (9, 3, 4)


def test_an_input_without_its_cache_is_no_count_of_a_call():
    usage = {"input_tokens": 10, "cache_read_input_tokens": 500, "output_tokens": 7}
    told = {"openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5", "llm.provider": "anthropic"}
    told |= {"output.value": json.dumps({"usage": usage})}

    row = _row(told, "Messages", scope="openinference.instrumentation.anthropic")

    assert (row["input_tokens"], row["cost_usd"], row["price_status"]) == (None, None, "usage_missing")
