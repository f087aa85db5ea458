"""The safety table: one event per span and category, beside every call that could have been caught."""

from __future__ import annotations

from typing import Any

from processors.safety import roll_up_safety
from tests.processors.calls import call, spans
from warehouse.schemas import SAFETY


def roll(*rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("category", "action", "events", "checked_calls")
    return [tuple(row[name] for name in names) for row in roll_up_safety(spans(*rows)).to_pylist()]


def test_an_event_and_its_denominator_are_rows_of_their_own():
    caught = call(safety_category="hate", guardrail_action="blocked")

    assert roll(caught, call(), caught) == [("hate", "blocked", 2, 0), (None, None, 0, 3)]


def test_one_span_may_tell_of_several_categories_each_once():
    row = call(safety_category="pii", pii_detected=True, injection_detected=True, guardrail_action="redacted")

    assert roll(row)[:2] == [("pii", "redacted", 1, 0), ("prompt_injection", "redacted", 1, 0)]


def test_a_guardrail_span_is_an_event_but_no_checked_call():
    row = call(operation="guardrail", billable=False, safety_category="violence", guardrail_action="flagged")

    assert roll(row) == [("violence", "flagged", 1, 0)]


def test_a_suppressed_duplicate_tells_nothing_twice():
    twin = call(safety_category="hate", guardrail_action="blocked", billable=False, suppressed_by=b"12345678")

    assert roll(twin) == []


def test_calls_of_other_tenants_features_and_models_are_counted_apart():
    rows = [
        call(tenant="a", request_model="m"),
        call(tenant="b", response_model="m"),
        call(tenant="a", request_model="n"),
    ]

    table = roll_up_safety(spans(*rows)).to_pylist()

    assert [(row["tenant"], row["model"], row["checked_calls"]) for row in table] == [
        ("a", "m", 1),
        ("b", "m", 1),
        ("a", "n", 1),
    ]


def test_the_table_has_exactly_the_columns_of_the_schema():
    assert roll_up_safety(spans(call())).schema == SAFETY
    assert roll_up_safety(spans()).schema == SAFETY
