"""How servers that speak OpenAI's API count, as each library passes it on.

xAI's chat API leaves reasoning out of ``completion_tokens`` and its responses API has it in ``output_tokens``; who
adds it up is read in the libraries: newer versions of LiteLLM do, Pydantic AI does since 2.22 (genai-prices 0.1),
others tell the total. All cases of it are of one answer: 1,000 tokens of prompt, 200 of them cached, 400 of text, 300
of reasoning.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.otlp import message, request, span

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


def _bill(given: dict[str, Any], scope: str, version: str = "") -> dict[str, Any]:
    (row,) = [
        row
        for row in process_range([message(request(span(given), scope=scope, version=version))], ENGINE)
        .tables["spans"]
        .to_pylist()
        if row["billable"]
    ]
    return row


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


@pytest.mark.parametrize("teller", XAI_CHATS)
def test_a_chat_of_xai_is_billed_with_its_reasoning_whoever_tells(teller: str):
    row = _bill(*XAI_CHATS[teller])

    want = calc_price(
        Usage(input_tokens=1000, cache_read_tokens=200, output_tokens=700), "grok-4", provider_id="x-ai"
    ).total_price
    counts = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
    assert tuple(row[name] for name in counts) == (1000, 200, 700, 300)
    assert row["cost_usd"] == want.quantize(Decimal("1e-12"))


@pytest.mark.parametrize("scope", [CONTRIB, "opentelemetry.instrumentation.openai_v2"])
def test_a_response_of_xai_has_its_reasoning_already(scope: str):
    row = _bill(CONTRIBS | {"openai.api.type": "responses"}, scope, "1.3b0")

    assert (row["output_tokens"], row["reasoning_tokens"]) == (400, 300)


def test_logfire_tells_in_the_total_what_gemini_thought_over_openais_api():
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1500}
    row = _bill(
        _chat("google", "gemini-2.5-flash", 1000, 100, gen_ai__usage__raw=json.dumps(usage)), "logfire.openai", "5.2.0"
    )

    assert (row["output_tokens"], row["usage_semantics"]) == (500, "inclusive+thoughts_of_total")
