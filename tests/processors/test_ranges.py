"""The ranges of a flush go through in one pass, and nobody can tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from processors.codes import spell
from processors.conventions.table import AliasTable
from processors.decode import Decoded, decode, prepare
from processors.engine import Engine, process_range, process_ranges
from processors.messages import Drop, Message, Processed
from processors.settings import WorkerSettings
from processors.sieve import process_all
from tests.processors.captures import load
from tests.processors.logs import log_message, logs, record
from tests.processors.otlp import message, request, span
from warehouse.schemas import TABLES

prepare()  # small ranges would be read through objects
ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.id": "chatcmpl-0123456789",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "tenant.id": "acme",
}
SCORED = {"event.name": "gen_ai.evaluation.result", "gen_ai.evaluation.name": "helpful"}
ODD = (
    request(span(CHAT), span(CHAT | {"feature": "jane@example.com"}), span(CHAT, span_id=b"")),
    request(span(CHAT | {"gen_ai.usage.input_tokens": -1, "task.outcome": "success"})),
    request(span(CHAT | {"gen_ai.evaluation.name": "", "gen_ai.evaluation.score.value": 1.0, "feature": "x" * 200})),
    b"\xff\xff not a request",
    b"",
)


def captured(kind: str) -> list[Message]:
    return [message(one.value) for one in load(kind)]


def dealt(messages: list[Message], partitions: int, seed: int) -> list[list[Message]]:
    """Messages over partitions; each partition may have any, and some have the same."""
    rng = random.Random(seed)
    hands: list[list[Message]] = [[] for _ in range(partitions)]
    for one in messages:
        for partition in {rng.randrange(partitions), rng.randrange(partitions)}:
            hands[partition].append(replace(one, partition=partition, offset=len(hands[partition])))
    return hands


def assert_same(one: Processed, other: Processed) -> None:
    for name, table in other.tables.items():
        assert one.tables[name].to_pylist() == table.to_pylist(), name
        assert one.tables[name].schema == table.schema
    assert replace(one, tables={}) == replace(other, tables={})


@pytest.mark.long
@pytest.mark.parametrize(("kind", "seed"), [("pb", 1), ("json", 2)])
def test_what_a_range_becomes_does_not_depend_on_the_ranges_beside_it(kind: str, seed: int):
    ranges = dealt([*captured(kind), *map(message, ODD * 3)], 5, seed)

    together = process_ranges([*ranges, []], ENGINE)

    for alone, beside in zip([*ranges, []], together, strict=True):
        assert_same(beside, process_range(alone, ENGINE))


def test_records_of_logs_and_spans_go_together():
    spans, told = [message(request(span(CHAT)))], [log_message(logs(record("gen_ai.evaluation.result", SCORED)))]

    for alone, beside in zip((told, spans), process_ranges([told, spans], ENGINE), strict=True):
        assert_same(beside, process_range(alone, ENGINE))


def test_a_call_that_two_partitions_tell_is_billed_in_both_until_settlement():
    one = message(request(span(CHAT)))

    made = process_ranges([[one], [replace(one, partition=1)]], ENGINE)

    assert [each.tables["spans"]["billable"].to_pylist() for each in made] == [[True], [True]]


def test_a_message_that_stops_the_engine_leaves_the_other_partitions_whole(monkeypatch: pytest.MonkeyPatch):
    def stopping(messages: Sequence[Message], table: AliasTable) -> Decoded:
        if any(one.value == b"stop" for one in messages):
            raise ZeroDivisionError
        return decode(messages, table)

    monkeypatch.setattr("processors.engine.decode", stopping)
    good, bad = message(request(span(CHAT))), message(b"stop")

    made = process_all([[good], [good, bad]], ENGINE)

    assert_same(made[0], process_range([good], ENGINE))
    assert made[1].tables["spans"].equals(made[0].tables["spans"])
    assert [(letter.index, letter.reason) for letter in made[1].dead] == [(1, Drop.UNPROCESSABLE)]


VERSIONED = {"scope": "my.app", "version": "1"}


@pytest.mark.parametrize(
    "sent",
    [
        [request(span(CHAT), scope="my.app", version="")],
        [request(span(CHAT), scope="", version="")],
        [b"\xff\xff not a request"],
        [b""],
        [request(span(CHAT), **VERSIONED), request(span({"gen_ai.operation.name": "rerank"}), scope="", version="")],
    ],
    ids=["no version", "no scope", "garbage", "nothing", "a new shape without a version"],
)
def test_a_column_that_no_span_of_a_range_fills_stops_nothing(sent: list[bytes]):
    made = process_range([message(one) for one in sent], ENGINE)

    assert made.tables["spans"].num_rows + len(made.dead) == len(sent)
    assert all(spell(table).schema == TABLES[name].flushed for name, table in made.tables.items())
