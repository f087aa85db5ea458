"""A call is billed once: which span is billed, which rule suppresses the others, and what is never a duplicate."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from processors.conventions.rules import scopes
from tests.warehouse.look_alikes import APART, LINKED, beside
from tests.warehouse.scenes import SCENES, USAGE
from tests.warehouse.told import in_ledgers, settle, span, table, told_once, tool, verdicts
from warehouse import once

ROWS = [*(rows for rows, _ in SCENES.values()), *APART.values()]
NAMES = [*SCENES, *APART]


@cache
def judged(*, backwards: bool) -> list[dict[str, str]]:
    """Verdicts of all scenes, from one run of the rules."""
    rows = in_ledgers(ROWS)
    return verdicts(once.apply(table(*(reversed(rows) if backwards else rows))), len(ROWS))


@pytest.mark.parametrize("scene", SCENES)
def test_every_call_is_billed_once(scene: str):
    assert judged(backwards=False)[NAMES.index(scene)] == SCENES[scene][1]


@pytest.mark.parametrize("scene", SCENES)
def test_the_order_of_spans_changes_no_verdict(scene: str):
    assert judged(backwards=True)[NAMES.index(scene)] == SCENES[scene][1]


@pytest.mark.parametrize("scene", APART)
def test_calls_that_only_look_alike_are_all_billed(scene: str):
    assert set(judged(backwards=False)[NAMES.index(scene)].values()) <= {"billed", "no_model_call"}


def test_what_a_third_instrumentation_links_stays_two_calls_where_it_contradicts_itself():
    flush = once.apply(table(*in_ledgers(LINKED.values())))

    assert dict(zip(LINKED, settle(flush), strict=True)) == dict.fromkeys(LINKED, 2)


def parted(rows: list[dict[str, Any]], cut: int, side: int) -> list[dict[str, Any]]:
    """The rows whose bit of the number ``cut`` is ``side``."""
    return [row for place, row in enumerate(rows) if cut >> place & 1 == side]


def named(numbers: list[int], cuts: list[tuple[int, int]]) -> list[tuple[str, int, int]]:
    """Each number with its scene and cut, so that a failure says where."""
    return [(NAMES[number], cut, one) for (number, cut), one in zip(cuts, numbers, strict=True)]


def test_settling_a_flush_changes_nothing():
    flush = once.apply(table(*in_ledgers(ROWS)))

    billed = [sum(one == "billed" for one in told.values()) for told in judged(backwards=False)]
    assert settle(flush) == billed


def test_settling_two_flushes_bills_as_many_calls_as_one_flush_had_billed_however_they_part_the_spans():
    cuts = [(number, cut) for number, rows in enumerate(ROWS) for cut in range(2 ** len(rows))]
    first, second = ([parted(ROWS[number], cut, side) for number, cut in cuts] for side in (0, 1))

    one, other = (once.apply(table(*in_ledgers(part))) for part in (first, second))

    billed = [sum(one == "billed" for one in told.values()) for told in judged(backwards=False)]
    expected = [billed[number] for number, _ in cuts]
    assert named(settle(one, other), cuts) == named(expected, cuts)  # each cut is there from either side


@pytest.mark.parametrize("name", ["tenant", "feature"])
def test_names_of_one_rank_that_differ_are_of_two_calls_also_when_the_flush_is_settled(name: str):
    rows = in_ledgers(
        [beside({name: "one"}, {name: "other"}), beside({name: "one"}, {name: "other", f"{name}_rank": 3})]
    )

    flush = once.apply(table(*rows))

    assert [sorted(told.values()) for told in verdicts(flush, 2)] == [["billed"] * 2, ["billed", "same_call>b"]]
    assert settle(flush) == [2, 1]


def test_a_thread_of_the_provider_beside_a_session_of_the_application_is_one_call_also_when_the_flush_is_settled():
    two_names = beside({"session_id": "cart-7"}, {"session_id": "thread_9"})
    told = [[row | {"trace_id": two_names[0]["trace_id"]} for row in two_names]]

    flush = once.apply(table(*in_ledgers(told)))

    assert [sorted(one.values()) for one in verdicts(flush, 1)] == [["billed", "same_call>b"]]
    assert settle(flush) == [1]


def test_a_record_that_stands_twice_is_billed_where_it_came_first():
    first, again = span("a", source_offset=4, **USAGE), span("a", source_offset=7, **USAGE)

    applied = once.apply(table(again, first, tool("t", source_offset=4), tool("t", source_offset=7))).to_pylist()

    assert [(row["billable"], row["_why"], row["suppressed_by"]) for row in applied] == [
        (False, "repeated_record", b"a".ljust(8, b"\0")),
        (True, None, None),
        (False, "no_model_call", None),
        (False, "repeated_record", b"t".ljust(8, b"\0")),
    ]


def test_a_tenant_cannot_silence_a_span_of_another_by_its_ids():
    stamped = {"tenant_rank": 0, **USAGE}
    rows = [
        span("a", source_offset=4, tenant="mallory", **stamped | {"input_tokens": 1}),
        span("a", source_offset=5, tenant="acme", **stamped),
        span("a", source_offset=6, tenant="acme", **stamped),
    ]

    applied = once.apply(table(*rows)).to_pylist()

    assert [(row["tenant"], row["_why"], row["input_tokens"]) for row in applied] == [
        ("mallory", None, 1),
        ("acme", None, 1200),
        ("acme", "repeated_record", 1200),
    ]


def test_a_repeated_wrapper_wraps_nothing_twice():
    rows = [span("outer", **USAGE), span("leaf", "outer", **USAGE)]

    applied = once.apply(table(*rows, *rows)).to_pylist()

    assert [row["_why"] for row in applied] == ["wraps_call", None, "repeated_record", "repeated_record"]


def test_no_rule_looks_from_one_ledger_into_another():
    rows = [span("a", response_id="msg_12345678", **USAGE), tool("parent", tenant="acme"), span("b", "parent")]

    told = told_once(
        *({**row, once.LEDGER: number} for number, row in enumerate([*rows, rows[0] | {"trace_id": b"u"}]))
    )

    assert [(row["billable"], row["tenant"]) for row in told.values()] == [(True, None), (False, "acme"), (True, None)]


def test_spans_that_nothing_repeats_cost_no_query():
    named = {once.LEDGER: 0, **USAGE}
    rows = [span(f"s{n}", trace=f"t{n}", response_id=f"msg_{n:03}45678", **named) for n in range(5)]

    assert once.look(table(*rows)).verdict.is_empty()
    assert all(row["billable"] for row in told_once(*rows).values())


def test_a_range_without_spans_gets_its_columns():
    assert {"billable", "suppressed_by", "_why"} <= set(once.apply(table()).column_names)


def test_the_rules_of_the_lake_know_how_good_the_counts_of_each_convention_are():
    with duckdb.connect() as connection:
        connection.execute(connection.extract_statements((Path(once.__file__).parent / "records.sql").read_text())[0])
        ranks = {
            scope.convention: connection.execute("SELECT rank_of(?)", [scope.convention]).fetchone()
            for scope in scopes()
        }

    assert ranks == {scope.convention: (scope.usage_rank,) for scope in scopes()}
