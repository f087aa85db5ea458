"""How single instrumentations tell usage: what each version writes, as it was seen on the wire, and what it means.

Vercel's rows are what ai 5.0.100 and 6.0.20 wrote beside @ai-sdk/anthropic 2.0.40 and 3.0.20 for one answer with 176
uncached, 1024 read and 100 written tokens; later ones of 6 add ``inputTokenDetails``.
"""

import json
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.processors.flushes import Case, row_of
from tests.processors.otlp import request, span

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


def _sent(given: dict[str, Any], scope: str, version: str = "") -> ExportTraceServiceRequest:
    """A chat that is told so."""
    one = span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"} | given)
    return request(one, scope=scope, version=version)


def _counts(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, tuple[int | None, ...]]:
    return {case: tuple(row[name] for name in COUNTS) for case, row in row_of(cases).items()}


def _inputs(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, tuple[int | None, str]]:
    """Of each case the input, and how it was counted."""
    return {case: (row["input_tokens"], row["usage_semantics"]) for case, row in row_of(cases).items()}


def _sides(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, tuple[int | None, int | None, str]]:
    rows = row_of(cases)
    return {case: (row["input_tokens"], row["output_tokens"], row["usage_semantics"]) for case, row in rows.items()}


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


def test_vercels_sdk_of_every_version_counts_as_its_anthropic_provider_does():
    cases = {}
    for counted in (176, 1300):
        streamed = {"ai.usage.totalTokens": counted + 345, "ai.usage.cachedInputTokens": 1024}
        cases[counted, "whole"] = _sent(_vercel(counted) | METADATA, "ai")
        cases[counted, "streamed"] = _sent(_vercel(counted, streamed=True) | METADATA | streamed, "ai")

    assert _counts(cases) == dict.fromkeys(cases, (1300, 1024, 100, 40, 345, None))


def test_vercels_sdk_that_tells_details_of_the_input_counts_all_of_it():
    cases = {
        (provider, *details): _sent(
            _vercel(1200, provider, streamed=True) | details | {"gen_ai.request.model": "claude-sonnet-4-5"}, "ai"
        )
        for provider in ("anthropic.messages", "amazon-bedrock", "vertex.anthropic.messages", "openai.chat")
        for details in (READ, {"ai.usage.inputTokenDetails.cacheWriteTokens": 1024})
    }

    assert _inputs(cases) == dict.fromkeys(cases, (1200, "inclusive"))


def test_vercels_sdk_before_it_told_details_counts_as_anthropic_does():
    row = row_of({"it": _sent(_vercel(176) | {"ai.usage.cachedInputTokens": 100}, "ai")})["it"]

    assert row["input_tokens"] == 276


def test_vercels_sdk_over_bedrock_counts_the_cache_or_leaves_it_out_and_what_nothing_tells_is_not_guessed():
    """Vercel 5.0.100 and 6.0.40 with @ai-sdk/amazon-bedrock 3.x and 4.x: 176 uncached, 924 read, 100 written."""
    wrote = {"ai.response.providerMetadata": json.dumps({"bedrock": {"usage": {"cacheWriteInputTokens": 100}}})}
    model = {"gen_ai.request.model": "us.amazon.nova-pro-v1:0"}
    cases = {}
    for counted in (176, 1200):
        read = {"ai.usage.totalTokens": counted + 345, "ai.usage.cachedInputTokens": 924}
        stream = _vercel(counted, "amazon-bedrock", streamed=True) | read
        cases["streamed", counted] = _sent(stream | wrote, "ai")
        cases["Nova", counted] = _sent(stream | wrote | model, "ai")
        cases["whole", counted] = _sent(_vercel(counted, "amazon-bedrock") | wrote, "ai")
    cases["no cache", 176] = _sent(_vercel(176, "amazon-bedrock"), "ai")
    plain = _vercel(176, "amazon-bedrock", streamed=True) | {"ai.usage.totalTokens": 176 + 345}
    cases["no cache, streamed", 176] = _sent(plain, "ai")

    unsure = (None, "inclusive+input_unsure")
    surely_without = (1200, "exclusive")
    assert _inputs(cases) == {
        ("streamed", 176): surely_without,
        ("streamed", 1200): unsure,
        ("Nova", 176): surely_without,
        ("Nova", 1200): unsure,
        ("whole", 176): unsure,
        ("whole", 1200): unsure,
        ("no cache", 176): (176, "inclusive+reads_untold"),
        ("no cache, streamed", 176): (176, "inclusive"),
    }


def test_vercels_sdk_over_xai_does_not_say_what_a_model_thought():
    """Vercel 5.0.100 and 6.0.40 with @ai-sdk/xai: generateText writes the output without reasoning, and tells none."""
    cases = {
        model: _sent(_vercel(1000, "xai.chat", out=50) | {"gen_ai.request.model": model}, "ai")
        for model in ("grok-3-mini", "grok-4", "grok-4-fast-non-reasoning", "grok-3")
    }

    outputs = {case: (output, "output_unsure" in told) for case, (_, output, told) in _sides(cases).items()}
    assert outputs == {
        "grok-3-mini": (None, True),
        "grok-4": (None, True),
        "grok-4-fast-non-reasoning": (50, False),
        "grok-3": (50, False),
    }


def test_the_total_of_a_stream_says_whether_vercels_sdk_over_xai_counted_what_was_thought():
    """Recorded: 345 out, 128 of it thought, 1,200 in.

    ai 5.0.277 with @ai-sdk/xai 2.0.98 and 6.0.40 with 3.0.60 count it in, 5.0.60 with 2.0.40 does not, and tells xAI's
    total; its Responses API always counts it in. 6.0.0 with 3.0.0 writes 217 and 1,417: what nothing tells from the
    first is flagged.
    """
    cases = {}
    for model in ("grok-3-mini", "grok-4"):
        for counted, total in ((345, 1545), (217, 1545), (217, 1417)):
            told = {"ai.usage.totalTokens": total, "ai.usage.reasoningTokens": 128, "gen_ai.request.model": model}
            cases[model, counted, total] = _sent(_vercel(1200, "xai.chat", streamed=True, out=counted) | told, "ai")
    responses = _vercel(1200, "xai.responses") | {
        "ai.model.provider": "xai.responses",
        "gen_ai.request.model": "grok-4",
    }
    streamed = {"ai.usage.totalTokens": 1545, "ai.usage.reasoningTokens": 128}
    cases["responses", 345, None] = _sent(responses, "ai")
    cases["responses", 345, 1545] = _sent(responses | streamed, "ai")

    flagged = "inclusive+reasoning_unsure"
    assert {case: row[1:] for case, row in _sides(cases).items()} == {
        ("grok-3-mini", 345, 1545): (345, flagged),
        ("grok-3-mini", 217, 1545): (345, "inclusive"),
        ("grok-3-mini", 217, 1417): (217, flagged),
        ("grok-4", 345, 1545): (345, flagged),
        ("grok-4", 217, 1545): (345, "inclusive"),
        ("grok-4", 217, 1417): (217, flagged),
        ("responses", 345, None): (345, "inclusive"),
        ("responses", 345, 1545): (345, "inclusive"),
    }


def test_vercels_sdk_over_gemini_tells_thoughts_in_the_providers_own_usage():
    usage = {"promptTokenCount": 1200, "thoughtsTokenCount": 128, "totalTokenCount": 1545}
    cases = {}
    for name in ("google", "vertex"):
        own = {"ai.response.providerMetadata": json.dumps({name: {"usageMetadata": usage}})}
        for written in (217, 345):
            cases[name, written] = _sent(_vercel(1200, "google.generative-ai", out=written) | own, "ai")

    assert _counts(cases) == dict.fromkeys(cases, (1200, None, None, None, 345, 128))


def test_what_moonshot_and_deepseek_say_that_a_cache_gave_is_read_from_the_answer_that_openinference_keeps():
    cases = {}
    for name in ("cached_tokens", "prompt_cache_hit_tokens"):
        answer = {"object": "chat.completion", "usage": {"prompt_tokens": 1000, "completion_tokens": 200, name: 256}}
        told = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "kimi-k2-0905-preview",
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 200,
            "output.value": json.dumps(answer),
            "output.mime_type": "application/json",
        }
        cases[name] = _sent(told, "openinference.instrumentation.openai", "0.1.66")

    assert _counts(cases) == dict.fromkeys(cases, (1000, 256, None, None, 200, None))


def _logfire(usage: dict[str, Any], **attributes: int) -> dict[str, Any]:
    return {"response_data": json.dumps({"message": {"content": "secret"}, "usage": usage})} | {
        f"gen_ai.usage.{name}": count for name, count in attributes.items()
    }


def test_logfire_of_every_version_tells_what_anthropic_cached():
    told: list[tuple[str, dict[str, int]]] = [
        ("3.9.0", {}),
        ("4.18.0", {}),
        ("4.19.0", {"input_tokens": 176, "output_tokens": 345}),
        ("4.30.0", {"input_tokens": 176, "output_tokens": 345}),
        ("4.31.0", {"input_tokens": 1300, "output_tokens": 345}),
        ("5.2.0", {"input_tokens": 1300, "output_tokens": 345}),
    ]
    cases = {version: _sent(_logfire(RAW, **attributes), "logfire.anthropic", version) for version, attributes in told}

    assert _counts(cases) == dict.fromkeys(cases, (1300, 1024, 100, 40, 345, None))


def test_logfire_tells_what_openai_cached_and_thought():
    cases = {}
    for asked, answered in (("prompt", "completion"), ("input", "output")):
        usage = {
            f"{asked}_tokens": 1200,
            f"{answered}_tokens": 345,
            "total_tokens": 1545,
            f"{asked}_tokens_details": {"cached_tokens": 1024},
            f"{answered}_tokens_details": {"reasoning_tokens": 128},
        }
        alone, beside = _logfire(usage), _logfire(usage, input_tokens=1200, output_tokens=345)
        cases[asked, "alone"] = _sent(alone, "logfire.openai", "4.0.0")
        cases[asked, "beside attributes"] = _sent(beside, "logfire.openai", "4.0.0")

    assert _counts(cases) == dict.fromkeys(cases, (1200, 1024, None, None, 345, 128))


def test_nulls_in_a_response_are_no_counts():
    usage = {"input_tokens": 7, "output_tokens": 9, "cache_read_input_tokens": None, "cache_creation": None}

    assert _counts({"it": _sent(_logfire(usage), "logfire.anthropic", "3.9.0")}) == {
        "it": (7, None, None, None, 9, None)
    }


GEMINI = {"gen_ai.system": "gemini", "gen_ai.request.model": "gemini-2.5-flash"}
GOOGLE = "opentelemetry.instrumentation.google_generativeai"


def _usage(asked: int, answered: int, total: int | None, **more: int) -> dict[str, int]:
    counts = {"input_tokens": asked, "output_tokens": answered, "total_tokens": total, **more}
    return {f"gen_ai.usage.{name}": count for name, count in counts.items() if count is not None}


def test_what_traceloop_leaves_to_geminis_total_is_named_and_is_input_where_the_model_does_not_think():
    expected = [
        ("gemini-2.5-flash", (1498, 467, "inclusive+thoughts_of_total")),
        ("gemini-2.0-flash-thinking-exp", (1498, 467, "inclusive+thoughts_of_total")),
        ("gemini-2.0-flash", (1896, 69, "inclusive+tools_outside_input")),
        ("gemini-1.5-pro-002", (1896, 69, "inclusive+tools_outside_input")),
    ]
    cases = {
        (scope, model): _sent(GEMINI | {"gen_ai.request.model": model} | _usage(1498, 69, 1965), scope)
        for scope in (GOOGLE, "opentelemetry.instrumentation.vertexai")
        for model, _ in expected
    }

    assert _sides(cases) == {(scope, model): dict(expected)[model] for scope, model in cases}


def test_a_total_of_gemini_that_leaves_nothing_names_nothing():
    cases = {total: _sent(GEMINI | _usage(1498, 69, total), GOOGLE) for total in (1567, None)}

    assert _sides(cases) == dict.fromkeys(cases, (1498, 69, "inclusive"))


def test_what_geminis_total_has_beyond_thoughts_that_are_told_is_what_its_tools_gave_to_read():
    expected = {
        (1965, 230): (1720, 245, "inclusive+tools_outside_input"),
        (1743, 176): (1498, 245, "inclusive"),
    }
    cases = {
        (scope, total, thoughts): _sent(
            GEMINI | _usage(1498, 245, total, **{"reasoning.output_tokens": thoughts}), scope
        )
        for scope in ("ai", "litellm", "openinference.instrumentation.google_genai", "")
        for total, thoughts in expected
    }

    assert _sides(cases) == {case: expected[case[1:]] for case in cases}


def test_what_stands_in_geminis_total_alone_is_thought_whoever_tells_and_another_total_is_flagged_as_before():
    other = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}
    cases = {
        "gemini": _sent(GEMINI | _usage(8, 7, 300), "opentelemetry.instrumentation.openai.v1"),
        "openai": _sent(other | _usage(8, 7, 300), ""),
    }

    assert _sides(cases) == {
        "gemini": (8, 292, "inclusive+thoughts_of_total"),
        "openai": (8, 7, "inclusive+total_disagrees"),
    }


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


def test_litellm_of_old_leaves_what_bedrock_wrote_to_a_cache_out_of_the_input_and_nothing_else():
    since = _litellm(3136, 3760, 2757, 237) | {"gen_ai.usage.input_tokens": 3136}
    since.pop("gen_ai.usage.prompt_tokens")
    told = {
        "does not fit": (_litellm(2899, 3523, 2757, 237), (3136, "inclusive+write_outside_input")),
        "total and does not fit": (
            _litellm(2899, 3760, 2757, 237, stream=False),
            (3136, "inclusive+write_outside_input"),
        ),
        "total": (_litellm(2899, 3760, 57, 237, stream=False), (3136, "inclusive+write_outside_input")),
        "unsure": (_litellm(2899, 3523, 57, 237), (2899, "inclusive+write_unsure")),
        "total has it": (_litellm(2899, 3523, 57, 237, stream=False), (2899, "inclusive")),
        "none written": (_litellm(2899, 3523, 2757, 0), (2899, "inclusive")),
        "nothing in it": (_litellm(142, 766, 2757, 237), (3136, "inclusive+cache_outside_input")),
        "since it says input": (since, (3136, "inclusive")),
    }

    inputs = _inputs({case: _sent(given, "litellm") for case, (given, _) in told.items()})

    assert inputs == {case: counted for case, (_, counted) in told.items()}


def test_whoever_tells_a_total_with_what_was_written_has_left_that_out_and_not_what_was_read():
    told = _usage(2899, 624, 3760, **{"cache_read.input_tokens": 57, "cache_creation.input_tokens": 237})

    assert _sides({"it": _sent(told, "")}) == {"it": (3136, 624, "inclusive+write_outside_input")}
