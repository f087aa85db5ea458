"""How calls fail: classes with their odds, and the words of each provider's client library.

The texts follow what the libraries raise (openai 3.x, anthropic 2.x, google-genai 1.x), so a class must be found the
way it is found in the field: by exception, status and, where those are shared, by code or message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.simulator.tasks import Failure

if TYPE_CHECKING:
    from random import Random

    from ingest.simulator.catalog import Model

ODDS = {
    "rate_limit": 35,
    "server_error": 14,
    "overloaded": 12,
    "timeout": 11,
    "network": 6,
    "context_length_exceeded": 5,
    "content_filter": 5,
    "invalid_request": 4,
    "quota_exceeded": 3,
    "not_found": 2,
    "auth": 2,
    "permission": 1,
}
"""Relative frequency of refused calls by canonical class."""

RETRYABLE = frozenset({"rate_limit", "server_error", "overloaded", "timeout", "network"})

_OPENAI: dict[str, tuple[str, int, str, str, str | None]] = {
    "rate_limit": (
        "openai.RateLimitError",
        429,
        "Rate limit reached for requests",
        "requests",
        "rate_limit_exceeded",
    ),
    "quota_exceeded": (
        "openai.RateLimitError",
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "server_error": (
        "openai.InternalServerError",
        500,
        "The server had an error while processing your request.",
        "server_error",
        None,
    ),
    "overloaded": (
        "openai.InternalServerError",
        503,
        "The engine is currently overloaded, please try again later.",
        "server_error",
        None,
    ),
    "context_length_exceeded": (
        "openai.BadRequestError",
        400,
        "This model's maximum context length is 128000 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    "content_filter": (
        "openai.BadRequestError",
        400,
        "Your request was rejected by the safety system.",
        "invalid_request_error",
        "content_policy_violation",
    ),
    "invalid_request": (
        "openai.BadRequestError",
        400,
        "Unsupported parameter: 'logprobs'",
        "invalid_request_error",
        "unsupported_parameter",
    ),
    "auth": (
        "openai.AuthenticationError",
        401,
        "Incorrect API key provided.",
        "invalid_request_error",
        "invalid_api_key",
    ),
    "permission": (
        "openai.PermissionDeniedError",
        403,
        "You are not allowed to sample from this model.",
        "invalid_request_error",
        None,
    ),
    "not_found": (
        "openai.NotFoundError",
        404,
        "The model does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
}
_SILENT = {
    "timeout": ("APITimeoutError", "Request timed out."),
    "network": ("APIConnectionError", "Connection error."),
}
"""Failures without an answer: both libraries name them alike."""

_ANTHROPIC: dict[str, tuple[str, int, str, str]] = {
    "rate_limit": ("anthropic.RateLimitError", 429, "rate_limit_error", "Number of request tokens exceeded the limit"),
    "quota_exceeded": ("anthropic.PaymentRequiredError", 402, "billing_error", "Your credit balance is too low"),
    "server_error": ("anthropic.InternalServerError", 500, "api_error", "Internal server error"),
    "overloaded": ("anthropic.OverloadedError", 529, "overloaded_error", "Overloaded"),
    "auth": ("anthropic.AuthenticationError", 401, "authentication_error", "invalid x-api-key"),
    "permission": ("anthropic.PermissionDeniedError", 403, "permission_error", "Your key cannot use this model"),
    "not_found": ("anthropic.NotFoundError", 404, "not_found_error", "model not found"),
    "invalid_request": ("anthropic.BadRequestError", 400, "invalid_request_error", "messages: field required"),
    "context_length_exceeded": (
        "anthropic.BadRequestError",
        400,
        "invalid_request_error",
        "prompt is too long: 214318 tokens > 200000 maximum",
    ),
}
_GOOGLE: dict[str, tuple[str, int, str, str]] = {
    "rate_limit": (
        "google.genai.errors.ClientError",
        429,
        "RESOURCE_EXHAUSTED",
        "Resource exhausted. Please try again later.",
    ),
    "server_error": ("google.genai.errors.ServerError", 500, "INTERNAL", "An internal error has occurred."),
    "overloaded": ("google.genai.errors.ServerError", 503, "UNAVAILABLE", "The model is overloaded."),
    "timeout": ("google.genai.errors.ServerError", 504, "DEADLINE_EXCEEDED", "Deadline expired."),
    "auth": ("google.genai.errors.ClientError", 401, "UNAUTHENTICATED", "Invalid authentication credentials."),
    "permission": ("google.genai.errors.ClientError", 403, "PERMISSION_DENIED", "Permission denied on resource."),
    "not_found": ("google.genai.errors.ClientError", 404, "NOT_FOUND", "The model is not found."),
    "invalid_request": ("google.genai.errors.ClientError", 400, "INVALID_ARGUMENT", "Request is malformed."),
    "context_length_exceeded": (
        "google.genai.errors.ClientError",
        400,
        "INVALID_ARGUMENT",
        "The input token count (1048600) exceeds the maximum number of tokens allowed (1048576).",
    ),
}
_GOOGLE_HAS_INSTEAD = {"network": "overloaded", "content_filter": "invalid_request", "quota_exceeded": "rate_limit"}
"""A blocked prompt is an answered call at Google, and its quota and rate limits share one code."""


def draw_class(rng: Random) -> str:
    """A class of refused call, by its odds."""
    return rng.choices(tuple(ODDS), tuple(ODDS.values()))[0]


def refuse(error_class: str, model: Model) -> Failure:
    """How ``model``'s provider refuses a call with an error of that class, or of the nearest one that it has."""
    if model.provider == "google":
        return _refuse_google(error_class)
    if error_class in _SILENT:
        exception, text = _SILENT[error_class]
        return Failure(error_class=error_class, exception=f"{model.provider}.{exception}", message=text)
    return _refuse_anthropic(error_class) if model.provider == "anthropic" else _refuse_openai(error_class)


def _refuse_openai(error_class: str) -> Failure:
    exception, status, text, kind, code = _OPENAI[error_class]
    message = _text(status, {"error": {"message": text, "type": kind, "param": None, "code": code}})
    return Failure(error_class=error_class, exception=exception, message=message, http_status=status)


def _refuse_anthropic(error_class: str) -> Failure:
    # There is no such thing as a rejected prompt at Anthropic: a filtered answer is a refusal that was paid for.
    error_class = "invalid_request" if error_class == "content_filter" else error_class
    exception, status, kind, text = _ANTHROPIC[error_class]
    message = _text(status, {"type": "error", "error": {"type": kind, "message": text}})
    return Failure(error_class=error_class, exception=exception, message=message, http_status=status)


def _text(status: int, body: dict[str, object]) -> str:
    return f"Error code: {status} - {body}"


def _refuse_google(error_class: str) -> Failure:
    error_class = _GOOGLE_HAS_INSTEAD.get(error_class, error_class)
    exception, status, code, detail = _GOOGLE[error_class]
    message = f"{status} {code}. {{'error': {{'code': {status}, 'message': '{detail}', 'status': '{code}'}}}}"
    return Failure(error_class=error_class, exception=exception, message=message, http_status=status)


def break_stream() -> Failure:
    """The caller went away while the answer was streaming: no finish reason, no usage."""
    return Failure(
        error_class="cancelled", exception="asyncio.CancelledError", message="", http_status=None, cancelled=True
    )


def misparse() -> Failure:
    """The answer came and was paid for, but is not the JSON that was asked for."""
    return Failure(
        error_class="parse_error",
        exception="json.JSONDecodeError",
        message="Expecting ',' delimiter: line 14 column 7 (char 421)",
    )


def break_tool(rng: Random) -> Failure:
    """A tool raised; its class is ``tool_error`` whatever it raised."""
    exception = rng.choice(("TimeoutError", "ValueError", "requests.exceptions.HTTPError"))
    return Failure(error_class="tool_error", exception=exception, message="the tool did not answer")
