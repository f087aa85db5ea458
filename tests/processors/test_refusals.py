"""A model that refuses in words is counted where its refusal is told, and the words are dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from tests.processors.flushes import row_of
from tests.processors.otlp import request, span

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5}
SECRET = "I cannot help with the secret words of a user"
SAID = {"role": "assistant", "content": None, "refusal": SECRET}
CHOICES = {"choices": [{"finish_reason": "stop", "index": 0, "message": SAID}]}
OUTPUT = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": SECRET}]}]}
PART = [{"role": "assistant", "parts": [{"type": "refusal", "content": SECRET}], "finish_reason": "stop"}]


def _told(givens: Sequence[dict[str, Any]], *names: str, **fields: Any) -> list[tuple[dict[str, Any], Any]]:
    """What each chat has in these columns, or this one; all taken by one flush."""
    rows = list(row_of({n: request(span(CHAT | given, **fields)) for n, given in enumerate(givens)}).values())
    assert SECRET not in str(rows)
    return list(zip(givens, map(itemgetter(*names), rows), strict=True))


def test_a_refusal_in_words_was_blocked_by_the_model():
    ways = [
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
    ]

    stopped = {"gen_ai.response.finish_reasons": ["stop"]}
    cases = [*ways, *(given | stopped for given in ways)]

    told = _told(cases, "safety_category", "guardrail_action", "error_class", "status", "finish_reason")

    blocked = ("content_filter", "blocked", "content_filter", "ok")
    assert [(given, found[:4]) for given, found in told] == [(given, blocked) for given in cases]
    assert [(given, found[4]) for given, found in told if found[4] not in (None, "stop")] == []


def test_an_answer_that_only_speaks_of_refusals_is_none():
    answers = [
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
    ]

    told = _told(answers, "safety_category", "guardrail_action", "error_class")

    assert told == [(given, (None, None, None)) for given in answers]


def test_a_failure_and_a_filter_say_more_than_a_refusal():
    refusal = {"gen_ai.output.messages": json.dumps(PART)}

    [(_, failed)] = _told([refusal | {"error.type": "rate_limit_exceeded"}], "error_class", status=2)
    [(_, filtered)] = _told(
        [refusal | {"gen_ai.response.finish_reasons": ["content_filter"]}], "finish_reason", "safety_category"
    )

    assert failed == "rate_limit"
    assert filtered == ("content_filter", "content_filter")


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}


def test_a_prompt_that_the_provider_blocked_is_a_filtered_call():
    answers = [
        {"output.value": json.dumps(BLOCKED), "openinference.span.kind": "LLM"},
        {"output.value": json.dumps({"prompt_feedback": {"block_reason": "OTHER"}})},
        {"langfuse.observation.output": json.dumps(BLOCKED)},
        {"gen_ai.response.raw": json.dumps(BLOCKED)},
        {"ai.response.providerMetadata": json.dumps({"google": BLOCKED})},
    ]

    cases = [given | {"gen_ai.request.stream": stream} for stream in (False, True) for given in answers]

    told = _told(cases, "guardrail_action", "error_class", "status")

    assert told == [(given, ("blocked", "content_filter", "ok")) for given in cases]


def test_a_prompt_that_was_let_through_or_an_answer_that_ended_well_is_no_filtered_call():
    unspecified = {"output.value": json.dumps({"promptFeedback": {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}})}
    ended = {"output.value": json.dumps(BLOCKED), "gen_ai.response.finish_reasons": ["stop"]}

    told = _told([unspecified, ended], "error_class", "finish_reason")

    assert told == [(unspecified, (None, None)), (ended, (None, "stop"))]


def test_a_finish_reason_is_known_by_its_enums_name():
    words = [
        ("FINISH_REASON_MAX_TOKENS", "length"),
        ("FinishReason.FINISH_REASON_STOP", "stop"),
        ("finish_reason_safety", "content_filter"),
        ("STOP_REASON_TOOL_USE", "tool_calls"),
        ("REASON_MAX_CONTEXT", "length"),
        ("FINISH_REASON_UNSPECIFIED", None),
        ("MAX_TOKENS", "length"),
    ]

    told = _told([{"gen_ai.response.finish_reasons": [word]} for word, _ in words], "finish_reason")

    assert [(word, reason) for (word, _), (_, reason) in zip(words, told, strict=True)] == words


def test_a_status_of_a_remote_call_is_known_by_its_enums_name():
    words = [
        ("StatusCode.UNAVAILABLE", "overloaded"),
        ("GRPC_STATUS_UNAVAILABLE", "overloaded"),
        ("Status.Code.DEADLINE_EXCEEDED", "timeout"),
        ("Code::ResourceExhausted", "rate_limit"),
        ("PermissionDenied", "permission"),
        ("14", "overloaded"),
        ("StatusCode.UNKNOWN", "server_error"),
    ]

    told = _told([{"rpc.response.status_code": word} for word, _ in words], "error_class", status=2)

    assert [(word, error_class) for (word, _), (_, error_class) in zip(words, told, strict=True)] == words
