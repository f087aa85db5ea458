"""Every count that a provider's usage object can hold is read wherever that object can stand.

What the members mean is told by the extractors of genai-prices, which know each provider's responses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from processors.conventions.table import load_table
from processors.decode import decode
from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.otlp import START_NS, message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
WHEN = datetime.fromtimestamp(START_NS / 1e9, UTC)
FIELDS = {
    "cache_read_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_5m_tokens": "cache_write_5m_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "audio_input_tokens",
    "output_audio_tokens": "audio_output_tokens",
    "input_image_tokens": "image_input_tokens",
    "output_image_tokens": "image_output_tokens",
    "input_video_tokens": "video_input_tokens",
    "output_video_tokens": "video_output_tokens",
    "cache_audio_read_tokens": "audio_cached_input_tokens",
    "cache_image_read_tokens": "image_cached_input_tokens",
    "cache_video_read_tokens": "video_cached_input_tokens",
    "input_tool_tokens": "tool_use_input_tokens",
    "web_searches": "searches",
}
"""What genai-prices calls a part -> the field that holds it."""
OBJECTS = {
    "openai": [("openai", flavor) for flavor in ("chat", "responses", "realtime", "images")],
    "anthropic": [("anthropic", "default")],
    "google": [("google", "default")],
    "aws": [("aws", "default")],
}
PLACES = [
    ("gen_ai.usage.raw", "", ("openai", "anthropic")),
    ("response_data", "usage", ("openai", "anthropic")),
    ("usage", "", ("openai", "anthropic")),
    ("metadata.usage_object", "", ("openai", "anthropic")),
    ("metadata.usage_object", "usage_object", ("openai", "anthropic")),
    ("metadata", "usage_object", ("openai", "anthropic")),
    ("hidden_params", "usage_object", ("openai", "anthropic")),
    ("langfuse.observation.usage_details", "", ("openai", "anthropic", "google", "aws")),
    ("ai.response.providerMetadata", "google.usageMetadata", ("google",)),
    ("ai.response.providerMetadata", "vertex.usageMetadata", ("google",)),
    ("ai.response.providerMetadata", "anthropic.usage", ("anthropic",)),
    ("ai.response.providerMetadata", "bedrock.usage", ("aws",)),
    ("llm.gemini.usageMetadata", "", ("google",)),
    ("llm.vertex_ai.usageMetadata", "", ("google",)),
    ("llm.bedrock.usage", "", ("aws", "anthropic")),
    ("llm.anthropic.usage", "", ("anthropic",)),
    ("llm.vertex_ai.usage", "", ("anthropic",)),
    *[(f"llm.{name}.usage", "", ("openai",)) for name in ("openai", "azure", "mistral", "groq", "deepseek", "xai")],
]
"""Attribute, path to the object in it, and whose objects stand there."""


def _members() -> Iterator[tuple[str, tuple[Any, ...], str]]:
    """Provider, path and field of each part of its usage objects; an item of a list is ``(kind, word)`` in the path."""
    providers = {provider.id: provider for provider in get_snapshot().providers}
    for name, flavors in OBJECTS.items():
        seen = set()
        for provider, flavor in flavors:
            for extractor in providers[provider].extractors or []:
                for mapping in extractor.mappings if extractor.api_flavor == flavor else ():
                    steps = mapping.path if isinstance(mapping.path, list) else [mapping.path]
                    path = tuple(s if isinstance(s, str) else (s.field, s.match.equals) for s in steps)
                    if mapping.dest in FIELDS and path not in seen:
                        seen.add(path)
                        yield name, path, FIELDS[mapping.dest]


MEMBERS = list(_members())


def _object(path: tuple[Any, ...], count: int) -> Any:
    for step in reversed(path):
        count = [{step[0]: step[1]} | count] if isinstance(step, tuple) else {step: count}  # type: ignore[operator,assignment]
    return count


def _snake(value: Any) -> Any:
    """As Google's SDK for Python names it."""
    if isinstance(value, dict):
        return {"".join("_" + c.lower() if c.isupper() else c for c in k): _snake(v) for k, v in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value


def _read(key: str, value: str, field: str) -> Any:
    decoded = decode([message(request(span({key: value})))], load_table())
    return decoded.spans[field].to_pylist()[0]


@pytest.mark.parametrize(("key", "at", "objects"), PLACES)
def test_every_part_of_a_usage_object_is_read_where_it_stands(key: str, at: str, objects: tuple[str, ...]):
    unread = []
    for name, path, field in MEMBERS:
        if name not in objects:
            continue
        usage = _object(path, 7)
        spelled = [usage, _snake(usage)] if name == "google" and at == "" else [usage]
        for one in spelled:
            placed = _object(tuple(at.split(".")), one) if at else one
            unread += [text for text in (json.dumps(placed), repr(placed)) if _read(key, text, field) != 7]

    assert unread == []


def test_the_members_that_are_looked_for_are_many():
    found = {field for _, _, field in MEMBERS}

    assert len(MEMBERS) > 40
    assert found == set(FIELDS.values())


def _details(**counts: int) -> dict[str, int]:
    return {f"gen_ai.usage.details.{name}": count for name, count in counts.items()}


def _otel(model: str, provider: str, counted: int, answered: int) -> dict[str, Any]:
    sums = {"gen_ai.usage.input_tokens": counted, "gen_ai.usage.output_tokens": answered}
    return {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model} | sums


def _rows(*spans: Any, scope: str = "", version: str = "") -> list[dict[str, Any]]:
    rows = process_range([message(request(*spans, scope=scope, version=version))], ENGINE).tables["spans"].to_pylist()
    return [row for row in rows if row["billable"]]


def _price(model: str, provider: str, **usage: int) -> Decimal:
    priced = calc_price(Usage(**usage), model, provider_id=provider, genai_request_timestamp=WHEN)
    return priced.total_price.quantize(Decimal("1e-12"))


@pytest.mark.parametrize("version", ["0.0.55", "0.4.0", "0.7.6", "1.9.0", "2.68.0"])
@pytest.mark.parametrize(
    ("given", "want"),
    [
        (
            _otel("gpt-4o", "openai", 1200, 345)
            | _details(cached_tokens=1024, reasoning_tokens=128, audio_tokens=0, accepted_prediction_tokens=0),
            Decimal("0.00517"),
        ),
        (
            _otel("claude-sonnet-4-5", "anthropic", 1200, 345)
            | _details(cache_read_input_tokens=924, cache_creation_input_tokens=100, input_tokens=176),
            Decimal("0.0063552"),
        ),
        (
            _otel("claude-sonnet-4-5", "anthropic", 176, 345)
            | _details(cache_read_input_tokens=924, cache_creation_input_tokens=100, input_tokens=176),
            Decimal("0.0063552"),
        ),
        (
            _otel("gemini-2.5-flash-image", "google-gla", 1000, 1390)
            | _details(image_candidates_tokens=1290, text_candidates_tokens=100, text_prompt_tokens=1000),
            Decimal("0.03925"),
        ),
        (
            _otel("gemini-2.5-flash", "google-gla", 1000, 100)
            | _details(audio_prompt_tokens=900, text_prompt_tokens=100),
            _price("gemini-2.5-flash", "google", input_tokens=1000, input_audio_tokens=900, output_tokens=100),
        ),
        (
            _otel("gemini-2.5-flash", "google-gla", 1000, 100) | _details(cached_content_tokens=400),
            _price("gemini-2.5-flash", "google", input_tokens=1000, cache_read_tokens=400, output_tokens=100),
        ),
        (
            _otel("gemini-live-2.5-flash", "google-vertex", 1000, 100) | _details(video_prompt_tokens=800),
            _price("gemini-live-2.5-flash", "google", input_tokens=1000, input_video_tokens=800, output_tokens=100),
        ),
        (
            _otel("gpt-image-1", "openai", 1000, 4000) | _details(input_image_tokens=900, input_text_tokens=100),
            _price("gpt-image-1", "openai", input_tokens=1000, input_image_tokens=900, output_tokens=4000),
        ),
        (
            _otel("claude-sonnet-4-5", "anthropic", 1200, 345)
            | _details(cache_creation_input_tokens=100, ephemeral_1h_input_tokens=60, thinking_tokens=30),
            _price(
                "claude-sonnet-4-5",
                "anthropic",
                input_tokens=1200,
                cache_write_tokens=100,
                cache_write_1h_tokens=60,
                output_tokens=345,
            ),
        ),
        (
            _otel("claude-sonnet-4-5", "anthropic", 1200, 345) | _details(web_search_requests=3),
            _price("claude-sonnet-4-5", "anthropic", input_tokens=1200, output_tokens=345, web_searches=3),
        ),
    ],
)
def test_details_of_every_version_of_pydantic_ai_are_priced(given: dict[str, Any], want: Decimal, version: str):
    (row,) = _rows(span(given), scope="pydantic-ai", version=version)

    assert row["cost_usd"] == want


@pytest.mark.parametrize(
    ("version", "tokens"),
    [("0.7.2", (1050, 500)), ("0.7.6", (1050, 200)), ("1.19.0", (1050, 200)), ("1.20.0", (1000, 200))],
)
def test_what_geminis_tools_gave_and_thoughts_are_added_where_pydantic_ai_left_them_out(
    version: str, tokens: tuple[int, int]
):
    given = _otel("gemini-2.5-pro", "google-gla", 1000, 200) | _details(tool_use_prompt_tokens=50, thoughts_tokens=300)
    if version > "0.7.3":
        given |= _details(thoughts_tokens=100)

    (row,) = _rows(span(given), scope="pydantic-ai", version=version)

    assert (row["input_tokens"], row["output_tokens"]) == tokens


@pytest.mark.parametrize("write", [json.dumps, repr])
@pytest.mark.parametrize(
    ("place", "made", "usage", "want"),
    [
        (
            ("metadata.usage_object", "litellm"),
            ("gemini-2.5-flash-image", "google"),
            {
                "completion_tokens": 1390,
                "prompt_tokens": 1000,
                "completion_tokens_details": {"text_tokens": 100, "image_tokens": 1290, "video_tokens": None},
            },
            {"input_tokens": 1000, "output_tokens": 1390, "output_image_tokens": 1290},
        ),
        (
            ("metadata.usage_object", "litellm"),
            ("gpt-4o-mini-realtime-preview", "openai"),
            {
                "completion_tokens": 400,
                "prompt_tokens": 1000,
                "completion_tokens_details": {"audio_tokens": 300},
                "prompt_tokens_details": {
                    "audio_tokens": 900,
                    "cached_tokens": 500,
                    "cached_tokens_details": {"audio_tokens": 450, "text_tokens": 50},
                },
            },
            {
                "input_tokens": 1000,
                "input_audio_tokens": 900,
                "cache_read_tokens": 500,
                "cache_audio_read_tokens": 450,
                "output_tokens": 400,
                "output_audio_tokens": 300,
            },
        ),
        (
            ("metadata.usage_object", "litellm"),
            ("claude-sonnet-4-5", "anthropic"),
            {"completion_tokens": 345, "prompt_tokens": 1200, "server_tool_use": {"web_search_requests": 3}},
            {"input_tokens": 1200, "output_tokens": 345, "web_searches": 3},
        ),
        (
            ("langfuse.observation.usage_details", "langfuse-sdk"),
            ("claude-sonnet-4-5", "anthropic"),
            {
                "prompt_tokens": 1200,
                "completion_tokens": 345,
                "prompt_tokens_details": {"cached_tokens": 924, "cache_write_tokens": 100},
            },
            {"input_tokens": 1200, "output_tokens": 345, "cache_read_tokens": 924, "cache_write_tokens": 100},
        ),
        (
            ("gen_ai.usage.raw", "logfire.openai"),
            ("gpt-image-1", "openai"),
            {"input_tokens": 1000, "output_tokens": 4000, "input_tokens_details": {"image_tokens": 900}},
            {"input_tokens": 1000, "output_tokens": 4000, "input_image_tokens": 900},
        ),
    ],
)
def test_parts_in_a_providers_own_words_are_priced(
    place: tuple[str, str], made: tuple[str, str], usage: dict[str, Any], want: dict[str, int], write: Any
):
    (key, scope), (model, provider) = place, made
    system = {"google": "gemini"}.get(provider, provider)
    given = _otel(model, system, want["input_tokens"], want["output_tokens"]) | {key: write(usage)}

    (row,) = _rows(span(given), scope=scope)

    assert row["cost_usd"] == _price(model, provider, **want)


@pytest.mark.parametrize("name", ["google", "vertex"])
def test_vercels_sdk_over_gemini_tells_modalities_in_lists(name: str):
    usage = {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 100,
        "totalTokenCount": 1100,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 900}],
    }
    own = {"ai.response.providerMetadata": json.dumps({name: {"usageMetadata": usage}})}

    (row,) = _rows(span(_otel("gemini-2.5-flash", "google.generative-ai", 1000, 100) | own), scope="ai")

    want = _price("gemini-2.5-flash", "google", input_tokens=1000, output_tokens=100, input_audio_tokens=900)
    assert (row["audio_input_tokens"], row["cost_usd"]) == (900, want)


def test_tokens_of_video_stand_among_the_units_and_have_their_price():
    counts = {"gen_ai.usage.video.input_tokens": 800, "gen_ai.usage.video.output_tokens": 0}

    (row,) = _rows(span(_otel("gemini-live-2.5-flash", "gcp.vertex_ai", 1000, 100) | counts))

    assert dict(row["units"]) == {"video_input_tokens": 800}
    want = _price("gemini-live-2.5-flash", "google", input_tokens=1000, output_tokens=100, input_video_tokens=800)
    assert row["cost_usd"] == want


LITELLM = {
    "prompt_tokens": 1200,
    "completion_tokens": 345,
    "total_tokens": 1545,
    "prompt_tokens_details": {"cached_tokens": 1024},
}


@pytest.mark.parametrize("write", [json.dumps, repr])
@pytest.mark.parametrize(
    ("key", "wrap"),
    [
        ("metadata.usage_object", lambda usage: usage),
        ("metadata", lambda usage: {"usage_object": usage}),
        ("gen_ai.usage.raw", lambda usage: usage),
        ("response_data", lambda usage: {"message": {}, "usage": usage}),
        ("langfuse.observation.usage_details", lambda usage: usage),
    ],
)
def test_a_usage_object_that_was_cut_off_is_flagged(key: str, wrap: Any, write: Any):
    text = write(wrap(LITELLM))
    sums = _otel("gpt-4o", "openai", 1200, 345)
    whole, cut, alone = _rows(
        *(
            span(given, span_id=bytes([n] * 8), trace_id=bytes([n] * 16))
            for n, given in enumerate(
                [
                    sums | {key: text},
                    sums | {key: text[: len(text) - 20]},
                    {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", key: text[: len(text) - 20]},
                ],
                start=1,
            )
        )
    )

    assert (whole["cached_input_tokens"], whole["usage_semantics"]) == (1024, "inclusive")
    assert (cut["input_tokens"], cut["usage_semantics"]) == (1200, "inclusive+usage_cut")
    assert (alone["cost_usd"], alone["usage_semantics"]) == (None, "refused+usage_cut")


def test_what_another_attribute_tells_is_not_missing_where_a_usage_object_was_cut_off():
    told = {"gen_ai.usage.cache_read.input_tokens": 1024, "gen_ai.usage.raw": json.dumps(LITELLM)[:30]}

    (row,) = _rows(span(_otel("gpt-4o", "openai", 1200, 345) | told))

    assert row["usage_semantics"] == "inclusive"


@pytest.mark.parametrize("value", ["", "hello", "{}", "None", '{"a": 1}', "x" * 100])
def test_what_is_no_usage_object_or_ends_is_not_flagged(value: str):
    (row,) = _rows(span(_otel("gpt-4o", "openai", 1200, 345) | {"metadata": value, "gen_ai.usage.raw": value}))

    assert row["usage_semantics"] == "inclusive"


USAGE_METADATA = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 1390,
    "totalTokenCount": 2390,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "TEXT", "tokenCount": 100}],
}


@pytest.mark.parametrize("write", [json.dumps, repr])
@pytest.mark.parametrize(("own", "images"), [({}, 1290), ({"gen_ai.usage.image.output_tokens": 1200}, 1200)])
def test_a_call_takes_modalities_from_its_copy_on_the_wire(own: dict[str, int], images: int, write: Any):
    outer = span(_otel("gemini-2.5-flash-image", "gemini", 1000, 1390) | own, name="litellm_request", span_id=b"o" * 8)
    copy = {"llm.gemini.usageMetadata": write(USAGE_METADATA)}
    inner = span(copy, name="raw_gen_ai_request", span_id=b"i" * 8, parent_span_id=b"o" * 8)

    for order in ((outer, inner), (inner, outer)):
        (row,) = _rows(*order, scope="litellm")

        assert dict(row["units"]) == {"image_output_tokens": images}
        want = {"input_tokens": 1000, "output_tokens": 1390, "output_image_tokens": images}
        assert row["cost_usd"] == _price("gemini-2.5-flash-image", "google", **want)


@pytest.mark.parametrize(("both", "status"), [({}, "usage_missing"), ({"audio_tokens": 450}, "priced")])
def test_a_cost_that_is_unknown_for_want_of_what_was_cached_sound_names_its_rule(both: dict[str, int], status: str):
    details = {"audio_tokens": 900, "cached_tokens": 500, "cached_tokens_details": both}
    usage = {"prompt_tokens": 1000, "completion_tokens": 400, "prompt_tokens_details": details}
    given = _otel("gpt-4o-mini-realtime-preview", "openai", 1000, 400) | {"metadata.usage_object": repr(usage)}

    (row,) = _rows(span(given), scope="litellm")

    assert row["price_status"] == status
    assert ("cached_kind_untold" in row["usage_semantics"]) == (status != "priced")
