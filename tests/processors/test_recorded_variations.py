"""Variations of recorded spans: counts that may be read in two ways, hosts and tiers that change what is written.

What Pydantic AI, genai-prices, LangChain and Strands write in which version was read in their sources; that a Responses
API of xAI gives UUIDs as its chat does, in xAI's documentation: such an id alone tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors.engine import Engine, process_ranges
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, bill_of, billed_of
from tests.processors.otlp import message, request, span
from tests.processors.test_explain import told_of
from warehouse import once
from warehouse.schemas import SPANS

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
HERE = Path(__file__).parent.parent / "data" / "recorded"
COUNTS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens"),
    *("output_tokens", "reasoning_tokens"),
)
Counts = tuple[int | None, ...]


def _counts(row: Mapping[str, Any]) -> Counts:
    return tuple(row[name] for name in COUNTS)


def _bills(cases: Mapping[Case, bytes | ExportTraceServiceRequest]) -> dict[Case, dict[str, Any]]:
    return bill_of(cases, ENGINE)


def _rules(row: Mapping[str, Any]) -> list[str]:
    return str(row["usage_semantics"]).split("+")


# ---- a count that may be read in two ways stays unknown, whoever of the same library repeats it

UNSURE = "pydantic-ai-1.60-xai-uuid.pb"
DETAIL = "gen_ai.usage.details."
PYDANTIC = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 400}
PARTS = {f"{DETAIL}reasoning_tokens": 300, f"{DETAIL}cache_read_tokens": 200}
UUID = "d194be71-ee59-f9dd-3fa6-6b2e0b87ef14"


def _recorded(file: str) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString((HERE / file).read_bytes())


def _only(name: str) -> ExportTraceServiceRequest:
    """The recorded spans whose name begins so."""
    sent = _recorded(UNSURE)
    scope = sent.resource_spans[0].scope_spans[0]
    kept = [one for one in scope.spans if one.name.startswith(name)]
    del scope.spans[:]
    scope.spans.extend(kept)
    return sent


def _doubted(*around: Span, version: str = "1.60.0", **more: Any) -> ExportTraceServiceRequest:
    told = PYDANTIC | PARTS | {"gen_ai.request.model": "grok-4", "gen_ai.response.id": UUID}
    told |= {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "server.address": "api.x.ai"}
    inner = span(told | more, name="chat grok-4", span_id=b"\x07" * 8, parent_span_id=b"\x02" * 8)
    return request(*around, inner, scope="pydantic-ai", version=version)


def test_an_agents_span_gives_no_count_back_that_is_unknown():
    agent = span(PYDANTIC | PARTS | {"model_name": "grok-4"}, name="agent run")
    outer = span(PYDANTIC | PARTS | {"model_name": "grok-4", "gen_ai.operation.name": "chat"}, name="outer")

    rows = _bills(
        {
            "as recorded": (HERE / UNSURE).read_bytes(),
            "without its agent": _only("chat"),
            "made alone": _doubted(),
            "made below an agent": _doubted(agent),
            "made below a chat": _doubted(outer),
        }
    )

    assert {case: (_counts(row), row["cost_usd"]) for case, row in rows.items()} == dict.fromkeys(
        rows, ((1000, 200, None, None, 300), None)
    )
    assert ["output_unsure" in _rules(row) for row in rows.values()] == [True] * len(rows)


def test_nor_does_it_when_it_comes_in_another_flush():
    outer = span(PYDANTIC | PARTS | {"model_name": "grok-4", "gen_ai.operation.name": "chat"}, name="outer")
    sent = (_doubted(), request(outer, scope="pydantic-ai", version="1.60.0"))
    ranges = [[message(one)] for one in sent]
    rows = [row for one in process_ranges(ranges, ENGINE) for row in one.tables["spans"].to_pylist()]
    stored = pa.Table.from_pylist(rows, schema=SPANS).append_column("row", pa.array(range(len(rows)), pa.int64()))

    settled = once.rejudge(stored.append_column("ledger", pa.array([0] * len(rows), pa.int64())))

    (row,) = [row for row in settled.to_pylist() if row["billable"]]
    assert _counts(row) == (1000, 200, None, None, 300)


def test_an_agents_run_is_no_call_also_where_its_counts_are_no_sum_of_those_below_as_they_are_read():
    total = {"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 800, f"{DETAIL}reasoning_tokens": 600}
    ids = ("chatcmpl-8f3c1b2a77d1376c456b", "chatcmpl-9f3c1b2a77d1376c456a")
    names = ("agent run", "invoke_agent a")
    cases = {}
    for name in names:
        sent = [_doubted(span(total | {"model_name": "grok-4"}, name=name), **{"gen_ai.response.id": ids[0]})]
        sent.append(_doubted(**{"gen_ai.response.id": ids[1]}))
        sent[1].resource_spans[0].scope_spans[0].spans[0].span_id = b"\x09" * 8
        cases[name] = sent

    rows = billed_of(cases, ENGINE)

    assert {case: [_counts(row) for row in billed] for case, billed in rows.items()} == dict.fromkeys(
        names, [(1000, 200, None, 700, 300)] * 2
    )


def test_another_instrumentation_that_knows_does_give_the_count():
    told = {"gen_ai.operation.name": "chat", "gen_ai.system": "xai", "server.address": "api.x.ai"}
    told |= {"gen_ai.request.model": "grok-4", "gen_ai.response.id": UUID} | PYDANTIC
    told |= {"gen_ai.usage.reasoning.output_tokens": 300, "gen_ai.usage.cache_read.input_tokens": 200}
    sent = _doubted(span(PYDANTIC | PARTS | {"model_name": "grok-4"}, name="agent run"))
    inner = span(told, name="chat grok-4", span_id=b"\x08" * 8, parent_span_id=b"\x07" * 8)
    scope = "opentelemetry.instrumentation.openai_v2"
    sent.resource_spans.extend(request(inner, scope=scope, version="2.3b0").resource_spans)

    row = _bills({"it": sent})["it"]

    assert (_counts(row), row["price_status"]) == ((1000, 200, None, 700, 300), "priced")


# ---- Pydantic AI at xAI's regional hosts


def test_reasoning_is_added_by_a_table_of_prices_that_knows_one_host_of_xai_only():
    chat, responses = {f"{DETAIL}accepted_prediction_tokens": 0}, {f"{DETAIL}num_server_side_tools_used": 0}
    expected: list[tuple[str, str, dict[str, int], int | None]] = [
        ("2.68.0", "api.x.ai", chat, 400),
        ("2.68.0", "eu-west-1.api.x.ai", chat, 700),
        ("2.68.0", "https://us-east-1.api.x.ai/v1", chat, 700),
        ("2.22.0", "us-east-1.API.x.ai", chat, 700),
        ("2.68.0", "eu-west-1.api.x.ai", responses, 400),
        ("2.68.0", "eu-west-1.api.x.ai", {}, None),
        ("1.60.0", "eu-west-1.api.x.ai", chat, 700),
        ("1.60.0", "api.x.ai", chat, 700),
    ]

    rows = _bills(
        {
            (version, host, str(detail)): _doubted(version=version, **detail | {"server.address": host})
            for version, host, detail, _ in expected
        }
    )

    assert {case: (row["output_tokens"], row["cost_usd"] is None) for case, row in rows.items()} == {
        (version, host, str(detail)): (output, output is None) for version, host, detail, output in expected
    }


# ---- LangChain through OpenInference: names of counts that have the tier in them

LANGCHAIN = "openinference.instrumentation.langchain"


def _langchain(into: dict[str, int], out: dict[str, int], **more: Any) -> ExportTraceServiceRequest:
    usage = {"input_tokens": 1000, "output_tokens": 400, "total_tokens": 1400}
    usage |= {"input_token_details": into, "output_token_details": out}
    kept = {"content": "MARKER", "usage_metadata": usage, "response_metadata": {"finish_reason": "stop"}}
    told = {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "o3",
        "llm.token_count.prompt": 1000,
        "llm.token_count.completion": 400,
        "llm.token_count.total": 1400,
        "output.value": json.dumps({"generations": [[{"text": "MARKER", "message": {"lc": 1, "kwargs": kept}}]]}),
    }
    return request(span(told | more, name="ChatOpenAI"), scope=LANGCHAIN, version="0.1.80")


def test_langchains_parts_are_read_by_the_name_of_their_tier():
    dear, cheap = Decimal("0.0077875"), Decimal("0.002225")
    read, thought = "llm.token_count.prompt_details.cache_read", "llm.token_count.completion_details.reasoning"

    rows = _bills(
        {
            "flex": _langchain({"flex": 500, "flex_cache_read": 500}, {"flex": 100, "flex_reasoning": 300}),
            "priority": _langchain(
                {"priority": 500, "priority_cache_read": 500}, {"priority": 100, "priority_reasoning": 300}
            ),
            "told twice": _langchain(
                {"flex": 500, "flex_cache_read": 500},
                {"flex": 100, "flex_reasoning": 300},
                **{read: 500, thought: 300},
            ),
            "no tier": _langchain({"cache_read": 500}, {"reasoning": 300}, **{read: 500, thought: 300}),
            "nothing of a tier": _langchain({"flex": 0}, {"flex": 0}, **{read: 500, thought: 300}),
            "written": _langchain({"flex": 800, "flex_cache_creation": 200}, {"flex": 400}),
        }
    )

    whole = (1000, 500, None, 400, 300)
    assert {case: (_counts(row), row["service_tier"]) for case, row in rows.items()} == {
        "flex": (whole, "flex"),
        "priority": (whole, "priority"),
        "told twice": (whole, "flex"),
        "no tier": (whole, None),
        "nothing of a tier": (whole, None),
        "written": ((1000, None, 200, 400, None), "flex"),
    }
    assert {case: rows[case]["cost_usd"] for case in ("flex", "priority", "told twice")} == {
        "flex": cheap,
        "priority": dear,
        "told twice": cheap,
    }


def _claude(into: dict[str, int], **more: Any) -> ExportTraceServiceRequest:
    counts = {"llm.token_count.prompt": 1300, "llm.token_count.completion": 50, "llm.token_count.total": 1350}
    counts |= {"llm.token_count.prompt_details.cache_read": 1000}
    return _langchain(into, {}, **counts | {"llm.provider": "anthropic", "llm.model_name": "claude-sonnet-4-5"} | more)


def test_langchain_calls_writes_to_a_cache_none_where_it_tells_how_long_they_are_kept():
    write = {"llm.token_count.prompt_details.cache_write": 200}
    kept = {"cache_read": 1000, "cache_creation": 0}
    five, hour = "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"
    expected: dict[str, tuple[ExportTraceServiceRequest, int | None, int | None]] = {
        "Anthropic": (_claude(kept | {five: 200, hour: 0}), 200, 0),
        "Anthropic, an hour": (_claude(kept | {five: 50, hour: 150}), 200, 150),
        "Bedrock": (_claude(kept | {five: 200}), 200, None),
        "Bedrock, an hour": (_claude(kept | {hour: 200}), 200, 200),
        "all told": (_claude(kept | {five: 0, hour: 200}, **write), 200, 200),
        "no details": (_claude({"cache_read": 1000, "cache_creation": 200}, **write), 200, None),
        "nothing written": (_claude(kept), 0, None),
    }

    rows = _bills({case: sent for case, (sent, *_) in expected.items()})

    assert {
        case: (*_counts(row)[:4], row["cache_write_1h_tokens"], row["price_status"]) for case, row in rows.items()
    } == {case: (1300, 1000, written, 50, hours, "priced") for case, (_, written, hours) in expected.items()}


def _bedrock(prompt: int, total: int, usage: dict[str, int], metadata: dict[str, Any]) -> ExportTraceServiceRequest:
    kwargs = {"content": "MARKER", "usage_metadata": metadata}
    answer = {"generations": [[{"message": {"lc": 1, "kwargs": kwargs}}]], "llm_output": {"usage": usage}}
    told = {"openinference.span.kind": "LLM", "llm.provider": "amazon_bedrock", "output.value": json.dumps(answer)}
    told |= {"llm.model_name": "us.anthropic.claude-sonnet-4-20250514-v1:0", "llm.token_count.total": total}
    told |= {"llm.token_count.prompt": prompt, "llm.token_count.completion": 410}
    return request(span(told, name="ChatBedrock"), scope=LANGCHAIN, version="0.1.80")


def test_langchains_bedrock_left_the_cache_out_of_its_prompt_whatever_it_added_up():
    read, written = "cache_read_input_tokens", "cache_write_input_tokens"
    usage = {"prompt_tokens": 700, "completion_tokens": 410, read: 500, written: 100}
    details = {"input_token_details": {"cache_read": 500, "cache_creation": 100}}
    sums = {"1.9": (1300, 1710), "0.2.35": (700, 1710), "0.2.24": (700, 1610)}

    rows = _bills(
        {
            version: _bedrock(700, total, usage | {"total_tokens": total}, {"input_tokens": whole} | details)
            for version, (whole, total) in sums.items()
        }
    )

    assert {version: (_counts(row), row["cost_usd"]) for version, row in rows.items()} == dict.fromkeys(
        sums, ((1300, 500, 100, 410, None), Decimal("0.008775"))
    )


def test_a_prompt_that_lacks_the_cache_is_told_by_the_answer_whoever_wrote_it():
    usage = {"input_tokens": 700, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 100}
    openai = {"input_tokens": 1300, "input_tokens_details": {"cached_tokens": 500}}
    claude, gpt = {"llm.model_name": "claude-sonnet-4-5"}, {"llm.model_name": "gpt-4o"}
    cases = {
        "Anthropic 0.1.10": ("anthropic", 700, usage, claude),
        "Anthropic 1.0.6, a stream": ("anthropic", 1300, usage, claude),
        "Anthropic, nothing cached": ("anthropic", 1300, {"input_tokens": 1300}, claude),
        "OpenAI's responses": ("openai", 1300, openai, gpt),
    }
    given = {"openinference.span.kind": "LLM", "llm.token_count.completion": 410}

    rows = _bills(
        {
            case: request(
                span(
                    given | model | {"llm.token_count.prompt": prompt, "output.value": json.dumps({"usage": told})},
                    name="Messages",
                ),
                scope=f"openinference.instrumentation.{library}",
            )
            for case, (library, prompt, told, model) in cases.items()
        }
    )

    assert {case: (*_counts(row)[:3], row["usage_semantics"]) for case, row in rows.items()} == {
        "Anthropic 0.1.10": (1300, 500, 100, "exclusive"),
        "Anthropic 1.0.6, a stream": (1300, 500, 100, "inclusive"),
        "Anthropic, nothing cached": (1300, None, None, "inclusive"),
        "OpenAI's responses": (1300, 500, None, "inclusive"),
    }


def test_what_langsmith_exports_has_the_same_names_in_a_repr():
    given = {"gen_ai.system": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "o3"}
    given |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 400, "gen_ai.usage.total_tokens": 1400}
    details = {
        "flex": ({"flex": 500, "flex_cache_read": 500}, {"flex": 100, "flex_reasoning": 300}),
        "plain": ({"cache_read": 500, "audio": 0}, {"reasoning": 300, "audio": 0}),
    }

    rows = _bills(
        {
            case: request(
                span(
                    given
                    | {"gen_ai.usage.input_token_details": str(into), "gen_ai.usage.output_token_details": str(out)},
                    name="ChatOpenAI",
                ),
                scope="langsmith",
            )
            for case, (into, out) in details.items()
        }
    )

    assert {case: (_counts(row), row["service_tier"], row["cost_usd"]) for case, row in rows.items()} == {
        "flex": ((1000, 500, None, 400, 300), "flex", Decimal("0.002225")),
        "plain": ((1000, 500, None, 400, 300), None, Decimal("0.00445")),
    }


# ---- Strands: who counted the input

READ, WRITTEN = "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens"
ON_BEDROCK = (
    *("us.anthropic.claude-sonnet-4-20250514-v1:0", "us.amazon.nova-pro-v1:0"),
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
    "bedrock/arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
)


def _strands(model: str, into: int, total: int | None, parts: dict[str, int]) -> ExportTraceServiceRequest:
    told: dict[str, Any] = {
        "gen_ai.system": "strands-agents",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": into,
        "gen_ai.usage.output_tokens": 50,
        **parts,
    }
    told |= {"gen_ai.usage.total_tokens": total} if total is not None else {}
    return request(span(told, name="chat"), scope="strands.telemetry.tracer")


def test_bedrocks_own_total_has_the_cache_so_one_without_it_is_another_ones():
    both, read = {READ: 1000, WRITTEN: 200}, {READ: 1000}
    expected: list[tuple[dict[str, int], int, int | None, int]] = [
        (both, 2000, 3250, 3200),
        (both, 2000, 2050, 2000),
        (both, 100, 1350, 1300),
        (read, 2000, 3050, 3000),
        (read, 2000, 2050, 2000),
        (both, 2000, None, 3200),
    ]
    cases = {
        (model, str(parts), into, total): _strands(model, into, total, parts)
        for model in ON_BEDROCK
        for parts, into, total, _ in expected
    }

    rows = _bills(cases)

    assert {case: (row["input_tokens"], _rules(row)) for case, row in rows.items()} == {
        (model, str(parts), into, total): (real, ["inclusive" if real == into else "exclusive"])
        for model in ON_BEDROCK
        for parts, into, total, real in expected
    }


def test_claude_by_a_plain_name_may_be_counted_either_way():
    both, read = {READ: 1000, WRITTEN: 200}, {READ: 1000}
    expected: list[tuple[dict[str, int], int, int | None, int | None]] = [
        (both, 2000, 2050, None),
        (both, 2000, None, None),
        (read, 1000, 1050, None),
        (both, 2000, 3250, 3200),
        (both, 100, 150, 1300),
        (read, 999, None, 1999),
        ({READ: 0, WRITTEN: 0}, 2000, 2050, 2000),
    ]

    rows = _bills(
        {
            (str(parts), into, total): _strands("claude-sonnet-4-5", into, total, parts)
            for parts, into, total, _ in expected
        }
    )

    assert {case: (row["input_tokens"], row["cost_usd"] is None) for case, row in rows.items()} == {
        (str(parts), into, total): (real, real is None) for parts, into, total, real in expected
    }
    unsure = [row for row in rows.values() if row["input_tokens"] is None]
    assert ["input_unsure" in _rules(row) for row in unsure] == [True] * 3
    assert {_rules(row)[0] for row in rows.values() if (row["input_tokens"] or 0) > 2000} == {"exclusive"}


def test_what_tells_the_input_is_named_beside_its_terms():
    both = {READ: 1000, WRITTEN: 200}
    said = told_of(
        {
            "all four": _strands(ON_BEDROCK[0], 2000, 3250, both),
            "just both sides": _strands(ON_BEDROCK[0], 2000, 2050, both),
            "less than its cache": _strands("claude-sonnet-4-5", 100, 150, both),
            "nothing": _strands("claude-sonnet-4-5", 2000, 2050, both),
        }
    )

    inputs = {case: one["tokens"].get("input") for case, [one] in said.items()}
    assert {
        case: (one["told_by"]["rule"]["input"], one["counted"], one.get("tokens")) for case, one in inputs.items()
    } == {
        "all four": ("by_total", "exclusive", 3200),
        "just both sides": ("by_total", "inclusive", 2000),
        "less than its cache": ("either", "exclusive", 1300),
        "nothing": ("either", "inclusive", None),
    }
    assert "input_unsure" in [one["rule"] for one in said["nothing"][0]["tokens"]["rules"]]
