"""Explanations: what gave each value, what lost, who repaired or suppressed, and the price line by line."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from processors.decode import decode
from processors.engine import Engine, bill
from processors.explain import explain
from processors.explain.meanings import meanings
from processors.messages import Message
from processors.normalise import normalise, parts, usage
from processors.pricing.book import PriceBook
from processors.pricing.columns import STATUSES
from processors.settings import WorkerSettings
from spanledger.answers import plain
from tests.processors import captures
from tests.processors.otlp import event, message, request, span
from tests.processors.test_normalise_laws import attribute_sets
from tests.processors.test_usage_parts import CHAT as COUNTED
from tests.processors.test_usage_parts import KEYS, counts_on_the_wire, scopes
from warehouse import once

ENGINE = Engine.of(WorkerSettings(tags=("team.color",)), user_key=b"key")
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
OUTER, INNER = {"span_id": b"\x01" * 8}, {"span_id": b"\x02" * 8, "parent_span_id": b"\x01" * 8}


def explained(
    messages: Sequence[Message], engine: Engine = ENGINE
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows, and their explanations as JSON says them; every message is a ledger of its own."""
    rules = dataclasses.replace(engine.rules, trusted_topics=None)
    decoded = decode(messages, engine.table)
    spans = normalise(decoded, rules).spans
    before = spans.append_column(once.LEDGER, spans["_message_index"].cast(pa.int64()))
    after = bill(before, engine)
    told = explain(messages, decoded, rules, (before, after), engine)
    return after.to_pylist(), [json.loads(json.dumps(plain(one))) for one in told]


def told(*spans: Any, **around: Any) -> list[dict[str, Any]]:
    """Explanations of one request."""
    return explained([message(request(*spans, **around))])[1]


@pytest.fixture(scope="module")
def everything() -> list[tuple[captures.Capture, dict[str, Any], dict[str, Any]]]:
    """All captures with their rows and explanations."""
    all_ = [one for kind in ("pb", "json") for one in captures.load(kind)]
    rows, said = explained([message(one.value, offset=n) for n, one in enumerate(all_)])
    return [(all_[row["_message_index"]], row, one) for row, one in zip(rows, said, strict=True)]


def test_the_terms_of_every_capture_add_up_to_its_tokens(everything: Any):
    wrong = [
        (capture.name, side)
        for capture, row, one in everything
        for side in ("input", "output")
        if row[f"{side}_tokens"] is not None
        and sum(term["tokens"] for term in one["tokens"][side]["terms"]) != row[f"{side}_tokens"]
    ]

    assert wrong == []


def test_the_lines_of_every_capture_add_up_to_its_cost(everything: Any):
    priced = [(row["cost_usd"], one["price"]) for _, row, one in everything if row["cost_usd"] is not None]

    sums = [Decimal(price["sum_usd"].rstrip("…")) for _, price in priced]

    assert len(priced) > 50
    assert [round(total, 12) for total in sums] == [cost for cost, _ in priced]
    assert all(line["source"] and line["rate_usd"] for _, price in priced for line in price["lines"])


def test_every_known_value_of_every_capture_says_where_it_comes_from(everything: Any):
    bare = {
        (capture.name, column)
        for capture, row, one in everything
        for column, said in one["fields"].items()
        if said["value"] is not None and not {"from", "by"} & said.keys()
    }
    untold = {
        name
        for _, row, one in everything
        for name in ("request_model", "response_id", "tenant", "feature", "user_id", "input_tokens", "ttft_ms")
        if row[name] is not None and name not in one["fields"]
    }

    assert (bare, untold) == (set(), set())


def test_a_number_is_what_its_attribute_reports_in_its_own_unit(everything: Any):
    same = ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens")
    found = [
        (said["value"], said["from"]["reported"])
        for _, _, one in everything
        for column, said in one["fields"].items()
        if column in same and said["value"] is not None
    ]

    assert len(found) > 100
    assert all(value == reported for value, reported in found)


def test_no_explanation_of_a_capture_holds_content(everything: Any):
    leaks = {
        (capture.name, word)
        for capture, _, one in everything
        for word in capture.must_not_contain
        if word.lower() in json.dumps(one, ensure_ascii=False).lower()
    }

    assert leaks == set()


def test_every_verdict_role_and_usage_rule_has_a_meaning(everything: Any):
    rules = set(re.findall(r"^\* ``(\w+)``", f"{usage.__doc__}\n{parts.__doc__}", re.MULTILINE)) | set(STATUSES)
    verdicts = set(re.findall(r"``(\w+)``: ", once.__doc__ or ""))
    known = {word for _, word in meanings()}

    assert rules | verdicts <= known
    assert all(one["billing"]["meaning"] and one["billing"]["role_meaning"] for _, _, one in everything)


def test_an_attribute_that_lost_stands_beside_the_one_that_won():
    (one,) = told(span(CHAT | {"llm.usage.prompt_tokens": 7, "gen_ai.usage.total_tokens": 1100}))

    field = one["fields"]["input_tokens"]
    assert (field["value"], field["from"]["key"], field["from"]["rank"]) == (1000, "gen_ai.usage.input_tokens", 10)
    assert [(lost["key"], lost["reported"], lost["because"]) for lost in field["lost"]] == [
        ("llm.usage.prompt_tokens", 7, "rank"),
        ("gen_ai.usage.total_tokens", 1100, "order"),
    ]


def test_a_unit_that_was_converted_is_told():
    (one,) = told(span(CHAT | {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": 0.25}))

    source = one["fields"]["ttft_ms"]["from"]
    assert one["fields"]["ttft_ms"]["value"] == 250.0
    assert (source["reported"], source["unit"], source["times"]) == (0.25, "s", 1000.0)


def test_a_first_token_that_cannot_be_leaves_the_next_place_to_speak():
    chunk = event("gen_ai.content.completion.chunk", after_ms=100)
    (one,) = told(span(CHAT | {"gen_ai.response.time_to_first_chunk": 5.0}, events=[chunk]))

    field = one["fields"]["ttft_ms"]
    assert (field["value"], field["from"]["place"], field["from"]["event"]) == (100.0, "event", chunk.name)
    assert [(lost["reported"], lost["because"]) for lost in field["lost"]] == [(5.0, "not_usable")]


def test_a_member_of_a_structured_value_names_its_path_and_a_resource_its_place():
    given = CHAT | {"metadata": '{"tenant_id": "acme"}'}
    (one,) = told(span(given), resource={"deployment.environment.name": "prod"})

    tenant, environment = (one["fields"][name]["from"] for name in ("tenant", "environment"))
    assert (tenant["key"], tenant["path"], tenant["place"], tenant["reported"]) == (
        "metadata",
        "tenant_id",
        "map",
        "acme",
    )
    assert environment["place"] == "resource"


def test_who_told_how_tokens_are_counted_is_named_and_the_sum_is_shown_term_by_term():
    scope = "openinference.instrumentation.bedrock"
    given = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m",
        "llm.token_count.prompt": 176,
        "llm.token_count.completion": 5,
        "llm.token_count.prompt_details.cache_read": 1024,
    }
    (one,) = told(span(given, name="bedrock.converse"), scope=scope, version="0.1.2")

    side = one["tokens"]["input"]
    assert (one["tokens"]["semantics"], side["counted"], side["told_by"]["table"]) == (
        "exclusive",
        "exclusive",
        "usage.csv",
    )
    assert side["told_by"]["rule"]["scope"] == scope
    assert side["terms"] == [{"of": "input_tokens", "tokens": 176}, {"of": "cached_input_tokens", "tokens": 1024}]
    assert side["tokens"] == 1200


def test_a_repair_is_named_with_its_meaning():
    (one,) = told(span(CHAT | {"gen_ai.usage.cache_read.input_tokens": 1500}))

    (rule,) = one["tokens"]["rules"]
    assert (rule["rule"], rule["outcome"]) == ("cache_outside_input", "repaired")
    assert "added" in rule["meaning"]
    assert [term["tokens"] for term in one["tokens"]["input"]["terms"]] == [1000, 1500]


def test_a_refused_count_shows_what_was_reported():
    (one,) = told(span(CHAT | {"gen_ai.usage.input_tokens": -5}))

    field = one["fields"]["input_tokens"]
    assert one["tokens"]["rules"][0]["outcome"] == "refused"
    assert (field["value"], field["lost"][0]["reported"], field["lost"][0]["because"]) == (None, -5, "not_usable")
    assert (one["price"]["status"], one["price"]["lines"]) == ("usage_missing", [])


def test_an_inherited_tenant_names_the_ancestor():
    agent = {"gen_ai.operation.name": "invoke_agent", "tenant.id": "acme"}
    _, one = told(span(agent, **OUTER), span(CHAT, **INNER))

    field = one["fields"]["tenant"]
    assert (field["value"], field["from"]["key"]) == ("acme", "tenant.id")
    assert field["taken_from"] == {"span_id": "01" * 8, "as": "ancestor"}


def test_a_suppressed_span_names_the_rule_the_billed_span_and_what_both_have_in_common():
    answer = {"gen_ai.response.id": "chatcmpl-0123456789", "gen_ai.response.model": "gpt-4o-mini"}
    outer, inner = told(span(CHAT | answer | {"feature": "search"}, **OUTER), span(CHAT | answer, **INNER))

    verdict = outer["billing"]
    assert (verdict["why"], verdict["suppressed_by"], verdict["encloses"]) == ("wraps_call", "02" * 8, True)
    assert {"response_id", "input_tokens"} <= set(verdict["agree"])
    assert "price" not in outer
    assert inner["billing"]["billed_for"] == ["01" * 8]
    assert inner["fields"]["feature"]["taken_from"] == {"span_id": "01" * 8, "as": "same_call"}


def test_a_span_that_is_no_call_says_by_which_rule():
    (one,) = told(span({"llm.request.type": "chat"}, name="raw_gen_ai_request"), scope="litellm")

    assert (one["billing"]["role"], one["billing"]["role_told_by"]["table"]) == ("repeat", "roles.csv")
    assert one["convention"]["told_by"] == {"table": "scopes.csv", "scope": "litellm"}


def test_the_evidence_of_an_error_is_a_rule_and_never_the_text():
    secret = "You exceeded your current quota, dear Jane Doe"
    failed = span(CHAT | {"error.type": "RateLimitError", "http.response.status_code": 429}, status=2, message=secret)
    (one,) = told(failed)

    best, *others = one["error"]["evidence"]
    assert (one["error"]["error_class"], best["decides"]) == ("quota_exceeded", True)
    assert best["kind"] in ("message", "code")
    assert {"http", "exception"} <= {other["kind"] for other in others}
    assert not any(other["decides"] for other in others)
    assert "Jane" not in json.dumps(one)


@pytest.mark.parametrize("key", ["user.id", "llm.user", "exception.message", "server.address", "error.type"])
def test_of_attributes_that_may_hold_anything_only_the_key_is_shown(key: str):
    (one,) = told(span(CHAT | {key: "https://jane:secret@api.example/v1"}, status=2))

    text = json.dumps(one)
    assert "secret" not in text
    assert "jane" not in text


def test_a_name_that_is_a_secret_or_a_person_is_hidden_here_too():
    mail = {"tenant.id": "jane@acme.example", "customer.id": "sk-proj-0123456789abcdef0123", "service.name": "shop"}
    person = {"user.id": "jane", "session.id": "jane"}
    (one,) = told(span(CHAT | mail | person, **INNER), scope="jane@acme.example")

    text = json.dumps(one)
    assert one["fields"]["tenant"]["from"]["key"] == "tenant.id"
    assert "jane" not in text
    assert "0123456789abcdef" not in text


def test_the_price_of_a_call_is_shown_line_by_line():
    (one,) = told(span(CHAT | {"gen_ai.usage.cache_read.input_tokens": 600}))

    price = one["price"]
    assert [
        (line["kind"], line["quantity"], line["rate_usd"], line["per"], line["usd"]) for line in price["lines"]
    ] == [
        ("input", "400", "0.15", 1_000_000, "0.00006"),
        ("cached_input", "600", "0.075", 1_000_000, "0.000045"),
        ("output", "100", "0.6", 1_000_000, "0.00006"),
    ]
    assert (price["sum_usd"], price["cost_usd"], price["rounded"]) == ("0.000165", "0.000165000000", False)


def test_a_call_that_is_paid_by_the_gpu_is_said_to_be(tmp_path: Path):
    file = tmp_path / "book.toml"
    file.write_text("[[price]]\nmodel = 'llama*'\nfrom = 2026-01-01\ngpu = true\n")
    engine = dataclasses.replace(ENGINE, book=PriceBook.from_settings({}, str(file)))

    served, listed = (
        explained([message(request(span(CHAT | names)))], engine)[1][0]["price"]
        for names in ({"gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama-3"}, {})
    )

    assert (served["status"], served["cost_usd"], listed["status"]) == ("free", "0.000000000000", "priced")
    assert "paid through GPU cost" in served["meaning"]
    assert [(line["kind"], line["usd"]) for line in served["lines"]] == [("paid_by_gpu", "0")]
    assert "paid by GPU" in served["lines"][0]["source"]


def test_no_spans_have_no_explanations():
    assert explained([message(b"")]) == ([], [])


def test_a_declared_tag_says_where_it_comes_from():
    (one,) = told(span(CHAT), resource={"team.color": "red"})

    assert one["fields"]["tags.team.color"]["from"]["place"] == "resource"
    assert one["fields"]["tags.team.color"]["value"] == "red"


def test_a_merged_call_keeps_its_own_start():
    rows, _ = explained([message(request(span(CHAT, **OUTER), span(CHAT, **INNER)))])

    assert all(row["started_at"] is not None for row in rows)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(counts=counts_on_the_wire, scope=scopes)
def test_whatever_counts_say_the_terms_add_up(counts: dict[str, Any], scope: str):
    (one,) = told(span({**COUNTED, **{KEYS[name]: count for name, count in counts.items()}}), scope=scope)

    for side in ("input", "output"):
        shown = one.get("tokens", {}).get(side, {})
        assert sum(term["tokens"] for term in shown.get("terms", ())) == shown.get("tokens", 0)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_span=attribute_sets, given_resource=attribute_sets)
def test_whatever_attributes_say_there_is_an_explanation(given_span: dict[str, Any], given_resource: dict[str, Any]):
    (one,) = told(span(given_span, status=2), resource=given_resource)

    assert one["billing"]["meaning"]
