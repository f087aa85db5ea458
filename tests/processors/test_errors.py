"""Error classes: which evidence wins."""

from typing import Any

import polars as pl
import pytest

from processors import errors

COLUMNS = {
    "error_code": pl.String,
    "error_type": pl.String,
    "grpc_status": pl.String,
    "exception_type": pl.String,
    "error_text": pl.String,
    "finish_word": pl.String,
    "http_status": pl.Int64,
}


def _judge(**evidence: Any) -> tuple[str, int | None]:
    frame = pl.DataFrame({name: [evidence.get(name)] for name in COLUMNS}, schema=COLUMNS)
    judged = frame.with_columns(errors.http_status().alias("http_status"))
    return judged.select(errors.error_class().alias("error_class"), "http_status").row(0)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({}, "unknown"),
        ({"error_type": "_OTHER"}, "unknown"),
        ({"http_status": 429}, "rate_limit"),
        ({"http_status": 529}, "overloaded"),
        ({"http_status": 400}, "invalid_request"),
        ({"error_type": "rate_limit_error", "http_status": 429}, "rate_limit"),
        ({"error_type": "openai.RateLimitError"}, "rate_limit"),
        ({"error_type": "<class 'openai.RateLimitError'>"}, "rate_limit"),
        ({"error_type": "the matter is internal"}, "unknown"),
        ({"exception_type": "litellm.exceptions.ContextWindowExceededError"}, "context_length_exceeded"),
        ({"exception_type": "AI_APICallError", "http_status": 429}, "rate_limit"),
        ({"exception_type": "asyncio.exceptions.CancelledError"}, "cancelled"),
        ({"error_type": "connection_error"}, "network"),
        ({"grpc_status": "RESOURCE_EXHAUSTED"}, "rate_limit"),
        ({"error_text": "This model's maximum context length is 8 tokens."}, "context_length_exceeded"),
        ({"finish_word": "refusal"}, "content_filter"),
        ({"exception_type": "guardrails.errors.ValidationError"}, "guardrail_blocked"),
        ({"error_code": "ConflictException", "http_status": 400}, "invalid_request"),
        ({"finish_word": "malformed_tool_use"}, "server_error"),
        ({"http_status": 503, "error_code": "server_error", "error_type": "InternalServerError"}, "overloaded"),
        ({"http_status": 500, "error_code": "server_error", "error_type": "InternalServerError"}, "server_error"),
        ({"error_text": "Error code: 503 - {'error': {'type': 'server_error', 'message': 'x'}}"}, "overloaded"),
    ],
)
def test_each_kind_of_evidence_is_understood(evidence: dict[str, Any], expected: Any):
    assert _judge(**evidence)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RateLimitError", "rate_limit"),
        ("openai.RateLimitError", "rate_limit"),
        ("APITimeoutError: Request failed.", "timeout"),
        ("anthropic.OverloadedError", "overloaded"),
        ("anthropic.OverloadedError('x')", "overloaded"),
        ("<class 'openai.NotFoundError'>", "not_found"),
        ("litellm.exceptions.ContextWindowExceededError: litellm.BadRequestError: x", "context_length_exceeded"),
        ("AI_LoadAPIKeyError: x", "auth"),
        ("OpenAI::Errors::PermissionDeniedError: x", "permission"),
        ("java.util.concurrent.TimeoutException: x", "timeout"),
        ("Error [AbortError]: x", "cancelled"),
        ("guardrails.errors.ValidationError: x", "guardrail_blocked"),
        ("ThrottlingException: x", "rate_limit"),
        ("UNAVAILABLE: x", "overloaded"),
        ("StatusCode.DEADLINE_EXCEEDED", "timeout"),
        ("insufficient_quota", "quota_exceeded"),
        ("Traceback (most recent call last):\n  File x\nhttpx.ReadTimeout: x", "timeout"),
        ("MyOwnError: no answer\nopenai.AuthenticationError", "auth"),
        ("the agent gave up: openai.RateLimitError", "rate_limit"),
        ("failed with APITimeoutError('x')", "timeout"),
    ],
)
def test_a_class_or_code_in_the_message_alone_is_evidence(text: str, expected: str):
    assert _judge(error_text=text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "it failed",
        "please forbid what is NotFound here",
        "guardrails. are no classes",
        "Timeouts are rare",
        "an internal matter",
        "MyRateLimitErrors",
    ],
)
def test_a_word_in_a_sentence_is_no_class(text: str):
    assert _judge(error_text=text)[0] == "unknown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invalid tool name: insufficient_quota_checker", "invalid_request"),
        ("unknown field my_insufficient_quota", "invalid_request"),
        ("no such field: context_length_exceeded_at", "invalid_request"),
        ("unknown header prefetch failedover", "invalid_request"),
        ("said insufficient_quota.", "quota_exceeded"),
        ("insufficient_quota", "quota_exceeded"),
        ("Try later:\\ninsufficient quota", "quota_exceeded"),
        ("two connection resets", "network"),
    ],
)
def test_a_code_in_a_message_is_a_whole_word(text: str, expected: str):
    assert _judge(error_text=text, http_status=400)[0] == expected


@pytest.mark.parametrize("text", ["you are rate limited", "rate limits hold", "got overloaded_error", "Overloaded"])
def test_a_phrase_in_a_message_may_end_as_words_do(text: str):
    assert _judge(error_text=text)[0] in ("rate_limit", "overloaded")


def test_a_class_that_a_message_mentions_gives_way_to_all_other_evidence():
    text = "a tool raised ValidationError, said the model"

    assert _judge(error_text=text, http_status=429)[0] == "rate_limit"
    assert _judge(error_text=text, error_code="server_error")[0] == "server_error"
    assert _judge(error_text=text)[0] == "parse_error"


def test_a_class_in_front_of_the_message_ranks_below_code_and_strong_status():
    assert _judge(error_text="openai.RateLimitError: x", error_code="insufficient_quota")[0] == "quota_exceeded"
    assert _judge(error_text="InternalServerError: x", http_status=529)[0] == "overloaded"
    assert _judge(error_text="openai.RateLimitError: You exceeded your current quota")[0] == "quota_exceeded"
    assert _judge(error_text="openai.BadRequestError: Error code: 400 - prompt is too long")[0] == (
        "context_length_exceeded"
    )


def test_a_used_up_quota_is_told_from_a_rate_limit_by_code_or_message():
    quota = "You exceeded your current quota, please check your plan"

    assert _judge(http_status=429, exception_type="openai.RateLimitError", error_text=quota)[0] == "quota_exceeded"
    assert _judge(http_status=429, error_code="insufficient_quota")[0] == "quota_exceeded"
    assert _judge(http_status=429, exception_type="openai.RateLimitError")[0] == "rate_limit"


def test_a_timeout_is_tested_before_the_network_that_it_is_a_kind_of():
    assert _judge(exception_type="openai.APITimeoutError")[0] == "timeout"
    assert _judge(exception_type="openai.APIConnectionError", error_text="Request timed out.")[0] == "timeout"
    assert _judge(exception_type="openai.APIConnectionError", error_text="Connection error.")[0] == "network"


def test_a_code_in_the_message_is_found_inside_the_providers_envelope():
    text = "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'x'}}"

    assert _judge(error_text=text) == ("overloaded", 529)


def test_an_azure_filter_is_no_mere_bad_request():
    text = "Error code: 400 - {'error': {'code': 'content_filter', 'innererror': {'code': 'X'}}}"

    assert _judge(error_text=text, error_type="BadRequestError") == ("content_filter", 400)


def test_a_specific_class_wins_over_a_general_status():
    code = "context_length_exceeded"

    assert _judge(http_status=400, error_code="400", error_type="ContextWindowExceededError")[0] == code
    assert (
        _judge(http_status=400, error_type="invalid_request_error", error_text="prompt is too long: 9 > 8")[0] == code
    )


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"http_status": 429}, 429),
        ({"http_status": 7}, None),
        ({"http_status": 70_000}, None),
        ({"error_code": "429"}, 429),
        ({"error_type": "503"}, 503),
        ({"error_text": "Error code: 401 - Incorrect API key"}, 401),
        ({"error_text": "status_code: 429, model_name: m"}, 429),
        ({"error_text": "HTTP/1.1 502 Bad Gateway"}, 502),
        ({"error_text": "used 429 tokens"}, None),
    ],
)
def test_the_status_is_read_from_attribute_code_or_message(evidence: dict[str, Any], expected: Any):
    assert _judge(**evidence)[1] == expected
