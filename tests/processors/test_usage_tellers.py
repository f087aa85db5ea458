"""How single instrumentations tell usage: what each version writes, as it was seen on the wire, and what it means.

Vercel's rows are what ai 5.0.100 and 6.0.20 wrote beside @ai-sdk/anthropic 2.0.40 and 3.0.20 for one answer with 176
uncached, 1024 read and 100 written tokens; later ones of 6 add ``inputTokenDetails``.
"""

import json
from typing import Any

import pytest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise import Rules, normalise
from tests.processors.otlp import message, request, span

COUNTS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("output_tokens", "reasoning_tokens"),
)
RAW = {
    "input_tokens": 176,
    "cache_read_input_tokens": 1024,
    "cache_creation_input_tokens": 100,
    "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
    "output_tokens": 345,
}
METADATA = {"ai.response.providerMetadata": json.dumps({"anthropic": {"usage": RAW, "stopSequence": None}})}
READ = {"ai.usage.inputTokenDetails.cacheReadTokens": 1024}


def _told(given: dict[str, Any], scope: str, version: str = "") -> dict[str, Any]:
    rules = Rules(user_key=b"key", trusted_topics=("otlp_spans",))
    one = span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"} | given)
    decoded = decode([message(request(one, scope=scope, version=version))], load_table())
    return normalise(decoded, rules).spans.to_pylist()[0]


def _counts(given: dict[str, Any], scope: str, version: str = "") -> tuple[int | None, ...]:
    row = _told(given, scope, version)
    return tuple(row[name] for name in COUNTS)


def _vercel(
    counted: int, provider: str = "anthropic.messages", *, streamed: bool = False, out: int = 345
) -> dict[str, Any]:
    names = ("ai.usage.inputTokens", "ai.usage.outputTokens")
    if not streamed:
        names = ("ai.usage.promptTokens", "ai.usage.completionTokens")
    return {
        "gen_ai.system": provider,
        names[0]: counted,
        names[1]: out,
        "gen_ai.usage.input_tokens": counted,
        "gen_ai.usage.output_tokens": out,
    }


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("counted", [176, 1300])
def test_vercels_sdk_of_every_version_counts_as_its_anthropic_provider_does(counted: int, streamed: bool):
    told = _vercel(counted, streamed=streamed) | METADATA
    if streamed:
        told |= {"ai.usage.totalTokens": counted + 345, "ai.usage.cachedInputTokens": 1024}

    assert _counts(told, "ai") == (1300, 1024, 100, 40, 345, None)


@pytest.mark.parametrize(
    "provider", ["anthropic.messages", "amazon-bedrock", "vertex.anthropic.messages", "openai.chat"]
)
@pytest.mark.parametrize("details", [READ, {"ai.usage.inputTokenDetails.cacheWriteTokens": 1024}])
def test_vercels_sdk_that_tells_details_of_the_input_counts_all_of_it(provider: str, details: dict[str, int]):
    told = _vercel(1200, provider, streamed=True) | details | {"gen_ai.request.model": "claude-sonnet-4-5"}

    row = _told(told, "ai")

    assert (row["input_tokens"], row["usage_semantics"]) == (1200, "inclusive")


def test_vercels_sdk_before_it_told_details_counts_as_anthropic_does():
    assert _told(_vercel(176) | {"ai.usage.cachedInputTokens": 100}, "ai")["input_tokens"] == 276


@pytest.mark.parametrize(("written", "total"), [(217, 1545), (345, 1545)])
@pytest.mark.parametrize("name", ["google", "vertex"])
def test_vercels_sdk_over_gemini_tells_thoughts_in_the_providers_own_usage(name: str, written: int, total: int):
    usage = {"promptTokenCount": 1200, "thoughtsTokenCount": 128, "totalTokenCount": total}
    own = {"ai.response.providerMetadata": json.dumps({name: {"usageMetadata": usage}})}

    assert _counts(_vercel(1200, "google.generative-ai", out=written) | own, "ai") == (1200, None, None, None, 345, 128)


def _logfire(usage: dict[str, Any], **attributes: int) -> dict[str, Any]:
    return {"response_data": json.dumps({"message": {"content": "secret"}, "usage": usage})} | {
        f"gen_ai.usage.{name}": count for name, count in attributes.items()
    }


@pytest.mark.parametrize(
    ("version", "attributes"),
    [
        ("3.9.0", {}),
        ("4.18.0", {}),
        ("4.19.0", {"input_tokens": 176, "output_tokens": 345}),
        ("4.30.0", {"input_tokens": 176, "output_tokens": 345}),
        ("4.31.0", {"input_tokens": 1300, "output_tokens": 345}),
        ("5.2.0", {"input_tokens": 1300, "output_tokens": 345}),
    ],
)
def test_logfire_of_every_version_tells_what_anthropic_cached(version: str, attributes: dict[str, int]):
    told = _logfire(RAW, **attributes)

    assert _counts(told, "logfire.anthropic", version) == (1300, 1024, 100, 40, 345, None)


@pytest.mark.parametrize("attributes", [{}, {"input_tokens": 1200, "output_tokens": 345}])
@pytest.mark.parametrize(("asked", "answered"), [("prompt", "completion"), ("input", "output")])
def test_logfire_tells_what_openai_cached_and_thought(asked: str, answered: str, attributes: dict[str, int]):
    usage = {
        f"{asked}_tokens": 1200,
        f"{answered}_tokens": 345,
        "total_tokens": 1545,
        f"{asked}_tokens_details": {"cached_tokens": 1024},
        f"{answered}_tokens_details": {"reasoning_tokens": 128},
    }

    assert _counts(_logfire(usage, **attributes), "logfire.openai", "4.0.0") == (1200, 1024, None, None, 345, 128)


def test_nulls_in_a_response_are_no_counts():
    usage = {"input_tokens": 7, "output_tokens": 9, "cache_read_input_tokens": None, "cache_creation": None}

    assert _counts(_logfire(usage), "logfire.anthropic", "3.9.0") == (7, None, None, None, 9, None)
