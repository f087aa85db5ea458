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


GEMINI = {"gen_ai.system": "gemini", "gen_ai.request.model": "gemini-2.5-flash"}
GOOGLE = "opentelemetry.instrumentation.google_generativeai"


def _sides(given: dict[str, Any], scope: str) -> tuple[int | None, int | None, str]:
    row = _told(given, scope)
    return row["input_tokens"], row["output_tokens"], row["usage_semantics"]


def _usage(asked: int, answered: int, total: int | None, **more: int) -> dict[str, int]:
    counts = {"input_tokens": asked, "output_tokens": answered, "total_tokens": total, **more}
    return {f"gen_ai.usage.{name}": count for name, count in counts.items() if count is not None}


@pytest.mark.parametrize("scope", [GOOGLE, "opentelemetry.instrumentation.vertexai"])
@pytest.mark.parametrize(
    ("model", "sides"),
    [
        ("gemini-2.5-flash", (1498, 467, "inclusive+thoughts_of_total")),
        ("gemini-2.0-flash-thinking-exp", (1498, 467, "inclusive+thoughts_of_total")),
        ("gemini-2.0-flash", (1896, 69, "inclusive+tools_outside_input")),
        ("gemini-1.5-pro-002", (1896, 69, "inclusive+tools_outside_input")),
    ],
)
def test_what_traceloop_leaves_to_geminis_total_is_named_and_is_input_where_the_model_does_not_think(
    scope: str, model: str, sides: tuple[int, int, str]
):
    told = GEMINI | {"gen_ai.request.model": model} | _usage(1498, 69, 1965)

    assert _sides(told, scope) == sides


@pytest.mark.parametrize(("total", "semantics"), [(1567, "inclusive"), (None, "inclusive")])
def test_a_total_of_gemini_that_leaves_nothing_names_nothing(total: int | None, semantics: str):
    assert _sides(GEMINI | _usage(1498, 69, total), GOOGLE) == (1498, 69, semantics)


@pytest.mark.parametrize("scope", ["ai", "litellm", "openinference.instrumentation.google_genai", ""])
@pytest.mark.parametrize(("total", "tools"), [(1965, 222), (1743, 0)])
def test_what_geminis_total_has_beyond_thoughts_that_are_told_is_what_its_tools_gave_to_read(
    scope: str, total: int, tools: int
):
    told = GEMINI | _usage(1498, 245, total, **{"reasoning.output_tokens": 176 if tools < 176 else 230})
    semantics = "inclusive+tools_outside_input" if tools else "inclusive"

    assert _sides(told, scope) == (1498 + tools, 245, semantics)


def test_thoughts_that_stand_in_geminis_total_alone_are_billed_whoever_tells():
    assert _sides(GEMINI | _usage(8, 7, 300), "opentelemetry.instrumentation.openai.v1") == (
        *(8, 292),
        "inclusive+thoughts_of_total",
    )


def test_a_total_that_is_not_geminis_is_flagged_as_before():
    told = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"} | _usage(8, 7, 300)

    assert _sides(told, "") == (8, 7, "inclusive+total_disagrees")


def _litellm(asked: int, total: int, read: int, written: int, *, stream: bool = True) -> dict[str, Any]:
    """As 1.77.7 tells a call of Bedrock's Converse: its prompt has what was read, and not what was written."""
    usage = {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return {
        "gen_ai.system": "bedrock",
        "gen_ai.request.model": "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "gen_ai.usage.prompt_tokens": asked,
        "gen_ai.usage.completion_tokens": 624,
        "llm.usage.total_tokens": total,
        "llm.is_streaming": str(stream),
        "metadata.usage_object": str(usage),
    }


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (_litellm(2899, 3523, 2757, 237), (3136, "inclusive+write_outside_input")),
        (_litellm(2899, 3760, 2757, 237, stream=False), (3136, "inclusive+write_outside_input")),
        (_litellm(2899, 3760, 57, 237, stream=False), (3136, "inclusive+write_outside_input")),
        (_litellm(2899, 3523, 57, 237), (2899, "inclusive+write_unsure")),
        (_litellm(2899, 3523, 57, 237, stream=False), (2899, "inclusive")),
        (_litellm(2899, 3523, 2757, 0), (2899, "inclusive")),
        (_litellm(142, 766, 2757, 237), (3136, "inclusive+cache_outside_input")),
    ],
    ids=["does not fit", "total and does not fit", "total", "unsure", "total has it", "none written", "nothing in it"],
)
def test_litellm_of_old_leaves_what_bedrock_wrote_to_a_cache_out_of_the_input_and_nothing_else(
    told: dict[str, Any], counted: tuple[int, str]
):
    row = _told(told, "litellm")

    assert (row["input_tokens"], row["usage_semantics"]) == counted


def test_litellm_since_it_says_input_counts_what_bedrock_wrote():
    told = _litellm(3136, 3760, 2757, 237) | {"gen_ai.usage.input_tokens": 3136}
    told.pop("gen_ai.usage.prompt_tokens")

    row = _told(told, "litellm")

    assert (row["input_tokens"], row["usage_semantics"]) == (3136, "inclusive")


def test_whoever_tells_a_total_with_what_was_written_has_left_that_out_and_not_what_was_read():
    told = _usage(2899, 624, 3760, **{"cache_read.input_tokens": 57, "cache_creation.input_tokens": 237})

    assert _sides(told, "") == (3136, 624, "inclusive+write_outside_input")
