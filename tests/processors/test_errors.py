"""Error classes: which evidence wins."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from processors import errors
from processors.conventions.rules import error_rules, refinements

DATA = Path(__file__).parent.parent / "data" / "conventions"

COLUMNS = {
    "error_code": pl.String,
    "error_type": pl.String,
    "grpc_status": pl.String,
    "exception_type": pl.String,
    "error_text": pl.String,
    "finish_word": pl.String,
    "http_status": pl.Int64,
    "provider": pl.String,
}


def _judged(told: Iterable[dict[str, Any]]) -> list[tuple[str, int | None]]:
    """Class and HTTP status by each evidence."""
    rows = [[evidence.get(name) for name in COLUMNS] for evidence in told]
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    judged = frame.with_columns(errors.http_status().alias("http_status"))
    return list(zip(errors.error_class(judged), judged["http_status"], strict=True))


def _classes(told: Iterable[dict[str, Any]]) -> list[str]:
    return [name for name, _ in _judged(told)]


def _by_text(texts: Iterable[str], **beside: Any) -> dict[str, str]:
    """The class by each text."""
    texts = list(texts)
    return dict(zip(texts, _classes({"error_text": text, **beside} for text in texts), strict=True))


def _by_evidence(told: Iterable[dict[str, Any]], **beside: Any) -> list[tuple[dict[str, Any], str]]:
    """Each evidence with its class."""
    given = list(told)
    return list(zip(given, _classes(evidence | beside for evidence in given), strict=True))


def test_each_kind_of_evidence_is_understood():
    table = [
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
        ({"error_text": 'Post "https://api.openai.com/v1/responses": context canceled'}, "cancelled"),
        ({"error_text": "dial tcp: lookup api.openai.com: no such host"}, "network"),
        ({"finish_word": "refusal"}, "content_filter"),
        ({"exception_type": "guardrails.errors.ValidationError"}, "guardrail_blocked"),
        ({"error_code": "ConflictException", "http_status": 400}, "invalid_request"),
        ({"finish_word": "malformed_tool_use"}, "server_error"),
        ({"finish_word": "malformed_function_call"}, "server_error"),
        ({"error_type": "BLOCKED_SAFETY"}, "content_filter"),
        ({"error_type": "BLOCKED_OTHER"}, "content_filter"),
        ({"http_status": 503, "error_code": "server_error", "error_type": "InternalServerError"}, "overloaded"),
        ({"http_status": 500, "error_code": "server_error", "error_type": "InternalServerError"}, "server_error"),
        ({"error_text": "Error code: 503 - {'error': {'type': 'server_error', 'message': 'x'}}"}, "overloaded"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_class_or_code_in_the_message_alone_is_evidence():
    expected = {
        "RateLimitError": "rate_limit",
        "openai.RateLimitError": "rate_limit",
        "APITimeoutError: Request failed.": "timeout",
        "anthropic.OverloadedError": "overloaded",
        "anthropic.OverloadedError('x')": "overloaded",
        "<class 'openai.NotFoundError'>": "not_found",
        "litellm.exceptions.ContextWindowExceededError: litellm.BadRequestError: x": "context_length_exceeded",
        "AI_LoadAPIKeyError: x": "auth",
        "OpenAI::Errors::PermissionDeniedError: x": "permission",
        "java.util.concurrent.TimeoutException: x": "timeout",
        "Error [AbortError]: x": "cancelled",
        "guardrails.errors.ValidationError: x": "guardrail_blocked",
        "ThrottlingException: x": "rate_limit",
        "UNAVAILABLE: x": "overloaded",
        "StatusCode.DEADLINE_EXCEEDED": "timeout",
        "insufficient_quota": "quota_exceeded",
        "Traceback (most recent call last):\n  File x\nhttpx.ReadTimeout: x": "timeout",
        "MyOwnError: no answer\nopenai.AuthenticationError": "auth",
        "the agent gave up: openai.RateLimitError": "rate_limit",
        "failed with APITimeoutError('x')": "timeout",
    }

    assert _by_text(expected) == expected


INVALID = "1 validation error for Order\n{}\n  Input should be a valid boolean [type=bool_type, input_value={}]"
WORDS = ["cancelled", "timeout", "forbidden", "permission", "internal", "Timeout", "Unauthorized"]


def test_a_field_named_like_a_code_is_none():
    texts = [INVALID.format(word, "'maybe'") for word in WORDS]
    texts += [INVALID.format("status", f"{{'status': '{word}'}}") for word in WORDS]
    texts += [f"1 validation error for Order\n{code}\n  Field required" for code in ("not_found", "UNAVAILABLE")]

    found = _by_text(texts, exception_type="pydantic_core._pydantic_core.ValidationError")

    assert found == dict.fromkeys(texts, "parse_error")


def test_a_word_is_a_code_where_it_stands_as_one_and_not_as_the_type_of_data():
    texts = {
        "bad arguments: {'type': 'timeout', 'seconds': 5}": "parse_error",
        "bad arguments: {'code': 'timeout'}": "timeout",
        "{'error': {'type': 'overloaded_error', 'message': 'x'}}": "overloaded",
        '{"error": {"type": "UNAVAILABLE"}}': "overloaded",
    }

    assert _by_text(texts, exception_type="pydantic_core._pydantic_core.ValidationError") == texts


def test_what_a_validation_error_quotes_of_its_input_is_no_evidence():
    quoted = [
        "{'type': 'timeout'}",
        "{'code': 'not_found', 'status': 503}",
        "'Error code: 429'",
        "['rate_limit_exceeded']",
    ]
    told = [INVALID.format("order", one)[:-1] + f", input_type={kind}]" for one in quoted for kind in ("dict", "str")]
    frame = pl.DataFrame({"text": [f"{one}\nFor further information" for one in told]})

    left = frame.select(errors.without_input(pl.col("text")))["text"].to_list()

    assert left == [INVALID.partition("input_value")[0].format("order") + "\nFor further information"] * len(told)


def test_a_word_in_front_or_on_a_line_gives_way_to_status_and_class():
    ways: list[tuple[dict[str, Any], str]] = [
        ({"http_status": 400, "exception_type": "openai.BadRequestError"}, "invalid_request"),
        ({"http_status": 429, "exception_type": "openai.RateLimitError"}, "rate_limit"),
        ({"exception_type": "openai.RateLimitError"}, "rate_limit"),
        ({"http_status": 500, "exception_type": "openai.InternalServerError"}, "server_error"),
        ({"http_status": 500}, "server_error"),
        ({"exception_type": "openai.NotFoundError"}, "not_found"),
    ]
    forms = ["{}", "{}: must be a number", "Error code - upstream said\n{}\n", "Invalid request:\n{}: extra field"]
    cases = [(way | {"error_text": form.format(word)}, of) for way, of in ways for form in forms for word in WORDS]

    assert _by_evidence(evidence for evidence, _ in cases) == cases


def test_a_word_that_is_the_code_or_the_whole_evidence_counts():
    table = [
        ({"error_type": "timeout", "http_status": 500}, "timeout"),
        ({"error_code": "cancelled", "http_status": 500}, "cancelled"),
        ({"error_text": "UNAVAILABLE: x", "http_status": 500}, "overloaded"),
        ({"error_text": "Error code: 400 - {'error': {'code': 'unauthorized'}}"}, "auth"),
        ({"exception_type": "litellm.exceptions.Timeout", "http_status": 500}, "server_error"),
        ({"exception_type": "litellm.exceptions.Timeout"}, "timeout"),
        ({"error_text": "Traceback:\nlitellm.exceptions.Timeout: x"}, "timeout"),
        ({"error_text": "timeout"}, "timeout"),
        ({"error_text": "Forbidden: too many keys"}, "permission"),
        ({"error_text": "two lines\ntimeout"}, "unknown"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_word_in_a_sentence_is_no_class():
    texts = [
        "it failed",
        "please forbid what is NotFound here",
        "guardrails. are no classes",
        "Timeouts are rare",
        "an internal matter",
        "MyRateLimitErrors",
    ]

    assert _by_text(texts) == dict.fromkeys(texts, "unknown")


def test_a_code_in_a_message_is_a_whole_word():
    expected = {
        "invalid tool name: insufficient_quota_checker": "invalid_request",
        "unknown field my_insufficient_quota": "invalid_request",
        "no such field: context_length_exceeded_at": "invalid_request",
        "unknown header prefetch failedover": "invalid_request",
        "said insufficient_quota.": "quota_exceeded",
        "insufficient_quota": "quota_exceeded",
        "Try later:\\ninsufficient quota": "quota_exceeded",
        "two connection resets": "invalid_request",
    }

    assert _by_text(expected, http_status=400) == expected


def test_a_phrase_in_a_message_may_end_as_words_do():
    texts = ["you are rate limited", "rate limits hold", "got overloaded_error", "Overloaded"]

    found = _by_text(texts)

    assert {text: name for text, name in found.items() if name not in ("rate_limit", "overloaded")} == {}


def test_a_class_that_a_message_mentions_gives_way_to_all_other_evidence():
    text = "a tool raised ValidationError, said the model"
    table = [
        ({"http_status": 429}, "rate_limit"),
        ({"error_code": "server_error"}, "server_error"),
        ({}, "parse_error"),
    ]

    assert _by_evidence([evidence for evidence, _ in table], error_text=text) == table


def test_a_class_in_front_of_the_message_ranks_below_code_and_strong_status():
    table = [
        ({"error_text": "openai.RateLimitError: x", "error_code": "insufficient_quota"}, "quota_exceeded"),
        ({"error_text": "InternalServerError: x", "http_status": 529}, "overloaded"),
        ({"error_text": "openai.RateLimitError: You exceeded your current quota"}, "quota_exceeded"),
        ({"error_text": "openai.BadRequestError: Error code: 400 - prompt is too long"}, "context_length_exceeded"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_used_up_quota_is_told_from_a_rate_limit_by_code_or_message():
    quota = "You exceeded your current quota, please check your plan"
    limit = {"http_status": 429, "exception_type": "openai.RateLimitError"}
    table = [
        ({**limit, "error_text": quota}, "quota_exceeded"),
        ({"http_status": 429, "error_code": "insufficient_quota"}, "quota_exceeded"),
        (limit, "rate_limit"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_timeout_is_tested_before_the_network_that_it_is_a_kind_of():
    table = [
        ({"exception_type": "openai.APITimeoutError"}, "timeout"),
        ({"exception_type": "openai.APIConnectionError", "error_text": "Request timed out."}, "timeout"),
        ({"exception_type": "openai.APIConnectionError", "error_text": "Connection error."}, "network"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_code_in_the_message_is_found_inside_the_providers_envelope():
    text = "Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'x'}}"

    assert _judged([{"error_text": text}]) == [("overloaded", 529)]


def test_an_azure_filter_is_no_mere_bad_request():
    text = "Error code: 400 - {'error': {'code': 'content_filter', 'innererror': {'code': 'X'}}}"

    assert _judged([{"error_text": text, "error_type": "BadRequestError"}]) == [("content_filter", 400)]


def test_a_specific_class_wins_over_a_general_status():
    told = [
        {"http_status": 400, "error_code": "400", "error_type": "ContextWindowExceededError"},
        {"http_status": 400, "error_type": "invalid_request_error", "error_text": "prompt is too long: 9 > 8"},
    ]

    assert _by_evidence(told) == [(evidence, "context_length_exceeded") for evidence in told]


def test_the_status_is_read_from_attribute_code_or_message():
    table = [
        ({"http_status": 429}, 429),
        ({"http_status": 7}, None),
        ({"http_status": 70_000}, None),
        ({"error_code": "429"}, 429),
        ({"error_type": "503"}, 503),
        ({"error_text": "Error code: 401 - Incorrect API key"}, 401),
        ({"error_text": "status_code: 429, model_name: m"}, 429),
        ({"error_text": "HTTP/1.1 502 Bad Gateway"}, 502),
        ({"error_text": "used 429 tokens"}, None),
    ]

    told = [evidence for evidence, _ in table]

    assert list(zip(told, [status for _, status in _judged(told)], strict=True)) == table


QUOTA = "You exceeded your current quota, please check your plan and billing details."
THROTTLED = "Too many tokens, please wait before trying again."
REFUSED = "Error code: 503 - upstream connect error or disconnect/reset before headers: Connection refused"
GEMINI = (
    "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': '" + QUOTA + "\\n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 15\\nPlease retry in 22.6s.', "
    "'status': 'RESOURCE_EXHAUSTED'}}"
)


def test_what_ranks_lower_cannot_overrule():
    table = [
        ({"http_status": 429, "exception_type": "AI_APICallError", "error_text": THROTTLED}, "rate_limit"),
        ({"http_status": 429, "exception_type": "openai.NotFoundError"}, "rate_limit"),
        ({"http_status": 429, "error_text": "This model's maximum context length is 8 tokens"}, "rate_limit"),
        ({"http_status": 503, "exception_type": "openai.InternalServerError", "error_text": REFUSED}, "overloaded"),
        ({"http_status": 503, "exception_type": "openai.APITimeoutError"}, "overloaded"),
        ({"http_status": 500, "error_text": "the internal call timed out"}, "server_error"),
        ({"http_status": 500, "exception_type": "asyncio.TimeoutError"}, "server_error"),
        ({"http_status": 500, "exception_type": "InternalServerError", "error_text": "is overloaded"}, "server_error"),
        ({"http_status": 403, "error_text": "incorrect api key"}, "permission"),
        ({"http_status": 413, "exception_type": "openai.RateLimitError"}, "context_length_exceeded"),
        ({"http_status": 408, "error_text": "connection reset"}, "timeout"),
        ({"http_status": 400, "exception_type": "asyncio.TimeoutError"}, "invalid_request"),
        ({"http_status": 400, "error_text": "the upload timed out"}, "invalid_request"),
        ({"http_status": 400, "error_text": "Invalid value: 'context window'"}, "invalid_request"),
        ({"error_code": "server_error", "error_text": "an internal call timed out"}, "server_error"),
        ({"error_code": "rate_limit_error", "error_text": QUOTA}, "rate_limit"),
        ({"exception_type": "openai.RateLimitError", "error_text": "prompt is too long"}, "rate_limit"),
        ({"exception_type": "openai.APIConnectionError", "error_text": "incorrect api key"}, "network"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_mere_bad_request_is_refined_by_what_was_wrong_with_it():
    table = [
        ({"error_text": "prompt is too long: 9 tokens > 8 maximum"}, "context_length_exceeded"),
        ({"error_text": "your credit balance is too low"}, "quota_exceeded"),
        ({"error_text": "API key not valid. Please pass a valid API key."}, "auth"),
        ({"error_text": "triggered the content management policy"}, "content_filter"),
        ({"exception_type": "litellm.exceptions.GuardrailRaisedException"}, "guardrail_blocked"),
        ({"exception_type": "openai.BadRequestError", "error_text": "prompt is too long"}, "context_length_exceeded"),
    ]

    codes = ({}, {"error_code": "invalid_request_error"})
    ways = [{"http_status": status, **code} for status in (400, 422) for code in codes]
    cases = [(way | evidence, expected) for way in ways for evidence, expected in table]

    assert _by_evidence(evidence for evidence, _ in cases) == cases


def test_a_403_may_be_a_moderation_or_an_account_without_credits():
    openrouter = "openai/gpt-4o requires moderation on OpenAI. Your input was flagged for 'sexual'. No credits charged."
    denied = "The caller does not have permission to execute the specified operation"
    xai = f"{{'code': '{denied}', 'error': \"Your newly created team doesn't have any credits yet. Buy some.\"}}"
    texts = [
        (openrouter, "content_filter"),
        (xai, "quota_exceeded"),
        (denied, "permission"),
        ("Your prompt was sent to a model that timed out", "permission"),
    ]
    ways: list[dict[str, Any]] = [
        {"http_status": 403, "error_type": "PermissionDeniedError"},
        {"http_status": 403},
        {"exception_type": "openai.PermissionDeniedError"},
    ]
    cases = [(way | {"error_text": text}, expected) for way in ways for text, expected in texts]
    cases += [({"error_text": f"openai.PermissionDeniedError: Error code: 403 - {text}"}, one) for text, one in texts]
    cases += [({"http_status": 403, "error_code": "permission_error", "error_text": xai}, "permission")]

    assert _by_evidence(evidence for evidence, _ in cases) == cases


def test_a_code_that_comes_with_several_classes_gives_way_to_the_status():
    table = [
        ({"error_code": "invalid_request_error", "http_status": 401}, "auth"),
        ({"error_code": "invalid_request_error", "http_status": 403}, "permission"),
        ({"error_code": "server_error", "http_status": 503}, "overloaded"),
        ({"error_code": "api_error", "http_status": 504}, "timeout"),
        ({"error_code": "internal_error", "http_status": 400}, "invalid_request"),
        ({"error_code": "internal_error", "http_status": 400, "error_text": "incorrect api key"}, "auth"),
        ({"error_code": "internal_error", "http_status": 200}, "server_error"),
        ({"exception_type": "anthropic.InternalServerError", "error_text": "Overloaded"}, "overloaded"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_a_text_that_says_when_to_come_back_is_throttling():
    texts = [
        THROTTLED,
        "Failed after 3 attempts. Last error: " + THROTTLED,
        "Too many tokens per day, please wait before trying again.",
        "Too many connections, please wait before trying again.",
        "Rate limit reached for gpt-4o. Please try again in 6ms.",
        "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project",
    ]

    assert _by_text(texts, exception_type="AI_RetryError") == dict.fromkeys(texts, "rate_limit")


def test_googles_quotas_are_rates():
    google = {"provider": "gcp.gemini"}
    table = [
        ({"error_text": GEMINI, "exception_type": "google.genai.errors.ClientError", **google}, "rate_limit"),
        ({"error_text": GEMINI}, "rate_limit"),
        (
            {"error_text": "429 " + QUOTA, "exception_type": "google.api_core.exceptions.ResourceExhausted"},
            "rate_limit",
        ),
        ({"error_text": QUOTA, "http_status": 429, "exception_type": "AI_APICallError", **google}, "rate_limit"),
        ({"error_text": QUOTA, "http_status": 429, "provider": "openai"}, "quota_exceeded"),
    ]

    assert _by_evidence(evidence for evidence, _ in table) == table


def test_every_server_says_in_its_own_words_that_the_context_is_full():
    texts = [
        "400 Unable to submit request because the input token count is 1200000 but model only supports up to 1048576.",
        "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "the request exceeds the available context size",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
        "`inputs` must have less than 4096 tokens. Given: 5000",
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.",
    ]

    full = dict.fromkeys(texts, "context_length_exceeded")

    assert _by_text(texts) == full
    assert _by_text(texts, exception_type="openai.BadRequestError", http_status=400) == full


def test_a_code_is_known_by_its_enums_name():
    words = ["StatusCode.UNAVAILABLE", "GRPC_STATUS_UNAVAILABLE", "grpc::UNAVAILABLE"]
    columns = ["error_code", "error_type", "error_text"]

    told = [{column: word} for column in columns for word in words]

    assert _by_evidence(told) == [(evidence, "overloaded") for evidence in told]


def test_a_code_that_only_one_provider_means_counts_there_alone():
    table = [
        ({"provider": "gcp.gemini"}, "server_error"),
        ({"provider": "gcp.vertex_ai"}, "server_error"),
        ({"provider": "openai"}, "unknown"),
        ({}, "unknown"),
        ({"provider": "gcp.gemini", "http_status": 503}, "overloaded"),
    ]

    assert _by_evidence([evidence for evidence, _ in table], error_type="UNKNOWN") == table


PROVIDERS = {"google": "gcp.gemini", "aws_bedrock": "aws.bedrock", "azure_openai": "azure.ai.openai"}


def _rows_of_the_taxonomy() -> Iterator[tuple[str, dict[str, Any]]]:
    """A class, and each combination of code, status, exception and message that the shared taxonomy lists for it."""
    with (DATA / "error_taxonomy.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            codes = re.findall(r"[A-Za-z_]{5,}", re.sub(r"\(.*?\)|error\.type=", "", row["provider_code_or_type"]))
            classes = re.findall(r"\w+(?:\.\w+)+", re.sub(r"\(.*?\)", "", row["sdk_exception"]))
            statuses = [int(status) for status in row["http_status"].split("|") if status and status != "200"]
            message = re.search(r"message '(.*?)'", row["notes"])
            text = re.sub(r"\b[NM]\b", "9000", message[1]) if message else None
            known = {rule.pattern for rule in error_rules() if rule.kind == "code"}
            for code, status, name in itertools.product(
                [code for code in codes if code.lower() in known] or [None], statuses or [None], classes or [None]
            ):
                if code or status or name:
                    told = {"error_code": code, "http_status": status, "exception_type": name, "error_text": text}
                    yield row["canonical_class"], told | {"provider": PROVIDERS.get(row["provider"], row["provider"])}


def _listed() -> list[tuple[str, dict[str, Any]]]:
    """Without what the taxonomy lists for several classes, and what the span's operation tells."""
    rows = [(of, told) for of, told in _rows_of_the_taxonomy() if of != "tool_error"]
    return [(of, told) for of, told in rows if not any(other != of and told == one for other, one in rows)]


def test_every_row_of_the_shared_taxonomy_holds():
    listed = [(told, expected) for expected, told in _listed()]

    assert len(listed) > 80
    assert _by_evidence(told for told, _ in listed) == listed


def test_refinements_speak_of_kinds_and_classes_that_there_are():
    classes = {rule.error_class for rule in error_rules()}
    hinted = {(rule.kind, rule.error_class) for rule in error_rules() if rule.strength in ("weak", "vague")}

    for kind, by_class in refinements().items():
        assert {(kind, name) for name in by_class} <= hinted
        assert {name for names in by_class.values() for name in names} <= classes
