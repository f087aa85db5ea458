"""Normalise: what attributes mean, rule by rule."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from processors.codes import spell
from processors.conventions.rules import UsageRule
from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise import HELPERS, Normalised, Rules, normalise
from processors.normalise.assemble import ADDED_LATER
from processors.normalise.semantics import holds
from processors.users import hash_user
from tests.processors.flushes import Case, by_case, messages_of
from tests.processors.otlp import RECEIVED_US, SECOND_NS, START_NS, event, message, request, span
from warehouse.schemas import OUTCOMES, SPANS

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
TABLE = load_table(("team.color",))
TRUSTING = Rules(user_key=b"key", trusted_topics=("otlp_spans",))
START = dt.datetime.fromtimestamp(START_NS // SECOND_NS, tz=dt.UTC)
RECEIVED = dt.datetime.fromtimestamp(RECEIVED_US // 1_000_000, tz=dt.UTC)


def _normalise(*messages: Any, rules: Rules = TRUSTING) -> Normalised:
    return normalise(decode(messages, TABLE), rules)


def _rows(cases: Mapping[Case, Mapping[str, Any]]) -> dict[Case, dict[str, Any]]:
    """The one row of each case, all from one flush.

    A case: attributes of a chat span as ``given``, and fields of the span, of what is around it and of its message.
    """
    requests, headers = {}, {}
    for case, fields in cases.items():
        more = dict(fields)
        around = {name: more.pop(name) for name in ("resource", "scope", "version") if name in more}
        headers[case] = {name: more.pop(name) for name in ("tenant", "tenants", "principal", "topic") if name in more}
        requests[case] = request(span({**CHAT, **more.pop("given", {})}, **more), **around)
    placed = zip(messages_of(requests), headers.values(), strict=True)
    rows = _normalise(*(replace(one, **of_message) for one, of_message in placed)).spans.to_pylist()
    return {case: row for case, [row] in by_case(requests, rows).items()}


def _row(given: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The one row of a chat span with these attributes too."""
    return _rows({"it": {"given": given, **more}})["it"]


def _some(cases: Mapping[Case, Mapping[str, Any]], *columns: str) -> dict[Case, tuple[Any, ...]]:
    """These columns of each case's row."""
    return {case: tuple(row[name] for name in columns) for case, row in _rows(cases).items()}


def test_the_columns_are_those_of_the_lake_but_for_what_is_added_later():
    spans = _normalise(message(request(span(CHAT)))).spans

    assert spans.schema.names == [name for name in SPANS.names if name not in ADDED_LATER] + HELPERS.names
    spelled = spell(spans).schema
    assert all(spelled.field(f.name).type == f.type for f in SPANS if f.name not in ADDED_LATER)


def test_no_messages_give_empty_tables():
    found = _normalise()

    assert (found.spans.num_rows, found.outcomes.num_rows, found.dropped) == (0, 0, {})


def test_dead_letters_and_bad_spans_are_counted_by_reason():
    found = _normalise(message(b"{"), message(b""), message(request(span(span_id=b""), span())))

    assert found.dropped == {(0, "bad_payload"): 1, (1, "empty"): 1, (2, "bad_span"): 1}
    assert len(found.dead) == 2


# ---- who


def test_a_header_holds_for_every_span_of_its_message():
    row = _row({"tenant.id": "mallory"}, tenant="acme", resource={"service.namespace": "ns"})

    assert (row["tenant"], row["tenant_rank"]) == ("acme", 0)


def test_a_header_with_several_tenants_lets_a_span_name_one_of_them():
    header = {"tenants": ("acme", "globex"), "topic": "anything"}
    expected = {"acme": ("acme",), "mallory": (None,), None: (None,)}

    assert _some({own: {"given": {"tenant.id": own}, **header} for own in expected}, "tenant") == expected


def test_a_header_with_no_tenant_lets_a_span_name_none():
    assert _row({"tenant.id": "acme"}, tenants=())["tenant"] is None


def test_a_span_is_believed_only_where_its_topic_is_trusted():
    told = {"tenant.id": "acme"}
    cases = {"trusted": {"given": told}, "not": {"given": told, "topic": "elsewhere"}}

    assert _some(cases, "tenant") == {"trusted": ("acme",), "not": (None,)}


def test_an_explicit_tenant_wins_over_a_team_and_that_over_the_namespace():
    around = {"resource": {"service.namespace": "ns"}}
    cases = {
        "explicit": {"given": {"tenant.id": "explicit", "team.id": "team"}},
        "team": {"given": {"team.id": "team"}},
        "team of the key": {"given": {"metadata.user_api_key_team_id": "team"}},
        "namespace": {},
    }

    assert _some({case: {**told, **around} for case, told in cases.items()}, "tenant", "tenant_rank") == {
        "explicit": ("explicit", 1),
        "team": ("team", 2),
        "team of the key": ("team", 2),
        "namespace": ("ns", 3),
    }


def test_an_explicit_feature_wins_over_a_workflow_and_that_over_an_agent():
    agent, workflow = {"gen_ai.agent.name": "bot"}, {"traceloop.workflow.name": "flow"}
    cases = {
        "explicit": {"given": {**agent, **workflow, "app.feature": "search"}},
        "workflow": {"given": {**agent, **workflow}},
        "agent": {"given": agent},
        "nothing": {},
    }

    assert _some(cases, "feature", "feature_rank") == {
        "explicit": ("search", 1),
        "workflow": ("flow", 2),
        "agent": ("bot", 3),
        "nothing": (None, None),
    }


def test_the_principal_is_the_key_else_its_alias_else_the_service():
    alias = {"metadata.user_api_key_alias": "alias"}
    cases = {
        "key": {"given": alias, "principal": "key-1"},
        "alias": {"given": alias},
        "hash": {"given": {"metadata.user_api_key_hash": "sk-secret"}},
        "service": {},
    }

    assert _some(
        {case: {**told, "resource": {"service.name": "shop"}} for case, told in cases.items()}, "principal"
    ) == {
        "key": ("key-1",),
        "alias": ("alias",),
        "hash": ("shop",),
        "service": ("shop",),
    }


def test_a_service_without_a_name_is_unknown():
    row = _row({}, resource={"service.name": "unknown_service:python"})

    assert (row["service"], row["principal"]) == (None, None)


def test_a_user_is_hashed_and_handed_on_raw_for_names_that_tell_them():
    row = _row({"user.id": "u-1"}, tenant="acme")

    assert row["user_id"] == hash_user("u-1", b"key")
    assert row["_user"] == "u-1"


# ---- what


def test_operation_and_role_are_told_or_seen():
    expected: list[tuple[dict[str, Any], str | None, str]] = [
        ({"gen_ai.operation.name": "generate_content"}, "chat", "call"),
        ({"gen_ai.operation.name": "embedding"}, "embeddings", "call"),
        ({"openinference.span.kind": "LLM"}, "chat", "call"),
        ({"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 7}, "task", "aggregate"),
        ({"openinference.span.kind": "RETRIEVER"}, "retrieval", "other"),
        ({"traceloop.span.kind": "workflow"}, "task", "aggregate"),
        ({"ai.operationId": "ai.generateText", "ai.usage.inputTokens": 7}, "task", "aggregate"),
        ({"ai.operationId": "ai.generateText.doGenerate"}, "chat", "call"),
        ({"langfuse.observation.type": "generation"}, "chat", "call"),
        ({"gen_ai.usage.prompt_tokens": 7, "gen_ai.response.model": "m"}, "chat", "call"),
        ({"gen_ai.operation.name": "agent_step"}, "invoke_agent", "aggregate"),
        ({"spanledger.task.outcome": "success"}, "task", "aggregate"),
        ({"http.request.method": "GET"}, None, "other"),
    ]
    requests = {str(given): request(span(given)) for given, *_ in expected}

    rows = by_case(requests, _normalise(*messages_of(requests)).spans.to_pylist())

    assert {
        case: [(row["operation"], row["_role"], row["_genai"]) for row in of_case] for case, of_case in rows.items()
    } == {str(given): [(operation, role, operation is not None)] for given, operation, role in expected}


def test_spans_that_are_not_what_they_look_like_are_told_by_the_table():
    streamed = {"logfire.span_type": "log", "duration": 0.5}
    raw, pending, record = _rows(
        {
            "raw": {"scope": "litellm", "name": "raw_gen_ai_request"},
            "pending": {"given": {"logfire.span_type": "pending_span"}, "scope": "logfire.openai"},
            "record": {"given": streamed, "scope": "logfire.openai", "name": "streaming response from m"},
        }
    ).values()

    assert (raw["_role"], pending["_role"], pending["_model_call"]) == ("repeat", "pending", False)
    assert (record["_role"], record["stream"], record["duration_ms"]) == ("usage_record", True, 500.0)


def test_providers_get_one_name():
    expected: list[tuple[dict[str, Any], str | None]] = [
        ({"gen_ai.system": "OpenAI"}, "openai"),
        ({"gen_ai.system": "az.ai.openai"}, "azure.ai.openai"),
        ({"gen_ai.system": "openai.responses"}, "openai"),
        ({"gen_ai.system": "", "litellm.provider.model": "bedrock/claude"}, "aws.bedrock"),
        ({"gen_ai.system": "langchain"}, None),
        ({"gen_ai.system": "My-Own"}, "my-own"),
        ({}, None),
    ]

    assert _some({str(given): {"given": given} for given, _ in expected}, "provider") == {
        str(given): (provider,) for given, provider in expected
    }


def test_a_stream_is_told_or_seen_by_its_first_chunk():
    expected: list[tuple[dict[str, Any], bool | None]] = [
        ({"llm.is_streaming": "True"}, True),
        ({"llm.invocation_parameters": '{"stream": true}'}, True),
        ({"gen_ai.client.operation.time_to_first_chunk": 0.1}, True),
        ({"gen_ai.latency.time_to_first_token": 0.1}, None),
        ({}, None),
    ]

    assert _some({str(given): {"given": given} for given, _ in expected}, "stream") == {
        str(given): (stream,) for given, stream in expected
    }


def test_the_response_id_is_not_the_clients_own_and_not_that_of_other_spans():
    cases = {
        "its own": {"given": {"gen_ai.response.id": "r"}},
        "the client's": {"given": {"gen_ai.response.id": "c", "litellm.call_id": "c"}},
        "a tool's": {"given": {"gen_ai.operation.name": "execute_tool", "output.value": '{"id": "r"}'}},
    }

    assert _some(cases, "response_id") == {"its own": ("r",), "the client's": (None,), "a tool's": (None,)}


def test_a_copy_of_the_request_model_on_a_failed_call_is_no_response_model():
    told = {"gen_ai.response.model": "m"}

    assert _some({"failed": {"given": told, "status": 2}, "worked": {"given": told}}, "response_model") == {
        "failed": (None,),
        "worked": ("m",),
    }


# ---- how much


TOKENS = ("input_tokens", "output_tokens", "usage_semantics", "_repair")


def test_missing_counts_are_null_and_reported_zeroes_are_zero():
    told = {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 0}

    assert _some({"missing": {}, "told": {"given": told}}, *TOKENS) == {
        "missing": (None, None, None, None),
        "told": (7, 0, "inclusive", None),
    }


def test_a_count_without_its_cached_part_gets_it_back():
    bedrock = {"llm.token_count.prompt": 176, "llm.token_count.prompt_details.cache_read": 1024}
    langfuse = {"langfuse.observation.usage_details": '{"input": 176, "input_cached_tokens": 1024}'}
    cases = {
        "bedrock": {"given": bedrock, "scope": "opentelemetry.instrumentation.bedrock"},
        "langfuse": {"given": langfuse},
    }

    rows = _some(cases, *TOKENS, "_input_tokens_reported")

    assert rows == dict.fromkeys(cases, (1200, None, "exclusive", None, 176))


def test_a_semantics_rule_may_ask_for_the_provider():
    given = {"ai.usage.promptTokens": 176, "ai.usage.cachedInputTokens": 1024}
    cases = {
        "anthropic": {"given": {**given, "ai.model.provider": "anthropic.messages"}},
        "openai": {"given": {**given, "ai.usage.promptTokens": 1200, "ai.model.provider": "openai.chat"}},
    }

    assert _some(cases, "input_tokens") == {"anthropic": (1200,), "openai": (1200,)}


@pytest.mark.parametrize(("version", "old"), [("0.49.9", True), ("0.50.0", False), ("1.0", False), ("dev", False)])
def test_a_semantics_rule_may_end_with_a_version(version: str, old: bool):
    rule = UsageRule(scope="x.", version_below="0.50", input="exclusive", output="inclusive")
    frame = pl.DataFrame({"scope_name": ["x.y"], "scope_version": [version], "provider": ["p"], "input_key": ["k"]})

    assert frame.select(holds(rule)).item() is old


def test_counts_that_contradict_what_was_told_are_repaired_by_name():
    cached = {"gen_ai.usage.input_tokens": 176, "gen_ai.usage.cache_read.input_tokens": 1024}
    thinking = {"gen_ai.usage.output_tokens": 5, "gen_ai.usage.reasoning_tokens": 128}

    assert _some({"cached": {"given": cached}, "thinking": {"given": thinking}}, *TOKENS) == {
        "cached": (1200, None, "inclusive+cache_outside_input", "cache_outside_input"),
        "thinking": (None, 133, "inclusive+reasoning_outside_output", "reasoning_outside_output"),
    }


def test_an_impossible_count_leaves_both_sides_unknown():
    refused = (None, None, "refused+impossible_count", "impossible_count")
    cases, expected = {}, {}
    for count in (-1, 10**10, 10.5, "10.5", "1e400", "9" * 30, float("nan")):
        cases["input", repr(count)] = {"given": {"gen_ai.usage.input_tokens": count}}
        cases["output", repr(count)] = {"given": {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": count}}
        cases["total", repr(count)] = {"given": {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.total_tokens": count}}
        expected |= {("input", repr(count)): refused, ("output", repr(count)): refused}

    rows = _some(cases, *TOKENS)

    assert {case: row for case, row in rows.items() if case[0] != "total"} == expected
    assert {case: row[0] for case, row in rows.items() if case not in expected} == {
        case: 7 for case in cases if case[0] == "total"
    }


def test_a_failed_call_that_reports_nothing_measured_nothing():
    zero = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    some = {**zero, "gen_ai.usage.input_tokens": 7}

    rows = _some({"nothing": {"given": zero, "status": 2}, "something": {"given": some, "status": 2}}, *TOKENS)

    assert (rows["nothing"][:2], rows["nothing"][3]) == ((None, None), "no_usage_on_error")
    assert rows["something"][:2] == (7, 0)


def test_a_missing_count_is_reckoned_from_the_total_where_it_can_be():
    total = {"gen_ai.usage.total_tokens": 10}
    cases = {
        "less the output": {"given": {**total, "gen_ai.usage.output_tokens": 4}},
        "an embedding": {"given": {**total, "gen_ai.operation.name": "embeddings"}},
        "a chat": {"given": total},
    }

    rows = _some(cases, "input_tokens", "output_tokens")

    assert rows["less the output"] == (6, 4)
    assert {case: row[0] for case, row in rows.items()} == {"less the output": 6, "an embedding": 10, "a chat": None}


def test_units_and_tags_are_maps_of_what_is_there():
    told = {"spanledger.units.images": 2, "spanledger.units.pages": -1, "team.color": "red"}

    assert _some({"told": {"given": told}, "nothing": {}}, "units", "tags") == {
        "told": ([("images", 2.0)], [("team.color", "red")]),
        "nothing": (None, None),
    }


def test_reported_cost_is_exact_decimal_and_never_negative():
    expected = {0.00031019999999999995: Decimal("0.0003102"), -1.0: None, float("nan"): None}
    cases = {str(cost): {"given": {"operation.cost": cost}} for cost in expected}

    assert _some(cases, "reported_cost_usd") == {str(cost): (exact,) for cost, exact in expected.items()}


# ---- when


def test_a_span_stands_where_it_ended():
    row = _row({})

    assert (row["started_at"], row["ended_at"]) == (START, START + dt.timedelta(seconds=1))
    assert (row["duration_ms"], row["clock_skew"], row["original_ended_at"]) == (1000.0, False, None)
    assert (row["day"], row["received_at"]) == (START.date(), RECEIVED)


def test_a_span_from_the_future_takes_the_records_time_and_keeps_its_own_beside():
    late = START_NS + 3600 * SECOND_NS

    row = _row({}, start_time_unix_nano=late - SECOND_NS, end_time_unix_nano=late)

    assert (row["ended_at"], row["clock_skew"]) == (RECEIVED, True)
    assert row["original_ended_at"] == START + dt.timedelta(hours=1)
    assert (row["duration_ms"], row["started_at"]) == (1000.0, RECEIVED - dt.timedelta(seconds=1))


def test_ten_minutes_of_clock_difference_are_let_be():
    limit = RECEIVED_US * 1000 + 600 * SECOND_NS

    ends = {limit: (False,), limit + 1000: (True,)}

    assert _some({end: {"end_time_unix_nano": end} for end in ends}, "clock_skew") == ends


def test_a_span_without_end_takes_the_records_time():
    row = _row({}, end_time_unix_nano=0)

    assert (row["ended_at"], row["clock_skew"], row["original_ended_at"]) == (RECEIVED, True, None)
    assert (row["duration_ms"], row["started_at"]) == (None, START)


def test_a_span_that_ends_before_it_starts_has_no_duration():
    row = _row({}, start_time_unix_nano=START_NS + 5 * SECOND_NS)

    assert (row["duration_ms"], row["started_at"], row["ended_at"]) == (
        None,
        START + dt.timedelta(seconds=1),
        START + dt.timedelta(seconds=1),
    )


def test_a_start_that_cannot_be_is_not_believed():
    stream = {"gen_ai.operation.name": "chat", "llm.is_streaming": True, "gen_ai.usage.output_tokens": 9}
    first = event("First Token Stream Event", after_ms=100)
    starts = (1, START_NS - 8 * 86_400 * SECOND_NS, START_NS + 5 * SECOND_NS, 2**63 + 5)
    cases = {start: {"given": stream, "start_time_unix_nano": start, "events": [first]} for start in starts}

    columns = ("duration_ms", "ttft_ms", "tpot_ms", "started_at", "ended_at", "clock_skew", "original_ended_at")
    end = START + dt.timedelta(seconds=1)
    assert _some(cases, *columns) == dict.fromkeys(starts, (None, None, None, end, end, True, None))


def test_a_reported_duration_that_cannot_be_is_not_taken():
    record = {"scope": "logfire.openai", "name": "streaming response from m"}
    cases = {took_s: {"given": {"logfire.span_type": "log", "duration": took_s}, **record} for took_s in (-1.0, 9.2e12)}

    assert _some(cases, "_role", "duration_ms") == dict.fromkeys(cases, ("usage_record", 1000.0))


def test_seven_days_are_a_duration():
    assert _row({}, start_time_unix_nano=START_NS + SECOND_NS - 7 * 86_400 * SECOND_NS)["duration_ms"] == 604_800_000.0


def test_old_spans_are_taken_at_any_age():
    old = START_NS - 400 * 86_400 * SECOND_NS

    row = _row({}, start_time_unix_nano=old, end_time_unix_nano=old + SECOND_NS)

    assert (row["clock_skew"], row["day"]) == (False, (START - dt.timedelta(days=400)).date())


# ---- how fast


def test_time_to_first_token_comes_from_attributes_or_events_and_gives_the_rest():
    told = _row({"gen_ai.response.time_to_first_chunk": 0.2, "gen_ai.usage.output_tokens": 9})
    seen = _row({}, events=[event("First Token Stream Event", after_ms=200)])

    assert (told["ttft_ms"], told["tpot_ms"]) == (200.0, 100.0)
    assert (seen["ttft_ms"], seen["tpot_ms"], seen["stream"]) == (200.0, None, True)


def test_a_first_token_outside_the_call_is_refused():
    cases = {seconds: {"given": {"gen_ai.response.time_to_first_chunk": seconds}} for seconds in (-0.1, 1.1)}

    assert _some(cases, "ttft_ms") == dict.fromkeys(cases, (None,))


def test_only_streams_have_a_first_token():
    measured, seen = {"gen_ai.latency.time_to_first_token": 0.2}, {"gen_ai.response.time_to_first_chunk": 0.2}
    cases = {
        "measured, no stream": {"given": {**measured, "gen_ai.request.stream": False}},
        "measured, a stream": {"given": {**measured, "gen_ai.request.stream": True}},
        "seen, no stream": {"given": {**seen, "gen_ai.request.stream": False}},
    }

    assert _some(cases, "ttft_ms") == {
        "measured, no stream": (None,),
        "measured, a stream": (200.0,),
        "seen, no stream": (None,),
    }


# ---- did it work


VERDICT = ("status", "error_class", "http_status")


def test_a_failed_call_has_a_class_and_the_text_is_dropped():
    row = _row({}, status=2, message="Error code: 429 - You exceeded your current quota, Jane")

    assert (row["status"], row["error_class"], row["http_status"]) == ("error", "quota_exceeded", 429)
    assert "Jane" not in str(row)


def test_an_explicit_ok_stands_against_an_error_type():
    timed_out = {"given": {"error.type": "timeout"}}
    cases = {
        "ok": {**timed_out, "status": 1},
        "nothing said": timed_out,
        "level": {"given": {"langfuse.observation.level": "ERROR"}},
    }

    assert _some(cases, *VERDICT) == {
        "ok": ("ok", None, None),
        "nothing said": ("error", "timeout", None),
        "level": ("error", "unknown", None),
    }


def test_a_stream_without_end_and_without_output_was_cancelled():
    stream = {"gen_ai.request.stream": True}
    cases = {
        "no end": {"given": stream},
        "no end though ok": {"given": stream, "status": 1},
        "an end": {"given": {**stream, "gen_ai.response.finish_reasons": ["stop"]}},
        "output": {"given": {**stream, "gen_ai.usage.output_tokens": 5}},
        "told by who never sees an end": {"given": stream, "scope": "logfire.openai"},
        "told by who sees every end, not that it streams": {"scope": "gen_ai"},  # Vercel's AI SDK 7: an aborted stream
        "its end": {"given": {"gen_ai.response.finish_reasons": ["stop"]}, "scope": "gen_ai"},
        "a client's word for no end": {"given": {"gen_ai.response.finish_reasons": ["error"]}},
        "the model's own end": {"given": {"gen_ai.response.finish_reasons": ["MALFORMED_FUNCTION_CALL"]}},
    }

    cancelled, worked = ("cancelled", "cancelled"), ("ok", None)
    assert _some(cases, "status", "error_class") == {
        "no end": cancelled,
        "no end though ok": cancelled,
        "an end": worked,
        "output": worked,
        "told by who never sees an end": worked,
        "told by who sees every end, not that it streams": cancelled,
        "its end": worked,
        "a client's word for no end": cancelled,
        "the model's own end": ("error", "server_error"),
    }


def test_what_failed_is_told_by_what_it_was_and_how_it_ended():
    cancelled = event("exception", after_ms=1, exception__type="asyncio.exceptions.CancelledError")
    tool = {"gen_ai.operation.name": "execute_tool", "error.type": "TimeoutError"}
    ended = {"gen_ai.response.finish_reasons": ["error"], "gen_ai.usage.output_tokens": 5}
    cases = {
        "a cancelled call is no error": {"status": 2, "events": [cancelled]},
        "a tool, whatever it raised": {"given": tool, "status": 2},
        "a retrieval": {"given": {"gen_ai.operation.name": "retrieval"}, "status": 2},
        "an answer that ended in error": {"given": ended},
    }

    assert _some(cases, "status", "error_class") == {
        "a cancelled call is no error": ("cancelled", "cancelled"),
        "a tool, whatever it raised": ("error", "tool_error"),
        "a retrieval": ("error", "retrieval_error"),
        "an answer that ended in error": ("error", "unknown"),
    }


def test_what_guardrails_did_is_told_by_attributes_and_finish_reasons():
    expected: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
        ({"gen_ai.response.finish_reasons": ["content_filter"]}, ("content_filter", "blocked", None, None)),
        (
            {"gen_ai.guardrail.action.type": "modify", "litellm.guardrail.masked_entity_count": 2},
            ("pii", "redacted", True, None),
        ),
        ({"gen_ai.guardrail.security.risk.category": "jailbreak"}, ("prompt_injection", None, None, True)),
        ({"spanledger.pii.detected": False}, (None, None, False, None)),
        ({"gen_ai.response.finish_reasons": ["stop"]}, (None, None, None, None)),
        ({}, (None, None, None, None)),
    ]
    names = ("safety_category", "guardrail_action", "pii_detected", "injection_detected")

    assert _some({str(given): {"given": given} for given, _ in expected}, *names) == {
        str(given): told for given, told in expected
    }


def test_the_rest_is_taken_over():
    row = _row(
        {
            "http.request.resend_count": 2,
            "gen_ai.openai.api_base": "https://user:pass@api.example.com:8443/v1?key=k",
            "openai.response.service_tier": " SERVICE_TIER_FLEX",
            "spanledger.route": "fallback",
            "gen_ai.prompt.name": "greet",
            "gen_ai.prompt.version": 3,
        },
        resource={"deployment.environment": "prod", "host.name": "h", "k8s.pod.name": "p", "service.version": "1"}
        | {"k8s.namespace.name": "prod"},
    )

    assert (row["attempt"], row["server_address"], row["service_tier"]) == (3, "api.example.com", "flex")
    assert (row["route"], row["prompt_name"], row["prompt_version"]) == ("fallback", "greet", "3")
    assert (row["environment"], row["host"], row["pod"], row["service_version"]) == ("prod", "h", "p", "1")
    assert (row["server_port"], row["namespace"]) == (8443, "prod")


def test_a_server_is_its_name_and_its_port():
    addresses = {
        "llm:8000": ("llm", 8000),
        "http://llm/v1": ("llm", 443),
        "http://[fd00::5]:8000/v1": ("[fd00::5]", 8000),
        "2001:db8::370:7334": ("2001:db8::370:7334", 443),  # no port 7334
        "10.0.0.5:99999": ("10.0.0.5", None),
    }
    cases = {one: {"given": {"server.address": one, "server.port": 443}} for one in addresses}

    assert _some(cases, "server_address", "server_port") == addresses


# ---- outcomes


def test_evaluations_tasks_and_reviews_become_outcomes():
    evaluation = event(
        "gen_ai.evaluation.result",
        after_ms=500,
        gen_ai__evaluation__name="groundedness",
        gen_ai__evaluation__score__value=0.9,
        gen_ai__evaluation__score__label="high",
    )
    given = {"spanledger.task.outcome": "Failed", "spanledger.task.safe": True, "spanledger.review.minutes": 4}
    value = request(span({**given, "task.id": "t-1"}, events=[evaluation]))

    outcomes = _normalise(message(value, tenant="acme", offset=7)).outcomes

    rows = outcomes.to_pylist()
    assert outcomes.drop_columns("_message_index").schema == OUTCOMES
    assert [(r["name"], r["label"], r["score"], r["source"], r["review_minutes"]) for r in rows] == [
        ("groundedness", "high", 0.9, "evaluator", None),
        ("success", "failure", 0.0, "explicit", None),
        ("safe", "safe", 1.0, "explicit", None),
        ("review", None, None, "human", 4.0),
    ]
    assert {(r["tenant"], r["task_id"], r["source_offset"]) for r in rows} == {("acme", "t-1", 7)}
    assert rows[0]["observed_at"] == START + dt.timedelta(seconds=0.5)
    assert len({r["outcome_id"] for r in rows}) == 4


def test_an_outcome_has_the_same_id_whenever_it_is_read():
    value = request(span(), span({"spanledger.task.outcome": "success"}))

    alone = _normalise(message(value, offset=3)).outcomes
    among = _normalise(message(value, offset=2), message(value, offset=3)).outcomes

    assert among["outcome_id"].to_pylist() == alone["outcome_id"].to_pylist() * 2  # the same span, sent twice


def test_a_human_annotation_is_told_from_an_evaluators():
    given = {
        "annotations.0.annotation.name": "helpful",
        "annotations.0.annotation.annotator_kind": "HUMAN",
        "annotations.0.annotation.score": 1.0,
        "evaluations.0.evaluation.name": "toxic",
        "evaluations.0.evaluation.annotator_kind": "CODE",
        "evaluations.0.evaluation.label": "toxic",
    }

    rows = _normalise(message(request(span(given)))).outcomes.to_pylist()

    assert {(r["name"], r["source"]) for r in rows} == {("helpful", "human"), ("toxic", "heuristic")}


def test_a_label_that_is_a_text_is_not_kept():
    given = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.label": "because " * 20}

    assert _normalise(message(request(span(given)))).outcomes["label"].to_pylist() == [None]


def test_the_name_of_an_enums_member_is_read_as_its_value():
    expected: list[tuple[dict[str, str], str, str | None]] = [
        ({"gen_ai.operation.name": "GenAiOperationNameValues.EMBEDDINGS"}, "embeddings", None),
        ({"gen_ai.operation.name": "", "openinference.span.kind": "OpenInferenceSpanKindValues.LLM"}, "chat", None),
        ({"gen_ai.system": "GenAiSystemValues.ANTHROPIC"}, "chat", "anthropic"),
        ({"gen_ai.provider.name": "semconv.GenAiProviderNameValues.OPENAI"}, "chat", "openai"),
    ]

    assert _some({str(given): {"given": given} for given, *_ in expected}, "operation", "provider", "_model_call") == {
        str(given): (operation, provider, True) for given, operation, provider in expected
    }
