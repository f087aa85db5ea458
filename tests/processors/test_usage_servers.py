"""How servers that speak OpenAI's API count, as each library passes it on.

xAI's chat API leaves reasoning out of ``completion_tokens`` and its responses API has it in ``output_tokens``; who
adds it up is read in the libraries: newer versions of LiteLLM do, Pydantic AI does since 2.22 (genai-prices 0.1),
others tell the total. All cases of it are of one answer: 1,000 tokens of prompt, 200 of them cached, 400 of text, 300
of reasoning.

Perplexity's deep research counts reasoning and citations beside ``completion_tokens`` and bills both.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import bill_of
from tests.processors.otlp import request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
CONTRIB = "opentelemetry.instrumentation.genai.openai"
TOLD = {
    "prompt_tokens": 1000,
    "completion_tokens": 400,
    "total_tokens": 1700,
    "prompt_tokens_details": {"cached_tokens": 200, "text_tokens": 1000, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 300, "audio_tokens": 0, "accepted_prediction_tokens": 0},
    "num_sources_used": 0,
}


def _sent(given: dict[str, Any], scope: str, version: str = "") -> ExportTraceServiceRequest:
    return request(span(given), scope=scope, version=version)


def _bill(given: dict[str, Any], scope: str, version: str = "") -> dict[str, Any]:
    """The billed row of one span with these attributes."""
    return bill_of({"it": _sent(given, scope, version)}, ENGINE)["it"]


def _chat(provider: str, model: str, into: int, out: int, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": into,
        "gen_ai.usage.output_tokens": out,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def _grok(out: int = 400, provider: str = "openai") -> dict[str, Any]:
    at = {"server.address": "api.x.ai"} if provider == "openai" else {}
    return _chat(provider, "grok-4", 1000, out, gen_ai__usage__cache_read__input_tokens=200) | at


CONTRIBS = _grok() | {"gen_ai.usage.reasoning.output_tokens": 300}
DETAILS = {"gen_ai.usage.details.reasoning_tokens": 300, "gen_ai.usage.details.accepted_prediction_tokens": 0}
XAI_CHATS = {
    "contrib": (CONTRIBS, CONTRIB, "1.3b0"),
    "contrib before it moved": (CONTRIBS, "opentelemetry.instrumentation.openai_v2", "2.3b0"),
    "openlit": (
        _grok() | {"gen_ai.usage.completion_tokens_details.reasoning_tokens": 300},
        "openlit.otel.tracing",
        "1.0",
    ),
    "pydantic-ai with its own client": (_grok(provider="grok") | DETAILS, "pydantic-ai", "1.60.0"),
    "pydantic-ai": (_grok() | DETAILS, "pydantic-ai", "2.21.0"),
    "pydantic-ai since it adds": (_grok(700) | DETAILS, "pydantic-ai", "2.68.0"),
    "logfire": (_grok(provider="x_ai") | {"gen_ai.usage.raw": json.dumps(TOLD)}, "logfire.openai", "5.2.0"),
    "logfire of old": (
        _grok(provider="x_ai") | {"response_data": json.dumps({"usage": TOLD})},
        "logfire.openai",
        "4.0",
    ),
    "openinference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "xai",
            "llm.model_name": "grok-4",
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 400,
            "llm.token_count.total": 1700,
            "llm.token_count.prompt_details.cache_read": 200,
            "llm.token_count.completion_details.reasoning": 300,
        },
        "openinference.instrumentation.openai",
        "0.1.66",
    ),
    "traceloop": (
        _grok() | {"gen_ai.usage.total_tokens": 1700, "gen_ai.usage.reasoning_tokens": 300},
        "opentelemetry.instrumentation.openai.v1",
        "0.62.4",
    ),
    "litellm of old": (
        _grok(provider="xai") | {"gen_ai.usage.total_tokens": 1700, "metadata.usage_object": str(TOLD)},
        "litellm",
        "",
    ),
    "litellm": (
        _grok(700, provider="xai")
        | {"gen_ai.usage.total_tokens": 1700, "metadata.usage_object": str(TOLD | {"completion_tokens": 700})},
        "litellm",
        "",
    ),
    "xai's own sdk": (
        {key: value for key, value in _grok(provider="xai").items() if key != "gen_ai.usage.cache_read.input_tokens"}
        | {
            "gen_ai.usage.cached_prompt_text_tokens": 200,
            "gen_ai.usage.reasoning_tokens": 300,
            "gen_ai.usage.total_tokens": 1700,
        },
        "xai_sdk.sync.chat",
        "",
    ),
}


def test_a_chat_of_xai_is_billed_with_its_reasoning_whoever_tells():
    usage = Usage(input_tokens=1000, cache_read_tokens=200, output_tokens=700)
    want = calc_price(usage, "grok-4", provider_id="x-ai").total_price.quantize(Decimal("1e-12"))

    rows = bill_of({teller: _sent(*told) for teller, told in XAI_CHATS.items()}, ENGINE)

    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_usd")
    assert {teller: tuple(row[name] for name in names) for teller, row in rows.items()} == dict.fromkeys(
        XAI_CHATS, (1000, 200, 700, 300, want)
    )


def test_a_response_of_xai_has_its_reasoning_already():
    scopes = (CONTRIB, "opentelemetry.instrumentation.openai_v2", "openlit.otel.tracing")

    rows = bill_of(
        {scope: _sent(CONTRIBS | {"openai.api.type": "responses"}, scope, "1.3b0") for scope in scopes}, ENGINE
    )

    assert {scope: (row["output_tokens"], row["reasoning_tokens"]) for scope, row in rows.items()} == dict.fromkeys(
        scopes, (400, 300)
    )


def test_an_output_of_xai_of_which_nobody_tells_the_reasoning_is_unknown():
    recorded = Path(__file__).parent.parent / "data" / "recorded" / "openai-v2-2.1-xai.pb"
    row = bill_of({"it": recorded.read_bytes()}, ENGINE)["it"]

    assert (row["provider"], row["input_tokens"], row["output_tokens"]) == ("x_ai", 1300, None)
    assert row["usage_semantics"] == "inclusive+output_unsure+output_missing"


def test_models_of_xai_that_do_not_reason_have_all_of_their_output():
    expected = {
        **dict.fromkeys(("grok-3", "grok-3-fast", "grok-2-1212", "grok-4-1-fast-non-reasoning"), 400),
        **dict.fromkeys(("grok-3-mini", "grok-3-mini-fast", "grok-4", "grok-code-fast-1", "grok-9"), None),
    }
    tellers = {"opentelemetry.instrumentation.openai_v2": "", "openlit.otel.tracing": "1.45.0", CONTRIB: "1.1b0"}
    cases = {
        (scope, model): _sent(_chat("xai", model, 1000, 400), scope, version)
        for scope, version in tellers.items()
        for model in expected
    }

    rows = bill_of(cases, ENGINE)

    assert {case: row["output_tokens"] for case, row in rows.items()} == {
        (scope, model): out for scope in tellers for model, out in expected.items()
    }


def test_who_tells_reasoning_above_zero_tells_by_silence_that_there_was_none():
    row = _bill(_chat("xai", "grok-4", 1000, 400), CONTRIB, "1.2b0")

    assert (row["output_tokens"], row["usage_semantics"]) == (400, "inclusive")


def test_what_grok_thought_and_nobody_tells_stands_in_its_total():
    expected = {1700: (700, "inclusive+thoughts_of_total"), 1400: (400, "inclusive")}
    scope = "opentelemetry.instrumentation.openai"

    rows = bill_of(
        {
            total: _sent(_chat("xai", "grok-4", 1000, 400, gen_ai__usage__total_tokens=total), scope)
            for total in expected
        },
        ENGINE,
    )

    assert {total: (row["output_tokens"], row["usage_semantics"]) for total, row in rows.items()} == expected


def test_logfire_tells_in_the_total_what_gemini_thought_over_openais_api():
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1500}
    row = _bill(
        _chat("google", "gemini-2.5-flash", 1000, 100, gen_ai__usage__raw=json.dumps(usage)), "logfire.openai", "5.2.0"
    )

    assert (row["output_tokens"], row["usage_semantics"]) == (500, "inclusive+thoughts_of_total")


PERPLEXITY = {
    "prompt_tokens": 1000,
    "completion_tokens": 400,
    "total_tokens": 1400,
    "citation_tokens": 2000,
    "num_search_queries": 7,
    "reasoning_tokens": 5000,
    "search_context_size": "low",
}
_DEEP = "sonar-deep-research"
DEEP_RESEARCH = {
    "pydantic-ai": (
        _chat("perplexity", _DEEP, 1000, 400)
        | {
            f"gen_ai.usage.details.{key}": PERPLEXITY[key]
            for key in ("citation_tokens", "num_search_queries", "reasoning_tokens")
        },
        "pydantic-ai",
    ),
    "logfire": (_chat("perplexity", _DEEP, 1000, 400) | {"gen_ai.usage.raw": json.dumps(PERPLEXITY)}, "logfire.openai"),
    "openinference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "perplexity",
            "llm.model_name": _DEEP,
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 400,
            "llm.token_count.total": 1400,
            "output.value": json.dumps({"id": "c1", "model": _DEEP, "usage": PERPLEXITY}),
        },
        "openinference.instrumentation.openai",
    ),
    "langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": _DEEP,
            "langfuse.observation.metadata.ls_provider": "perplexity",
            "langfuse.observation.usage_details": json.dumps(
                {key: value for key, value in PERPLEXITY.items() if isinstance(value, int)}
            ),
        },
        "langfuse-sdk",
    ),
}


def _price(model: str, provider: str, **usage: int) -> Decimal:
    return calc_price(Usage(**usage), model, provider_id=provider).total_price.quantize(Decimal("1e-12"))


def _deep_research() -> Decimal:
    """As genai-prices reads the answer itself."""
    perplexity = next(one for one in get_snapshot().providers if one.id == "perplexity")
    _, usage = perplexity.extract_usage({"model": _DEEP, "usage": PERPLEXITY})
    return calc_price(usage, _DEEP, provider_id="perplexity").total_price.quantize(Decimal("1e-12"))


def test_deep_research_is_billed_with_its_reasoning_its_citations_and_its_searches():
    rows = bill_of({teller: _sent(*told) for teller, told in DEEP_RESEARCH.items()}, ENGINE)

    names = ("input_tokens", "output_tokens", "reasoning_tokens", "cost_usd")
    assert {
        teller: (*(row[name] for name in names), dict(row["units"])) for teller, row in rows.items()
    } == dict.fromkeys(
        DEEP_RESEARCH, (1000, 7400, 5000, Decimal("0.0592"), {"searches": 7, "citation_output_tokens": 2000})
    )
    assert _deep_research() == Decimal("0.0592")


def test_litellm_has_the_usage_of_deep_research_from_the_wire():
    """It reads reasoning alone, and reckons citations from the length of their addresses."""
    trace = {"trace_id": b"t" * 16}
    details = {"completion_tokens_details": {"reasoning_tokens": 5000}, "citation_tokens": 11}
    told = {"metadata.usage_object": str(PERPLEXITY | details | {"reasoning_tokens": None})}
    outer = span(
        _chat("perplexity", _DEEP, 1000, 400) | told | {"llm.request.type": "completion"},
        name="litellm_request",
        span_id=b"o" * 8,
        **trace,
    )
    answered = {"llm.perplexity.model": _DEEP, "llm.perplexity.usage": str(PERPLEXITY)}
    inner = span(answered, name="raw_gen_ai_request", span_id=b"i" * 8, parent_span_id=b"o" * 8, **trace)

    row = bill_of({"it": request(outer, inner, scope="litellm")}, ENGINE)["it"]

    assert (row["output_tokens"], row["cost_usd"]) == (7400, _deep_research())


def _vercel(provider: str, model: str, metadata: dict[str, Any], into: int = 1000, out: int = 400) -> dict[str, Any]:
    return {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": provider,
        "ai.model.id": model,
        "gen_ai.system": provider,
        "gen_ai.request.model": model,
        "ai.usage.promptTokens": into,
        "ai.usage.completionTokens": out,
        "gen_ai.usage.input_tokens": into,
        "gen_ai.usage.output_tokens": out,
        "ai.response.providerMetadata": json.dumps(metadata),
    }


def test_vercels_sdk_tells_parts_of_the_usage_where_its_provider_puts_them():
    told: list[tuple[str, str, dict[str, Any], tuple[int | None, ...]]] = [
        (
            "deepseek.chat",
            "deepseek-chat",
            {"deepseek": {"promptCacheHitTokens": 900, "promptCacheMissTokens": 100, "choiceIndex": 0}},
            (900, None, 400, None),
        ),
        (
            "openrouter",
            "openai/gpt-4o",
            {
                "openrouter": {
                    "provider": "OpenAI",
                    "usage": {
                        "promptTokens": 1000,
                        "completionTokens": 400,
                        "totalTokens": 1400,
                        "cost": 0.0017,
                        "promptTokensDetails": {"cachedTokens": 800},
                        "completionTokensDetails": {"reasoningTokens": 20},
                    },
                }
            },
            (800, None, 400, 20),
        ),
        (
            "openai.responses",
            "gpt-5.6",
            {"openai": {"responseId": "resp_1", "usage": {"cacheWriteTokens": 100}}},
            (None, 100, 400, None),
        ),
        (
            "fireworks.chat",
            "accounts/fireworks/models/deepseek-v3",
            {"fireworks": {"reasoningTokens": 30, "cachedPromptTokens": 800}},
            (800, None, 400, 30),
        ),
        ("xai.chat", "grok-4", {"xai": {"reasoningTokens": 300, "cachedPromptTokens": 800}}, (800, None, 700, 300)),
    ]

    rows = bill_of({provider: _sent(_vercel(provider, model, own), "ai") for provider, model, own, _ in told}, ENGINE)

    kinds = ("input", "cached_input", "cache_write", "output", "reasoning")
    assert {provider: tuple(row[f"{kind}_tokens"] for kind in kinds) for provider, row in rows.items()} == {
        provider: (1000, *counts) for provider, _, _, counts in told
    }


def test_vercels_sdk_passes_on_what_a_router_says_it_costs():
    told: list[tuple[str, dict[str, Any], str]] = [
        ("openrouter", {"openrouter": {"usage": {"cost": 0.0017}}}, "0.0017"),
        ("gateway", {"gateway": {"routing": {"finalProvider": "openai"}, "cost": "0.00123"}}, "0.00123"),
        ("perplexity", {"perplexity": {"cost": {"totalCost": 0.0162, "currency": "USD"}}}, "0.0162"),
    ]

    rows = bill_of({provider: _sent(_vercel(provider, "m", own), "ai") for provider, own, _ in told}, ENGINE)

    assert {provider: row["reported_cost_usd"] for provider, row in rows.items()} == {
        provider: Decimal(usd) for provider, _, usd in told
    }


def test_vercels_sdk_tells_what_perplexity_searched_and_cited():
    usage = {"citationTokens": 2000, "numSearchQueries": 7}

    row = _bill(_vercel("perplexity", _DEEP, {"perplexity": {"usage": usage}}), "ai")

    assert (row["output_tokens"], dict(row["units"])) == (2400, {"searches": 7, "citation_output_tokens": 2000})


def test_vercels_sdk_adds_the_reasoning_of_perplexity_where_it_tells_it():
    usage = {"perplexity": {"usage": {"citationTokens": 2000, "numSearchQueries": 7}}}
    told = {"ai.usage.reasoningTokens": 5000, "ai.usage.inputTokenDetails.noCacheTokens": 1000}

    row = _bill(_vercel("perplexity", _DEEP, usage, out=5400) | told, "ai")

    assert (row["output_tokens"], row["cost_usd"]) == (7400, _deep_research())


_O3 = {"openinference.span.kind": "LLM", "llm.provider": "openai", "llm.model_name": "o3"}
_COUNTED = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 400}
_OPENINFERENCE = "openinference.instrumentation.openai"
_LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "o3",
    "langfuse.observation.metadata.ls_provider": "openai",
    "langfuse.observation.usage_details": json.dumps({"prompt_tokens": 1000, "completion_tokens": 400}),
}
ASKED = "llm.invocation_parameters"
ANSWERED = "output.value"
FLEX = json.dumps({"model": "o3", "service_tier": "flex"})


def test_the_tier_that_answered_is_priced_and_else_the_one_that_was_asked():
    told: list[tuple[dict[str, Any], str, str]] = [
        (_O3 | _COUNTED | {ASKED: FLEX}, _OPENINFERENCE, "flex"),
        (_O3 | _COUNTED | {ANSWERED: FLEX}, _OPENINFERENCE, "flex"),
        (_O3 | _COUNTED | {ASKED: FLEX, ANSWERED: FLEX.replace("flex", "default")}, _OPENINFERENCE, "default"),
        (_O3 | _COUNTED | {ASKED: FLEX.replace("flex", "auto"), ANSWERED: FLEX}, _OPENINFERENCE, "flex"),
        (_O3 | _COUNTED | {ASKED: FLEX.replace("flex", "auto")}, _OPENINFERENCE, "auto"),
        (_chat("openai", "o3", 1000, 400, request_data=FLEX), "logfire.openai", "flex"),
        (_LANGFUSE | {"langfuse.observation.model.parameters": FLEX}, "langfuse-sdk", "flex"),
        (_vercel("openai.responses", "o3", {"openai": {"serviceTier": "flex"}}), "ai", "flex"),
        (_vercel("azure.responses", "o3", {"azure": {"serviceTier": "flex"}}), "ai", "flex"),
    ]

    rows = bill_of({number: _sent(given, scope) for number, (given, scope, _) in enumerate(told)}, ENGINE)

    assert {number: row["service_tier"] for number, row in rows.items()} == {
        number: tier for number, (_, _, tier) in enumerate(told)
    }
    usual = _price("o3", "openai", input_tokens=1000, output_tokens=400)
    prices = {number: row["cost_usd"] for number, row in rows.items() if row["provider"] == "openai"}
    assert prices == {number: usual / 2 if told[number][2] == "flex" else usual for number in prices}
    assert len(prices) == len(told) - 1  # all but Azure


_CLAUDE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "anthropic",
    "llm.model_name": "claude-opus-4-8",
    **_COUNTED,
}
_CLAUDE_ELSEWHERE = dict.fromkeys(("gen_ai.request.model", "gen_ai.response.model"), "claude-opus-4-8")
_CLAUDE_ELSEWHERE |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 400}


def _usage_of_claude(speed: str) -> dict[str, Any]:
    return {"usage": {"input_tokens": 1000, "output_tokens": 400, "service_tier": "standard", "speed": speed}}


def test_anthropics_fast_mode_is_a_tier_of_its_own():
    fast, slow = (json.dumps(_usage_of_claude(speed)) for speed in ("fast", "standard"))
    asked = json.dumps({"speed": "fast"})
    raw = {"gen_ai.provider.name": "anthropic", "gen_ai.operation.name": "chat", **_CLAUDE_ELSEWHERE}
    told: list[tuple[dict[str, Any], str, str]] = [
        (_CLAUDE | {ANSWERED: fast}, _OPENINFERENCE, "fast"),
        (_CLAUDE | {ANSWERED: slow}, _OPENINFERENCE, "standard"),
        (_CLAUDE | {ASKED: asked, ANSWERED: slow}, _OPENINFERENCE, "standard"),
        (_CLAUDE | {ASKED: asked}, _OPENINFERENCE, "fast"),
        (_CLAUDE | {ASKED: json.dumps({"speed": 1.25})}, _OPENINFERENCE, ""),
        (raw | {"response_data": fast}, "logfire.anthropic", "fast"),
        (raw | {"gen_ai.usage.raw": json.dumps(_usage_of_claude("fast")["usage"])}, "logfire.anthropic", "fast"),
        (_vercel("anthropic.messages", "claude-opus-4-8", {"anthropic": _usage_of_claude("fast")}), "ai", "fast"),
    ]

    rows = bill_of({number: _sent(given, scope) for number, (given, scope, _) in enumerate(told)}, ENGINE)

    assert [row["service_tier"] or "" for row in rows.values()] == [tier for _, _, tier in told]
    usual = _price("claude-opus-4-8", "anthropic", input_tokens=1000, output_tokens=400)
    assert [row["cost_usd"] / usual for row in rows.values()] == [2 if tier == "fast" else 1 for _, _, tier in told]


@pytest.mark.parametrize(
    ("usage", "tier", "cost"),
    [
        ({"traffic_type": "ON_DEMAND"}, "on_demand", "0.0014"),
        ({"traffic_type": "ON_DEMAND_FLEX"}, "flex", "0.0007"),
        ({"traffic_type": "ON_DEMAND_PRIORITY"}, "priority", "0.00252"),
        ({"service_tier": "flex"}, "flex", "0.0007"),
        ({"traffic_type": "PROVISIONED_THROUGHPUT"}, "provisioned_throughput", None),
    ],
)
def test_googles_kind_of_traffic_is_the_tier(usage: dict[str, str], tier: str, cost: str | None):
    model = "gemini-3.8-flash-tts"
    counted = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 100}
    asked = {"openinference.span.kind": "LLM", "llm.provider": "google", "llm.model_name": model, **counted}
    written = asked | {ANSWERED: json.dumps({"usage_metadata": usage})}
    camel = {"traffic_type": "trafficType", "service_tier": "serviceTier"}
    vercel = {"google": {"usageMetadata": {camel[name]: word for name, word in usage.items()}}}

    rows = bill_of(
        {
            "openinference": _sent(written, "openinference.instrumentation.google_genai"),
            "vercel": _sent(_vercel("google.generative-ai", model, vercel), "ai"),
        },
        ENGINE,
    )

    assert {row["service_tier"] for row in rows.values()} == {tier}
    assert rows["openinference"]["cost_usd"] == (None if cost is None else Decimal(cost))
    assert rows["openinference"]["price_status"] == ("priced" if cost else "unpriced_model")


_AUDIO = {
    "gen_ai.usage.details.text_prompt_tokens": 700,
    "gen_ai.usage.details.audio_prompt_tokens": 400,
    "gen_ai.usage.cache_read.input_tokens": 600,
}


def test_what_a_cache_gave_and_is_no_text_is_the_only_other_kind_there():
    expected = [
        ({"gen_ai.usage.details.text_cache_tokens": 600}, 0),
        ({"gen_ai.usage.details.text_cache_tokens": 400}, 200),
        ({"gen_ai.usage.details.text_cache_tokens": 400, "gen_ai.usage.details.audio_cache_tokens": 200}, 200),
        ({"gen_ai.usage.text.cache_read.input_tokens": 600}, 0),
    ]
    given = _chat("google-gla", "gemini-2.5-flash", 1100, 400) | _AUDIO

    rows = bill_of({str(told): _sent(given | told, "pydantic-ai", "2.68.0") for told, _ in expected}, ENGINE)

    usage = {"input_tokens": 1100, "input_audio_tokens": 400, "cache_read_tokens": 600, "output_tokens": 400}
    assert {case: (dict(row["units"]), row["cost_usd"]) for case, row in rows.items()} == {
        str(told): (
            {"audio_cached_input_tokens": sound},
            _price("gemini-2.5-flash", "google", cache_audio_read_tokens=sound, **usage),
        )
        for told, sound in expected
    }


def test_more_than_one_kind_beside_text_leaves_open_what_was_cached():
    given = _chat("google-gla", "gemini-2.5-flash", 1100, 400) | _AUDIO
    given |= {"gen_ai.usage.details.image_prompt_tokens": 100}
    texts = {text: given | {"gen_ai.usage.details.text_cache_tokens": text} for text in (0, 100)}

    rows = bill_of({text: _sent(told, "pydantic-ai", "2.68.0") for text, told in texts.items()}, ENGINE)

    assert {text: (row["cost_usd"], row["usage_semantics"]) for text, row in rows.items()} == dict.fromkeys(
        texts, (None, "inclusive+cached_kind_untold")
    )
