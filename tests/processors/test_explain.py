"""Explanations: what gave each value, what lost, who repaired or suppressed, and the price line by line."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

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
from tests.processors.flushes import AS_FOUND, Case
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
    return told_of({"it": request(*spans, **around)})["it"]


def told_of(
    cases: Mapping[Case, ExportTraceServiceRequest], engine: Engine = ENGINE
) -> dict[Case, list[dict[str, Any]]]:
    """Explanations of each case's request, all asked for at once: each is a ledger of its own."""
    rows, said = explained([message(sent, offset=number) for number, sent in enumerate(cases.values())], engine)
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    for row, one in zip(rows, said, strict=True):
        found[list(cases)[row["_message_index"]]].append(one)
    return found


Said = dict[str, list[dict[str, Any]]]
"""Explanations of each case."""
SECRETS = ("user.id", "llm.user", "exception.message", "server.address", "error.type")
BEDROCK = "openinference.instrumentation.bedrock"
FIRST_CHUNK = event("gen_ai.content.completion.chunk", after_ms=100)
ANSWER = {"gen_ai.response.id": "chatcmpl-0123456789", "gen_ai.response.model": "gpt-4o-mini"}
NAMES = {"tenant.id": "jane@acme.example", "customer.id": "sk-proj-0123456789abcdef0123", "service.name": "shop"}
SENT = {
    "rivals": request(span(CHAT | {"llm.usage.prompt_tokens": 7, "gen_ai.usage.total_tokens": 1100})),
    "seconds": request(
        span(CHAT | {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": 0.25}),
    ),
    "late first chunk": request(span(CHAT | {"gen_ai.response.time_to_first_chunk": 5.0}, events=[FIRST_CHUNK])),
    "a map": request(
        span(CHAT | {"metadata": '{"tenant_id": "acme"}'}), resource={"deployment.environment.name": "prod"}
    ),
    "exclusive": request(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "m",
                "llm.token_count.prompt": 176,
                "llm.token_count.completion": 5,
                "llm.token_count.prompt_details.cache_read": 1024,
            },
            name="bedrock.converse",
        ),
        scope=BEDROCK,
        version="0.1.2",
    ),
    "a repair": request(span(CHAT | {"gen_ai.usage.cache_read.input_tokens": 1500})),
    "a refusal": request(span(CHAT | {"gen_ai.usage.input_tokens": -5})),
    "an agent's call": request(
        span({"gen_ai.operation.name": "invoke_agent", "tenant.id": "acme"}, **OUTER), span(CHAT, **INNER)
    ),
    "told twice": request(span(CHAT | ANSWER | {"feature": "search"}, **OUTER), span(CHAT | ANSWER, **INNER)),
    "a repetition": request(span({"llm.request.type": "chat"}, name="raw_gen_ai_request"), scope="litellm"),
    "a failure": request(
        span(
            CHAT | {"error.type": "RateLimitError", "http.response.status_code": 429},
            status=2,
            message="You exceeded your current quota, dear Jane Doe",
        )
    ),
    "names": request(
        span(CHAT | NAMES | {"user.id": "jane", "session.id": "jane"}, **INNER), scope="jane@acme.example"
    ),
    "priced": request(span(CHAT | {"gen_ai.usage.cache_read.input_tokens": 600})),
    "a tag": request(span(CHAT), resource={"team.color": "red"}),
    **{key: request(span(CHAT | {key: "https://jane:secret@api.example/v1"}, status=2)) for key in SECRETS},
}


@pytest.fixture(scope="module")
def said() -> Said:
    """Explanations of ``SENT``: to ask costs half a second, however few the spans."""
    return told_of(SENT)


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


def test_an_attribute_that_lost_stands_beside_the_one_that_won(said: Said):
    (one,) = said["rivals"]

    field = one["fields"]["input_tokens"]
    assert (field["value"], field["from"]["key"], field["from"]["rank"]) == (1000, "gen_ai.usage.input_tokens", 10)
    assert [(lost["key"], lost["reported"], lost["because"]) for lost in field["lost"]] == [
        ("llm.usage.prompt_tokens", 7, "rank"),
        ("gen_ai.usage.total_tokens", 1100, "order"),
    ]


def test_a_unit_that_was_converted_is_told(said: Said):
    (one,) = said["seconds"]

    source = one["fields"]["ttft_ms"]["from"]
    assert one["fields"]["ttft_ms"]["value"] == 250.0
    assert (source["reported"], source["unit"], source["times"]) == (0.25, "s", 1000.0)


def test_a_first_token_that_cannot_be_leaves_the_next_place_to_speak(said: Said):
    (one,) = said["late first chunk"]

    field = one["fields"]["ttft_ms"]
    assert (field["value"], field["from"]["place"], field["from"]["event"]) == (100.0, "event", FIRST_CHUNK.name)
    assert [(lost["reported"], lost["because"]) for lost in field["lost"]] == [(5.0, "not_usable")]


def test_a_member_of_a_structured_value_names_its_path_and_a_resource_its_place(said: Said):
    (one,) = said["a map"]

    tenant, environment = (one["fields"][name]["from"] for name in ("tenant", "environment"))
    assert (tenant["key"], tenant["path"], tenant["place"], tenant["reported"]) == (
        "metadata",
        "tenant_id",
        "map",
        "acme",
    )
    assert environment["place"] == "resource"


def test_who_told_how_tokens_are_counted_is_named_and_the_sum_is_shown_term_by_term(said: Said):
    (one,) = said["exclusive"]

    side = one["tokens"]["input"]
    assert (one["tokens"]["semantics"], side["counted"], side["told_by"]["table"]) == (
        "exclusive",
        "exclusive",
        "usage.csv",
    )
    assert side["told_by"]["rule"]["scope"] == BEDROCK
    assert side["terms"] == [{"of": "input_tokens", "tokens": 176}, {"of": "cached_input_tokens", "tokens": 1024}]
    assert side["tokens"] == 1200


def test_a_repair_is_named_with_its_meaning(said: Said):
    (one,) = said["a repair"]

    (rule,) = one["tokens"]["rules"]
    assert (rule["rule"], rule["outcome"]) == ("cache_outside_input", "repaired")
    assert "added" in rule["meaning"]
    assert [term["tokens"] for term in one["tokens"]["input"]["terms"]] == [1000, 1500]


def test_a_refused_count_shows_what_was_reported(said: Said):
    (one,) = said["a refusal"]

    field = one["fields"]["input_tokens"]
    assert one["tokens"]["rules"][0]["outcome"] == "refused"
    assert (field["value"], field["lost"][0]["reported"], field["lost"][0]["because"]) == (None, -5, "not_usable")
    assert (one["price"]["status"], one["price"]["lines"]) == ("usage_missing", [])


def test_an_inherited_tenant_names_the_ancestor(said: Said):
    _, one = said["an agent's call"]

    field = one["fields"]["tenant"]
    assert (field["value"], field["from"]["key"]) == ("acme", "tenant.id")
    assert field["taken_from"] == {"span_id": "01" * 8, "as": "ancestor"}


def test_a_suppressed_span_names_the_rule_the_billed_span_and_what_both_have_in_common(said: Said):
    outer, inner = said["told twice"]

    verdict = outer["billing"]
    assert (verdict["why"], verdict["suppressed_by"], verdict["encloses"]) == ("wraps_call", "02" * 8, True)
    assert {"response_id", "input_tokens"} <= set(verdict["agree"])
    assert "price" not in outer
    assert inner["billing"]["billed_for"] == ["01" * 8]
    assert inner["fields"]["feature"]["taken_from"] == {"span_id": "01" * 8, "as": "same_call"}


def test_a_span_that_is_no_call_says_by_which_rule(said: Said):
    (one,) = said["a repetition"]

    assert (one["billing"]["role"], one["billing"]["role_told_by"]["table"]) == ("repeat", "roles.csv")
    assert one["convention"]["told_by"] == {"table": "scopes.csv", "scope": "litellm"}


FILTER = "gen_ai.completion.0.content_filter_results"
SAFE, HATE = '{"hate": {"filtered": false, "severity": "safe"}}', '{"hate": {"filtered": true, "severity": "high"}}'
JUDGED_COLUMNS = ("safety_category", "guardrail_action")
FINISHED = {"gen_ai.response.finish_reasons": ["content_filter"]}
JUDGED: dict[Case, tuple[dict[str, Any], tuple[str, str | None, str, str | None]]] = {
    "a filter's result": ({FILTER: HATE}, ("hate", FILTER, "blocked", FILTER)),
    "a finish reason": (FINISHED, ("content_filter", *FINISHED, "blocked", *FINISHED)),
    "beside a result": (FINISHED | {FILTER: SAFE}, ("content_filter", *FINISHED, "blocked", *FINISHED)),
    "with a result": (FINISHED | {FILTER: HATE}, ("hate", FILTER, "blocked", FILTER)),
    "an error": ({"error.type": "content_filter"}, ("content_filter", None, "blocked", None)),
}
"""What a call says, and its category and action, each with the attribute that gave it."""


def test_the_attribute_is_named_that_told_what_a_filter_did():
    found = told_of({case: request(span(CHAT | said)) for case, (said, _) in JUDGED.items()})

    fields = {case: [one["fields"][name] for name in JUDGED_COLUMNS] for case, (one,) in found.items()}
    keys = {
        case: tuple(part for one in both for part in (one["value"], one.get("from", {}).get("key")))
        for case, both in fields.items()
    }
    assert keys == {case: expected for case, (_, expected) in JUDGED.items()}
    assert all(("by" in one) != ("from" in one) for both in fields.values() for one in both)
    assert "severity" not in json.dumps(found)


def test_the_evidence_of_an_error_is_a_rule_and_never_the_text(said: Said):
    (one,) = said["a failure"]

    best, *others = one["error"]["evidence"]
    assert (one["error"]["error_class"], best["decides"]) == ("quota_exceeded", True)
    assert best["kind"] in ("message", "code")
    assert {"http", "exception"} <= {other["kind"] for other in others}
    assert not any(other["decides"] for other in others)
    assert "Jane" not in json.dumps(one)


def test_of_attributes_that_may_hold_anything_only_the_key_is_shown(said: Said):
    texts = {key: json.dumps(said[key]) for key in SECRETS}

    assert [(key, word) for key, text in texts.items() for word in ("secret", "jane") if word in text] == []
    assert [key for key in SECRETS if len(said[key]) != 1] == []


def test_a_name_that_is_a_secret_or_a_person_is_hidden_here_too(said: Said):
    (one,) = said["names"]

    text = json.dumps(one)
    assert one["fields"]["tenant"]["from"]["key"] == "tenant.id"
    assert "jane" not in text
    assert "0123456789abcdef" not in text


def test_the_price_of_a_call_is_shown_line_by_line(said: Said):
    (one,) = said["priced"]

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

    ours = {"gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama-3"}

    made = told_of({"served": request(span(CHAT | ours)), "listed": request(span(CHAT))}, engine)

    served, listed = (one["price"] for (one,) in made.values())

    assert (served["status"], served["cost_usd"], listed["status"]) == ("free", "0.000000000000", "priced")
    assert "paid through GPU cost" in served["meaning"]
    assert [(line["kind"], line["usd"]) for line in served["lines"]] == [("paid_by_gpu", "0")]
    assert "paid by GPU" in served["lines"][0]["source"]


def test_a_model_that_is_free_on_the_list_is_said_to_be_and_its_tokens_are_shown_at_zero():
    free = {"gen_ai.provider.name": "openrouter", "gen_ai.request.model": "mistralai/mistral-nemo:free"}
    told = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10}

    ((one,),) = told_of({"free": request(span(told | free))}).values()

    price = one["price"]
    assert (price["status"], price["cost_usd"], price["sum_usd"]) == ("free", "0.000000000000", "0")
    assert price["meaning"] == "the price list has the model as free: every rate is zero"
    assert [
        tuple(line[name] for name in ("kind", "quantity", "rate_usd", "per", "usd")) for line in price["lines"]
    ] == [
        ("input", "1000", "0", 1_000_000, "0"),
        ("output", "10", "0", 1_000_000, "0"),
    ]
    assert {line["source"] for line in price["lines"]} == {
        "genai-prices/0.2.3 openrouter/mistralai/mistral-nemo:free, listed as free"
    }


@pytest.mark.parametrize("says", ["discount_percent = 100", "usd_per_mtok = {input = 0, output = 0}"])
def test_a_model_that_the_book_makes_free_is_said_to_be(says: str, tmp_path: Path):
    file = tmp_path / "book.toml"
    file.write_text(f"[[price]]\nmodel = '*'\nfrom = 2026-01-01\n{says}\n")
    engine = dataclasses.replace(ENGINE, book=PriceBook.from_settings({}, str(file)))

    ((one,),) = told_of({"free": request(span(CHAT))}, engine).values()

    assert one["price"]["meaning"] == "the price book or worker.prices makes every rate zero"


def test_no_spans_have_no_explanations():
    assert explained([message(b"")]) == ([], [])


def test_a_declared_tag_says_where_it_comes_from(said: Said):
    (one,) = said["a tag"]

    assert one["fields"]["tags.team.color"]["from"]["place"] == "resource"
    assert one["fields"]["tags.team.color"]["value"] == "red"


def test_a_merged_call_keeps_its_own_start():
    rows, _ = explained([message(request(span(CHAT, **OUTER), span(CHAT, **INNER)))])

    assert all(row["started_at"] is not None for row in rows)


@settings(max_examples=2, deadline=None, phases=AS_FOUND, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(counts_on_the_wire, scopes), min_size=6, max_size=6))
def test_whatever_counts_say_the_terms_add_up(said: list[tuple[dict[str, Any], str]]):
    found = told_of(
        {
            number: request(span({**COUNTED, **{KEYS[name]: count for name, count in counts.items()}}), scope=scope)
            for number, (counts, scope) in enumerate(said)
        }
    )

    for number, (one,) in found.items():
        note(f"of {said[number]}")
        for side in ("input", "output"):
            shown = one.get("tokens", {}).get(side, {})
            assert sum(term["tokens"] for term in shown.get("terms", ())) == shown.get("tokens", 0)


@pytest.mark.long
@settings(max_examples=2, deadline=None, phases=AS_FOUND, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(attribute_sets, attribute_sets), min_size=6, max_size=6))
def test_whatever_attributes_say_there_is_an_explanation(sets: list[tuple[dict[str, Any], dict[str, Any]]]):
    found = told_of({number: request(span(own, status=2), resource=of) for number, (own, of) in enumerate(sets)})

    assert {number: [bool(one["billing"]["meaning"]) for one in each] for number, each in found.items()} == {
        number: [True] for number in range(6)
    }
