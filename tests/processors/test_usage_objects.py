"""Every count that a provider's usage object can hold is read wherever that object can stand.

What the members mean is told by the extractors of genai-prices, which know each provider's responses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import bill_of
from tests.processors.otlp import START_NS, message, request, span

WRITERS: dict[str, Callable[[Any], str]] = {"json": json.dumps, "python": repr}
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


def _placed(name: str, path: tuple[Any, ...], at: str) -> Iterator[str]:
    """A usage object of which this member is 7, as it may be written at its place."""
    usage = _object(path, 7)
    for one in [usage, _snake(usage)] if name == "google" and at == "" else [usage]:
        placed = _object(tuple(at.split(".")), one) if at else one
        yield from (write(placed) for write in WRITERS.values())


def test_every_part_of_a_usage_object_is_read_where_it_stands():
    written = [
        (key, text, field)
        for key, at, objects in PLACES
        for name, path, field in MEMBERS
        if name in objects
        for text in _placed(name, path, at)
    ]

    decoded = decode([message(request(*(span({key: text}) for key, text, _ in written)))], load_table())

    read = {field: decoded.spans[field].to_pylist() for field in FIELDS.values()}
    assert [(key, text) for at, (key, text, field) in enumerate(written) if read[field][at] != 7] == []
    assert {key for key, *_ in written} == {key for key, *_ in PLACES}


def test_the_members_that_are_looked_for_are_many():
    found = {field for _, _, field in MEMBERS}

    assert len(MEMBERS) > 40
    assert found == set(FIELDS.values())


def _details(**counts: int) -> dict[str, int]:
    return {f"gen_ai.usage.details.{name}": count for name, count in counts.items()}


def _otel(model: str, provider: str, counted: int, answered: int) -> dict[str, Any]:
    sums = {"gen_ai.usage.input_tokens": counted, "gen_ai.usage.output_tokens": answered}
    return {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model} | sums


def _sent(given: dict[str, Any], scope: str = "", version: str = "") -> ExportTraceServiceRequest:
    return request(span(given), scope=scope, version=version)


def _row(given: dict[str, Any], scope: str = "") -> dict[str, Any]:
    """The billed row of one span with these attributes."""
    return bill_of({"it": _sent(given, scope)}, ENGINE)["it"]


def _price(model: str, provider: str, **usage: int) -> Decimal:
    priced = calc_price(Usage(**usage), model, provider_id=provider, genai_request_timestamp=WHEN)
    return priced.total_price.quantize(Decimal("1e-12"))


def test_details_of_every_version_of_pydantic_ai_are_priced():
    details = [
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
    ]
    versions = ("0.0.55", "0.4.0", "0.7.6", "1.9.0", "2.68.0")
    cases = {
        (f"{number}: {given['gen_ai.request.model']}", version): (_sent(given, "pydantic-ai", version), want)
        for number, (given, want) in enumerate(details)
        for version in versions
    }

    rows = bill_of({case: sent for case, (sent, _) in cases.items()}, ENGINE)

    assert {case: row["cost_usd"] for case, row in rows.items()} == {case: want for case, (_, want) in cases.items()}


def test_what_geminis_tools_gave_and_thoughts_are_added_where_pydantic_ai_left_them_out():
    given = _otel("gemini-2.5-pro", "google-gla", 1000, 200) | _details(tool_use_prompt_tokens=50, thoughts_tokens=300)
    fewer = given | _details(thoughts_tokens=100)
    expected = {
        "0.7.2": (given, (1050, 500)),
        "0.7.6": (fewer, (1050, 200)),
        "1.19.0": (fewer, (1050, 200)),
        "1.20.0": (fewer, (1000, 200)),
    }

    rows = bill_of({version: _sent(given, "pydantic-ai", version) for version, (given, _) in expected.items()}, ENGINE)

    assert {version: (row["input_tokens"], row["output_tokens"]) for version, row in rows.items()} == {
        version: tokens for version, (_, tokens) in expected.items()
    }


def test_parts_in_a_providers_own_words_are_priced():
    told: list[tuple[tuple[str, str], tuple[str, str], dict[str, Any], dict[str, int]]] = [
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
    ]
    cases, wanted = {}, {}
    for (key, scope), (model, provider), usage, want in told:
        given = _otel(model, {"google": "gemini"}.get(provider, provider), want["input_tokens"], want["output_tokens"])
        for name, write in WRITERS.items():
            cases[key, model, name] = _sent(given | {key: write(usage)}, scope)
            wanted[key, model, name] = _price(model, provider, **want)

    rows = bill_of(cases, ENGINE)

    assert {case: row["cost_usd"] for case, row in rows.items()} == wanted
    assert len(wanted) == 2 * len(told)


def test_vercels_sdk_over_gemini_tells_modalities_in_lists():
    usage = {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 100,
        "totalTokenCount": 1100,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 900}],
    }
    given = _otel("gemini-2.5-flash", "google.generative-ai", 1000, 100)
    cases = {
        name: _sent(given | {"ai.response.providerMetadata": json.dumps({name: {"usageMetadata": usage}})}, "ai")
        for name in ("google", "vertex")
    }

    rows = bill_of(cases, ENGINE)

    want = _price("gemini-2.5-flash", "google", input_tokens=1000, output_tokens=100, input_audio_tokens=900)
    assert {name: (row["audio_input_tokens"], row["cost_usd"]) for name, row in rows.items()} == {
        "google": (900, want),
        "vertex": (900, want),
    }


def test_tokens_of_video_stand_among_the_units_and_have_their_price():
    counts = {"gen_ai.usage.video.input_tokens": 800, "gen_ai.usage.video.output_tokens": 0}

    row = _row(_otel("gemini-live-2.5-flash", "gcp.vertex_ai", 1000, 100) | counts)

    assert dict(row["units"]) == {"video_input_tokens": 800}
    want = _price("gemini-live-2.5-flash", "google", input_tokens=1000, output_tokens=100, input_video_tokens=800)
    assert row["cost_usd"] == want


LITELLM = {
    "prompt_tokens": 1200,
    "completion_tokens": 345,
    "total_tokens": 1545,
    "prompt_tokens_details": {"cached_tokens": 1024},
}


def test_a_usage_object_that_was_cut_off_is_flagged():
    places = {
        "metadata.usage_object": LITELLM,
        "metadata": {"usage_object": LITELLM},
        "gen_ai.usage.raw": LITELLM,
        "response_data": {"message": {}, "usage": LITELLM},
        "langfuse.observation.usage_details": LITELLM,
    }
    sums = _otel("gpt-4o", "openai", 1200, 345)
    bare = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    cases = {}
    for key, told in places.items():
        for name, write in WRITERS.items():
            whole = write(told)
            cases[key, name, "whole"] = _sent(sums | {key: whole})
            cases[key, name, "cut"] = _sent(sums | {key: whole[:-20]})
            cases[key, name, "alone"] = _sent(bare | {key: whole[:-20]})

    rows = bill_of(cases, ENGINE)

    looked_at = {"whole": "cached_input_tokens", "cut": "input_tokens", "alone": "cost_usd"}
    expected = {
        "whole": (1024, "inclusive"),
        "cut": (1200, "inclusive+usage_cut"),
        "alone": (None, "refused+usage_cut"),
    }
    assert {case: (row[looked_at[case[2]]], row["usage_semantics"]) for case, row in rows.items()} == {
        case: expected[case[2]] for case in cases
    }


def test_what_another_attribute_tells_is_not_missing_where_a_usage_object_was_cut_off():
    told = {"gen_ai.usage.cache_read.input_tokens": 1024, "gen_ai.usage.raw": json.dumps(LITELLM)[:30]}

    row = _row(_otel("gpt-4o", "openai", 1200, 345) | told)

    assert row["usage_semantics"] == "inclusive"


def test_what_is_no_usage_object_or_ends_is_not_flagged():
    values = ("", "hello", "{}", "None", '{"a": 1}', "x" * 100)
    sums = _otel("gpt-4o", "openai", 1200, 345)

    rows = bill_of({value: _sent(sums | {"metadata": value, "gen_ai.usage.raw": value}) for value in values}, ENGINE)

    assert {value: row["usage_semantics"] for value, row in rows.items()} == dict.fromkeys(values, "inclusive")


SUMS = {"input_tokens": 1000, "output_tokens": 1390}
USAGE_METADATA = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 1390,
    "totalTokenCount": 2390,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "TEXT", "tokenCount": 100}],
}


def test_a_call_takes_modalities_from_its_copy_on_the_wire():
    told = {"nothing of its own": ({}, 1290), "its own": ({"gen_ai.usage.image.output_tokens": 1200}, 1200)}
    cases, wanted = {}, {}
    for name, (own, images) in told.items():
        sums = _otel("gemini-2.5-flash-image", "gemini", 1000, 1390)
        outer = span(sums | own, name="litellm_request", span_id=b"o" * 8)
        price = _price("gemini-2.5-flash-image", "google", **SUMS, output_image_tokens=images)
        for writer, write in WRITERS.items():
            copy = {"llm.gemini.usageMetadata": write(USAGE_METADATA)}
            inner = span(copy, name="raw_gen_ai_request", span_id=b"i" * 8, parent_span_id=b"o" * 8)
            for order, spans in (("outer first", (outer, inner)), ("inner first", (inner, outer))):
                cases[name, writer, order] = request(*spans, scope="litellm")
                wanted[name, writer, order] = ({"image_output_tokens": images}, price)

    rows = bill_of(cases, ENGINE)

    assert {case: (dict(row["units"]), row["cost_usd"]) for case, row in rows.items()} == wanted


def test_a_cost_that_is_unknown_for_want_of_what_was_cached_sound_names_its_rule():
    expected = {"untold": ({}, "usage_missing", True), "told": ({"audio_tokens": 450}, "priced", False)}
    cases = {}
    for name, (both, *_) in expected.items():
        details = {"audio_tokens": 900, "cached_tokens": 500, "cached_tokens_details": both}
        usage = {"prompt_tokens": 1000, "completion_tokens": 400, "prompt_tokens_details": details}
        given = _otel("gpt-4o-mini-realtime-preview", "openai", 1000, 400)
        cases[name] = _sent(given | {"metadata.usage_object": repr(usage)}, "litellm")

    rows = bill_of(cases, ENGINE)

    assert {
        name: (row["price_status"], "cached_kind_untold" in row["usage_semantics"]) for name, row in rows.items()
    } == {name: (status, flagged) for name, (_, status, flagged) in expected.items()}
