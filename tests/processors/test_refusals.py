"""A model that refuses in words is counted where its refusal is told, and the words are dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise import Rules, normalise
from tests.processors.otlp import message, request, span

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
SECRET = "I cannot help with the secret words of a user"
SAID = {"role": "assistant", "content": None, "refusal": SECRET}
CHOICES = {"choices": [{"finish_reason": "stop", "index": 0, "message": SAID}]}
OUTPUT = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": SECRET}]}]}
PART = [{"role": "assistant", "parts": [{"type": "refusal", "content": SECRET}], "finish_reason": "stop"}]


def _row(given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    decoded = decode([message(request(span(CHAT | given, **fields)))], load_table())
    (row,) = normalise(decoded, Rules(user_key=b"k", trusted_topics=None)).spans.to_pylist()
    assert SECRET not in str(row)
    return row


@pytest.mark.parametrize(
    "given",
    [
        {"output.value": json.dumps(CHOICES)},
        {"output.value": json.dumps(OUTPUT)},
        {"output.value": str(CHOICES)},
        {"gen_ai.output.messages": json.dumps(PART)},
        {"gen_ai.output.messages": PART},
        {"gen_ai.output.messages": json.dumps([*PART, {"role": "assistant", "parts": [{"type": "text"}]}])},
        {"langfuse.observation.output": json.dumps(SAID)},
        {"langfuse.observation.output": json.dumps(CHOICES)},
        {"response_data": json.dumps({"message": SAID, "usage": None})},
        {"gen_ai.response.raw": json.dumps(OUTPUT)},
        {"llm.openai.choices": str(CHOICES["choices"])},
    ],
)
@pytest.mark.parametrize("reason", ["stop", None])
def test_a_refusal_in_words_was_blocked_by_the_model(given: dict[str, Any], reason: str | None):
    row = _row(given | ({"gen_ai.response.finish_reasons": [reason]} if reason else {}))

    told = (row["safety_category"], row["guardrail_action"], row["error_class"], row["status"])
    assert told == ("content_filter", "blocked", "content_filter", "ok")
    assert row["finish_reason"] in (None, "stop")


@pytest.mark.parametrize(
    "given",
    [
        {"output.value": json.dumps({"choices": [{"message": {"content": "refusal", "refusal": None}}]})},
        {"output.value": json.dumps({"choices": [{"message": {"content": "no", "refusal": ""}}]})},
        {"output.value": json.dumps({"choices": [{"message": {"tool_calls": [{"refusal": "x", "type": "refusal"}]}}]})},
        {
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": "refusal"}]}]
            )
        },
        {"gen_ai.output.messages": "a refusal that is no structure"},
        {"gen_ai.output.messages": "[" * 90_000 + '"refusal"'},
        {"gen_ai.input.messages": json.dumps(PART)},
    ],
)
def test_an_answer_that_only_speaks_of_refusals_is_none(given: dict[str, Any]):
    row = _row(given)

    assert (row["safety_category"], row["guardrail_action"], row["error_class"]) == (None, None, None)


def test_a_failure_and_a_filter_say_more_than_a_refusal():
    failed = _row({"gen_ai.output.messages": json.dumps(PART), "error.type": "rate_limit_exceeded"}, status=2)
    filtered = _row({"gen_ai.output.messages": json.dumps(PART), "gen_ai.response.finish_reasons": ["content_filter"]})

    assert failed["error_class"] == "rate_limit"
    assert (filtered["finish_reason"], filtered["safety_category"]) == ("content_filter", "content_filter")


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}


@pytest.mark.parametrize(
    "given",
    [
        {"output.value": json.dumps(BLOCKED), "openinference.span.kind": "LLM"},
        {"output.value": json.dumps({"prompt_feedback": {"block_reason": "OTHER"}})},
        {"langfuse.observation.output": json.dumps(BLOCKED)},
        {"gen_ai.response.raw": json.dumps(BLOCKED)},
        {"ai.response.providerMetadata": json.dumps({"google": BLOCKED})},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_the_provider_blocked_is_a_filtered_call(given: dict[str, Any], stream: bool):
    row = _row(given | {"gen_ai.request.stream": stream})

    assert (row["guardrail_action"], row["error_class"], row["status"]) == ("blocked", "content_filter", "ok")


def test_a_prompt_that_was_let_through_or_an_answer_that_ended_well_is_no_filtered_call():
    unspecified = {"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}}
    ended = _row({"output.value": json.dumps(BLOCKED), "gen_ai.response.finish_reasons": ["stop"]})

    assert _row({"output.value": json.dumps(unspecified)})["error_class"] is None
    assert (ended["error_class"], ended["finish_reason"]) == (None, "stop")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("FINISH_REASON_MAX_TOKENS", "length"),
        ("FinishReason.FINISH_REASON_STOP", "stop"),
        ("finish_reason_safety", "content_filter"),
        ("STOP_REASON_TOOL_USE", "tool_calls"),
        ("REASON_MAX_CONTEXT", "length"),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("MAX_TOKENS", "length"),
    ],
)
def test_a_finish_reason_is_known_by_its_enums_name(word: str, expected: str | None):
    assert _row({"gen_ai.response.finish_reasons": [word]})["finish_reason"] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("StatusCode.UNAVAILABLE", "overloaded"),
        ("GRPC_STATUS_UNAVAILABLE", "overloaded"),
        ("Status.Code.DEADLINE_EXCEEDED", "timeout"),
        ("Code::ResourceExhausted", "rate_limit"),
        ("PermissionDenied", "permission"),
        ("14", "overloaded"),
        ("StatusCode.UNKNOWN", "server_error"),
    ],
)
def test_a_status_of_a_remote_call_is_known_by_its_enums_name(word: str, expected: str):
    assert _row({"rpc.response.status_code": word}, status=2)["error_class"] == expected
