"""Real spans of libraries that tell usage in a way of their own (``tests/data/recorded``), and variations of them.

What Google's ADK and Strands write in which version was read in their sources, version by version.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, bill_of
from tests.processors.otlp import request, span
from tests.processors.test_explain import told_of

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
HERE = Path(__file__).parent.parent / "data" / "recorded"
EXPECTED = {row.pop("file"): row for row in csv.DictReader((HERE / "expected.csv").read_text().splitlines())}
COUNTS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens"),
)
Counts = tuple[int | None, ...]


def _sent(given: dict[str, Any], scope: str, version: str = "", name: str = "chat") -> ExportTraceServiceRequest:
    return request(span(given, name=name), scope=scope, version=version)


def _bills(cases: Mapping[Case, ExportTraceServiceRequest]) -> dict[Case, dict[str, Any]]:
    """The billed row of each case."""
    return bill_of(cases, ENGINE)


def _counts(row: dict[str, Any]) -> Counts:
    return tuple(row[name] for name in COUNTS)


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    """The billed row of each recorded call."""
    return bill_of({file: (HERE / file).read_bytes() for file in EXPECTED}, ENGINE)


@pytest.mark.parametrize("file", EXPECTED)
def test_a_recorded_call_is_billed_as_its_provider_counted(file: str, recorded: dict[str, dict[str, Any]]):
    row = recorded[file]

    want = {name: value or None for name, value in EXPECTED[file].items()}
    assert row["cost_usd"] == Decimal(want.pop("cost_usd") or 0)
    assert row["price_status"] == "priced"
    assert {name: row[name] if row[name] is None else str(row[name]) for name in want} == want
    assert "MARKER" not in repr(row)


# ---- Google's ADK

ADK = "gcp.vertex.agent"
TOLD = {
    "prompt_token_count": 1100,
    "cached_content_token_count": 600,
    "candidates_token_count": 100,
    "thoughts_token_count": 300,
    "tool_use_prompt_token_count": 200,
    "total_token_count": 1700,
}
REASONING = "gen_ai.usage.experimental.reasoning_tokens"


def _adk(into: int, out: int, usage: dict[str, Any] | None = None, model: str = "gemini-2.5-flash") -> dict[str, Any]:
    answer = {"content": {"parts": [{"text": "MARKER"}]}, "usage_metadata": usage} if usage else {}
    return {
        "gen_ai.system": ADK,
        "gen_ai.request.model": model,
        "gcp.vertex.agent.llm_response": json.dumps(answer),
        "gen_ai.usage.input_tokens": into,
        "gen_ai.usage.output_tokens": out,
    }


def test_adk_wrote_candidates_as_output_and_the_rest_stands_in_its_answer():
    versions = ("1.10.0", "1.20.0", "1.26.0", "1.27.1", "1.39.1", "2.0.0", "2.2.0")

    rows = _bills({version: _sent(_adk(1100, 100, TOLD), ADK, version, "call_llm") for version in versions})

    assert {version: _counts(row) for version, row in rows.items()} == dict.fromkeys(
        versions, (1300, 600, None, 400, 300)
    )


def test_adk_writes_whole_sums_since_2_3():
    told = {"gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.reasoning.output_tokens": 300}
    usages = {"with an answer": TOLD, "without one": None}
    cases = {
        (version, which): _sent(_adk(1300, 400, usage) | told, ADK, version, "call_llm")
        for version in ("2.3.0", "2.13.0", "3.0.0")
        for which, usage in usages.items()
    }

    rows = _bills(cases)

    assert {case: _counts(row) for case, row in rows.items()} == dict.fromkeys(cases, (1300, 600, None, 400, 300))


def test_adk_without_content_says_what_it_can_and_no_more():
    expected: list[tuple[str, str, dict[str, int], Counts]] = [
        ("1.20.0", "gemini-2.5-pro", {}, (1100, None, None, None, None)),
        ("1.26.0", "gemini-3-pro-preview", {}, (1100, None, None, None, None)),
        ("1.20.0", "gemini-2.0-flash", {}, (1100, None, None, 100, None)),
        ("1.20.0", "gemini-1.5-pro", {}, (1100, None, None, 100, None)),
        ("1.20.0", "openai/gpt-4o", {}, (1100, None, None, 100, None)),
        ("1.20.0", "gemini/gemini-2.5-pro", {}, (1100, None, None, 100, None)),
        ("1.28.0", "gemini-2.5-pro", {REASONING: 300}, (1100, None, None, 400, 300)),
        ("1.28.0", "gemini-2.5-pro", {}, (1100, None, None, 100, None)),
        ("1.28.0", "openai/gpt-5", {REASONING: 60}, (1100, None, None, 100, 60)),
    ]

    rows = _bills(
        {
            (version, model, str(told)): _sent(_adk(1100, 100, model=model) | told, ADK, version, "call_llm")
            for version, model, told, _ in expected
        }
    )

    assert {case: (_counts(row), "output_unsure" in row["usage_semantics"]) for case, row in rows.items()} == {
        (version, model, str(told)): (counts, counts[3] is None) for version, model, told, counts in expected
    }


def test_an_answer_of_adk_that_was_cut_off_leaves_its_output_unknown():
    given = _adk(1100, 100, TOLD)
    given["gcp.vertex.agent.llm_response"] = given["gcp.vertex.agent.llm_response"][:80]

    row = _bills({"it": _sent(given, ADK, "1.20.0", "call_llm")})["it"]

    assert (row["output_tokens"], row["usage_semantics"]) == (None, "inclusive+output_unsure+usage_cut+output_missing")


def test_what_adk_tells_beside_its_own_inner_span_is_billed_once_and_whole():
    inner = {"gen_ai.operation.name": "generate_content", "gen_ai.system": "gemini"}
    inner |= {key: value for key, value in _adk(1100, 100).items() if key.startswith("gen_ai.") and "system" not in key}
    outer = span(_adk(1100, 100, TOLD), name="call_llm")
    child = span(inner, name="generate_content gemini-2.5-flash", span_id=b"\x03" * 8, parent_span_id=b"\x02" * 8)

    rows = _bills({"it": request(outer, child, scope=ADK, version="1.28.0")})

    assert _counts(rows["it"]) == (1300, 600, None, 400, 300)


def test_adk_adds_the_reasoning_twice_where_litellm_asks_and_it_is_taken_out_once():
    expected = [
        ("openai/gpt-5", 460, None, 400),
        ("openai/gpt-5", 460, 1500, 400),
        ("openai/gpt-5", 460, 1560, 460),
        ("anthropic/claude-sonnet-4-5", 460, 1500, 400),
        ("xai/grok-4", 460, None, 460),
        ("gemini-2.5-pro", 460, None, 460),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", 460, None, 460),
        ("openai/gpt-5", 100, None, 100),
    ]
    told = {"gen_ai.usage.reasoning.output_tokens": 60}
    cases = {}
    for model, out, total, _ in expected:
        usage = {"prompt_token_count": 1100, "total_token_count": total} if total else None
        cases[model, out, total] = _sent(_adk(1100, out, usage, model) | told, ADK, "2.8.0", "call_llm")

    rows = _bills(cases)

    names = ("input_tokens", "output_tokens", "reasoning_tokens")
    assert {
        case: (*(row[name] for name in names), "reasoning_counted_twice" in row["usage_semantics"])
        for case, row in rows.items()
    } == {(model, out, total): (1100, counted, 60, counted < out) for model, out, total, counted in expected}


def test_what_openinference_tells_of_adk_stands_on_one_span_with_what_adk_itself_tells():
    expected = {
        ("gemini-2.5-flash", 1100, 100, 100): (1300, 600, None, 400, 300),
        ("gemini-2.5-flash", 1300, 400, 400): (1300, 600, None, 400, 300),
        ("openai/gpt-5", 1100, 600, 600): (1100, 600, None, 600, 300),
        ("openai/gpt-5", 1100, 900, 600): (1100, 600, None, 600, 300),
    }
    cases = {}
    for model, into, out, completion in expected:
        usage = TOLD if model.startswith("gemini") else TOLD | {"tool_use_prompt_token_count": None}
        given = _adk(into, out, usage, model) | {
            "openinference.span.kind": "LLM",
            "llm.model_name": model,
            "llm.token_count.prompt": 1300 if usage is TOLD else 1100,
            "llm.token_count.completion": completion,
            "llm.token_count.completion_details.reasoning": 300,
            "llm.token_count.total": 1700,
        }
        scope = "openinference.instrumentation.google_adk"
        cases[model, into, out, completion] = _sent(given, scope, "1.0.5", "call_llm")

    assert {case: _counts(row) for case, row in _bills(cases).items()} == expected


def test_adk_wrote_claudes_input_without_its_cache_before_2_7():
    given = _adk(1100, 100, model="claude-sonnet-4-5") | {"gen_ai.usage.cache_read.input_tokens": 200}
    expected = {"2.3.0": 1300, "2.6.0": 1300, "2.7.0": 1100}

    rows = _bills({version: _sent(given, ADK, version) for version in expected})

    assert {version: row["input_tokens"] for version, row in rows.items()} == expected


# ---- Strands

OLD = ("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens")
NEW = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens")


def _strands(model: str, total: int, keys: tuple[str, ...], into: int = 2000) -> dict[str, Any]:
    return {
        "gen_ai.system": "strands-agents",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.prompt_tokens": into,
        "gen_ai.usage.input_tokens": into,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.total_tokens": total,
        **dict(zip(keys, (1000, 200), strict=True)),
    }


STRANDS = "strands.telemetry.tracer"


def test_strands_wrote_the_input_of_bedrock_and_anthropic_without_their_cache():
    models = (
        *("us.anthropic.claude-sonnet-4-20250514-v1:0", "us.amazon.nova-pro-v1:0", "claude-sonnet-4-5-20250929"),
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
    )
    cases = {model: _sent(_strands(model, 3250, OLD), STRANDS) for model in models}

    rows = _bills(cases)

    assert {case: (_counts(row), row["usage_semantics"].split("+")[0]) for case, row in rows.items()} == dict.fromkeys(
        cases, ((3200, 1000, 200, 50, None), "exclusive")
    )


def test_strands_input_has_the_cache_since_1_54_and_where_openai_or_litellm_counted():
    expected = [
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", (*NEW, *OLD), 3250, 3200),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", NEW, 3250, 3200),
        ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", OLD, 2050, 2000),
        ("anthropic/claude-sonnet-4-5", OLD, 2050, 2000),
        ("gpt-4o", OLD, 2050, 2000),
    ]
    cases = {}
    for model, keys, total, into in expected:
        given = _strands(model, total, keys[:2], into)
        cases[model, keys] = _sent(given | {key: given[keys[i]] for i, key in enumerate(keys[2:])}, STRANDS)

    rows = _bills(cases)

    assert {case: (_counts(row), row["usage_semantics"]) for case, row in rows.items()} == {
        (model, keys): ((into, 1000, 200, 50, None), "inclusive") for model, keys, _, into in expected
    }


def test_a_total_of_all_four_counts_says_that_the_input_has_no_cache():
    scopes = (STRANDS, "another.library", "")

    rows = _bills({scope: _sent(_strands("some-model", 3250, OLD), scope) for scope in scopes})

    assert {scope: (_counts(row), row["usage_semantics"]) for scope, row in rows.items()} == dict.fromkeys(
        scopes, ((3200, 1000, 200, 50, None), "exclusive")
    )


# ---- tiers that names of counts tell


def test_a_tier_that_names_the_counts_is_that_of_the_call_and_of_its_price():
    plain = {"input": 500, "input_cache_read": 500, "output": 100, "output_reasoning": 300, "total": 1400}
    usages = {
        tier: {"input": 0, "output": 0, "total": 1400, f"input_{tier}_cache_read": 500, f"input_{tier}": 500}
        | {f"output_{tier}_reasoning": 300, f"output_{tier}": 100}
        for tier in ("flex", "priority")
    }
    asked = (None, "auto", "default")

    rows = _bills(
        {(tier, one): _langfuse(usage, one) for tier, usage in {"": plain, **usages}.items() for one in asked}
    )

    assert {case: _counts(row) for case, row in rows.items()} == dict.fromkeys(rows, (1000, 500, None, 400, 300))
    assert {case: row["service_tier"] for case, row in rows.items()} == {(tier, one): tier or one for tier, one in rows}
    cheaper = {case: rows["", case[1]]["cost_usd"] - row["cost_usd"] for case, row in rows.items() if case[0]}
    assert {case: saved > 0 for case, saved in cheaper.items()} == {case: case[0] == "flex" for case in cheaper}
    assert [case for case, saved in cheaper.items() if not saved] == []


def test_a_tier_of_which_nothing_was_used_is_none():
    usage = {"input": 500, "output": 100, "total": 600, "input_flex": 0, "output_priority": 0}

    assert _bills({"it": _langfuse(usage, None)})["it"]["service_tier"] is None


def _langfuse(usage: dict[str, int], asked: str | None) -> ExportTraceServiceRequest:
    given = {"type": "generation", "model.name": "o3-2025-04-16", "usage_details": json.dumps(usage)}
    given["metadata.ls_provider"] = '"openai"'
    if asked:
        given["model.parameters"] = json.dumps({"service_tier": asked})
    return _sent({f"langfuse.observation.{name}": value for name, value in given.items()}, "langfuse-sdk", "5.0.4")


# ---- xAI through Pydantic AI, which of its two APIs

UUID = "d194be71-ee59-f9dd-3fa6-6b2e0b87ef14"
DETAIL = "gen_ai.usage.details."


def test_pydantic_ai_adds_nothing_for_xai_and_only_one_of_its_apis_leaves_reasoning_out():
    expected: list[tuple[dict[str, Any], int | None]] = [
        ({"gen_ai.response.id": "resp_68a1c9f3c1b2a77d1e4"}, 300),
        ({"gen_ai.response.id": "chatcmpl-9f3c1b2a77d1376c456a"}, 500),
        ({"gen_ai.response.id": UUID, f"{DETAIL}num_server_side_tools_used": 3}, 300),
        ({"gen_ai.response.id": UUID, f"{DETAIL}accepted_prediction_tokens": 0}, 500),
        ({"gen_ai.response.id": UUID, "gen_ai.provider.name": "xai"}, 500),
        ({"gen_ai.response.id": UUID, "gen_ai.provider.name": "grok"}, None),
        ({"gen_ai.response.id": UUID}, None),
        ({}, None),
    ]

    rows = _bills(
        {str(told): _sent(_xai(300, 200) | told, "pydantic-ai", "1.60.0", "chat grok-4") for told, _ in expected}
    )

    assert {
        case: (_counts(row), row["cost_usd"] is None, "output_unsure" in row["usage_semantics"])
        for case, row in rows.items()
    } == {str(told): ((1000, 400, None, output, 200), output is None, output is None) for told, output in expected}


def test_xais_output_is_known_where_both_readings_agree():
    expected = {("1.60.0", 300, None): 300, ("1.60.0", 100, 200): 300, ("2.22.0", 300, 200): 300}

    rows = _bills(
        {
            (version, out, reasoning): _sent(
                _xai(out, reasoning) | {"gen_ai.response.id": UUID}, "pydantic-ai", version, "chat grok-4"
            )
            for version, out, reasoning in expected
        }
    )

    assert {case: (row["output_tokens"], row["price_status"]) for case, row in rows.items()} == {
        case: (output, "priced") for case, output in expected.items()
    }


def _xai(out: int, reasoning: int | None) -> dict[str, Any]:
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "api.x.ai",
        "gen_ai.request.model": "grok-4",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": out,
        f"{DETAIL}cache_read_tokens": 400,
    }
    return given | ({f"{DETAIL}reasoning_tokens": reasoning} if reasoning is not None else {})


def test_the_rule_that_tells_the_output_is_named_beside_its_terms():
    response, chat = (_xai(300, 200) | {"gen_ai.response.id": f"{kind}68a1c9f3c1b2"} for kind in ("resp_", "chatcmpl-"))
    twice = _adk(1100, 460, model="openai/gpt-5") | {"gen_ai.usage.reasoning.output_tokens": 60}
    said = told_of(
        {
            "a response of xAI": _sent(response, "pydantic-ai", "1.60.0"),
            "a chat of xAI": _sent(chat, "pydantic-ai", "1.60.0"),
            "reasoning counted twice": _sent(twice, ADK, "2.8.0"),
        }
    )

    outputs = {case: one["tokens"]["output"] for case, [one] in said.items()}
    assert {
        case: (one["told_by"]["rule"]["output"], [(term["of"], term["tokens"]) for term in one["terms"]])
        for case, one in outputs.items()
    } == {
        "a response of xAI": ("by_api", [("output_tokens", 300)]),
        "a chat of xAI": ("by_api", [("output_tokens", 300), ("reasoning_tokens", 200)]),
        "reasoning counted twice": ("twice", [("output_tokens", 460), ("reasoning_tokens", -60)]),
    }
    assert outputs["reasoning counted twice"]["tokens"] == 400
