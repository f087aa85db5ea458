"""The engine: one range of messages becomes the tables of the lake, whoever replays it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price

from processors.codes import spell
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from processors.users import hash_user
from tests.processors.otlp import message, request, span
from warehouse.schemas import COST_KINDS, TABLES, TOKEN_KINDS

KEY = b"a key of the tests"
ENGINE = Engine.of(WorkerSettings(), user_key=KEY)
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
AGENT = {
    "gen_ai.operation.name": "invoke_agent",
    "tenant.id": "acme",
    "user.id": "jane",
    "gen_ai.usage.input_tokens": 1000,
}


def ids(number: int, parent: int = 0) -> dict[str, bytes]:
    return {
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
    }


def spans_of(*messages: Message) -> list[dict[str, Any]]:
    return process_range(messages, ENGINE).tables["spans"].to_pylist()


def test_a_call_of_an_agent_is_billed_to_whom_the_agent_works_for():
    told = request(span(AGENT, **ids(1)), span(CHAT, **ids(2, parent=1)))

    agent, call = spans_of(message(told))

    assert (agent["billable"], call["billable"]) == (False, True)
    assert (call["tenant"], call["user_id"]) == ("acme", hash_user("jane", KEY))
    assert (str(call["cost_usd"]), call["price_status"]) == ("0.000210000000", "priced")


def test_a_user_of_a_span_s_own_stands_before_the_agent_s():
    told = request(span(AGENT | {"user.id": "other"}, **ids(1)), span(CHAT | {"user.id": "jane"}, **ids(2, parent=1)))

    call = spans_of(message(told))[1]

    assert call["user_id"] == hash_user("jane", KEY)


@pytest.mark.parametrize("count", [-5, 10.5, 10**15])
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_call_with_an_impossible_side_has_no_cost_and_is_counted(side: str, count: float):
    told = request(span(CHAT | {f"gen_ai.usage.{side}_tokens": count}))

    processed = process_range([message(told)], ENGINE)

    (call,) = processed.tables["spans"].to_pylist()
    assert (call["billable"], call["cost_usd"], call["price_status"]) == (True, None, "usage_missing")
    assert call["usage_semantics"] == "refused+impossible_count"
    assert (processed.dropped, processed.repaired) == ({}, {"impossible_count": 1})


def test_every_table_is_there_in_its_schema():
    processed = process_range([message(request(span(CHAT)))], ENGINE)

    assert set(processed.tables) == {"outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans"}
    assert all(spell(table).schema == TABLES[name].flushed for name, table in processed.tables.items())


def test_a_range_without_any_span_gives_empty_tables_and_its_dead_letters():
    processed = process_range([message(b"\xff\xff not a request")], ENGINE)

    assert [table.num_rows for table in processed.tables.values()] == [0] * 6
    assert all(spell(table).schema == TABLES[name].flushed for name, table in processed.tables.items())
    assert [letter.index for letter in processed.dead] == [0]
    assert sum(processed.dropped.values()) == 1


def test_no_message_at_all_gives_empty_tables():
    assert [table.num_rows for table in process_range([], ENGINE).tables.values()] == [0] * 6


def test_the_same_range_gives_equal_tables_and_counts():
    told = [message(request(span(AGENT, **ids(1)), span(CHAT, **ids(2, parent=1))), offset=offset) for offset in (4, 5)]

    one, again = process_range(told, ENGINE), process_range(told, ENGINE)

    assert all(one.tables[name].equals(again.tables[name]) for name in one.tables)
    assert one.suppressed == again.suppressed == {"repeated_record": 2}


def test_a_record_sent_twice_adds_rows_but_no_cost():
    told = request(span(CHAT, **ids(1)))

    processed = process_range([message(told, offset=4), message(told, offset=5)], ENGINE)

    (usage,) = processed.tables["usage"].to_pylist()
    assert [row["billable"] for row in processed.tables["spans"].to_pylist()] == [True, False]
    assert (usage["calls"], usage["input_tokens"]) == (1, 1000)


def test_a_wrapping_agent_changes_neither_tokens_nor_cost():
    alone = process_range([message(request(span(CHAT, **ids(2))))], ENGINE)
    wrapped = process_range([message(request(span(AGENT, **ids(1)), span(CHAT, **ids(2, parent=1))))], ENGINE)

    def sums(tables: Any) -> list[Any]:
        (row,) = tables["usage"].to_pylist()
        return [row[name] for name in ("calls", "cost_usd", *TOKEN_KINDS, *COST_KINDS)]

    assert sums(wrapped.tables) == sums(alone.tables)


def test_spans_that_are_no_genai_spans_are_kept_and_never_billed():
    web, call = spans_of(message(request(span({"http.route": "/"}, **ids(1)), span(CHAT, **ids(2, parent=1)))))

    assert (web["operation"], web["billable"], web["price_status"], web["suppressed_by"]) == (None, False, None, None)
    assert call["billable"]


def test_an_outcome_belongs_to_whom_its_span_belongs_to():
    task = {"gen_ai.operation.name": "invoke_agent", "task.id": "T", "spanledger.task.outcome": "success"}
    told = request(span({"tenant.id": "acme"}, **ids(1)), span(task, **ids(2, parent=1)))

    outcomes = process_range([message(told)], ENGINE).tables["outcomes"].to_pylist()

    assert [(row["tenant"], row["task_id"], row["label"]) for row in outcomes] == [("acme", "T", "success")]


def test_an_own_price_of_the_settings_is_used_and_stands_on_the_row():
    prices = {"openai/gpt-4o-mini": {"input": 1, "output": 2}}
    engine = Engine.of(WorkerSettings(prices=prices), user_key=KEY)

    (call,) = process_range([message(request(span(CHAT)))], engine).tables["spans"].to_pylist()

    assert str(call["cost_usd"]) == "0.001200000000"
    assert call["price_version"] == engine.book.version


def test_a_declared_tag_reaches_spans_and_usage():
    engine = Engine.of(WorkerSettings(tags=("team",)), user_key=KEY)

    tables = process_range([message(request(span(CHAT | {"team": "search"})))], engine).tables

    assert [tables[name].to_pylist()[0]["tags"] for name in ("spans", "usage")] == [[("team", "search")]] * 2


@pytest.mark.parametrize(
    ("provider", "model", "used"),
    [
        ("gcp.gemini", "gemini-2.5-flash-image", {"input_tokens": 40, "output_tokens": 99, "image.output_tokens": 90}),
        (
            "openai",
            "gpt-image-1.5",
            {
                "input_tokens": 900,
                "output_tokens": 1000,
                "cache_read.input_tokens": 300,
                "image.input_tokens": 700,
                "image.output_tokens": 960,
                "image.cache_read.input_tokens": 200,
            },
        ),
    ],
)
def test_image_tokens_cost_what_the_catalogue_says(provider: str, model: str, used: dict[str, int]):
    given = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.response.model": model}
    wire = {f"gen_ai.usage.{name}": count for name, count in used.items()}
    names = {
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "cache_read.input_tokens": "cache_read_tokens",
        "image.input_tokens": "input_image_tokens",
        "image.output_tokens": "output_image_tokens",
        "image.cache_read.input_tokens": "cache_image_read_tokens",
    }
    usage = Usage(**{names[name]: count for name, count in used.items()})

    (call,) = process_range([message(request(span(given | wire)))], ENGINE).tables["spans"].to_pylist()

    owner = "google" if provider == "gcp.gemini" else provider
    expected = calc_price(usage, model, provider_id=owner, genai_request_timestamp=call["started_at"]).total_price
    assert call["cost_usd"] == expected.quantize(Decimal("1e-12"))
