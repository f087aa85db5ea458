"""The safety table: one event per span and category, beside every check that could have made one."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from processors.safety import roll_up_safety
from tests.processors import calls
from tests.processors.calls import call, spans
from tests.warehouse.samples import stretch
from warehouse.lake import Flush, Lake
from warehouse.once.safety import ANY
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import SAFETY
from warehouse.settings import LakeSettings

HOUR = timedelta(hours=1)


def guard(**fields: Any) -> dict[str, Any]:
    """One run of a guard: no call."""
    return call(operation="guardrail", billable=False) | fields


def roll(*rows: dict[str, Any], totals: bool = False) -> list[tuple[Any, ...]]:
    """Rows by category; with ``totals`` those of whatever category instead."""
    names = ("category", "action", "events", "checked_calls")
    table = roll_up_safety(spans(*rows)).to_pylist()
    return [tuple(row[name] for name in names) for row in table if (row["category"] == ANY) is totals]


def filled(tmp_path: Path, *cases: list[dict[str, Any]]) -> Warehouse:
    """A lake with the spans of each case, which ended in an hour of its own."""
    settings = LakeSettings(url=str(tmp_path / "lake"))
    part = stretch(0, 100)
    rows = [row | {"ended_at": row["ended_at"] + n * HOUR} for n, case in enumerate(cases) for row in case]
    tables: dict[str, dict[str, pa.Table]] = {"safety": {part.app_id: roll_up_safety(spans(*rows))}}
    Lake.open(settings).commit(Flush(ranges=(part,), tables=tables))
    return Warehouse(settings)


def answered(lake: Warehouse, number: int, by: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the question says of this case's spans, by the group's values, category and action."""
    start = calls.NOON + number * HOUR
    answer = lake.ask("safety", ALL, by=by, start=start, end=start + HOUR).to_pylist()
    keys = [*by.split(","), "category", "action"] if by else ["category", "action"]
    return {tuple(row[key] for key in keys): row for row in answer}


def report(tmp_path: Path, *rows: dict[str, Any], by: str = "tenant") -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the question says of these spans."""
    return answered(filled(tmp_path, list(rows)), 0, by)


def test_an_event_and_its_checks_are_rows_of_their_own():
    caught = call(safety_category="hate", guardrail_action="blocked")

    assert roll(caught, call(), caught) == [
        ("hate", "blocked", 2, 0),
        ("content_filter", None, 0, 3),
        (None, None, 0, 3),
    ]


def test_one_span_may_tell_of_several_categories_each_once():
    row = call(safety_category="pii", pii_detected=True, injection_detected=True, guardrail_action="redacted")

    assert roll(row)[:2] == [("pii", "redacted", 1, 0), ("prompt_injection", None, 1, 0)]


def test_what_was_detected_beside_a_block_was_not_blocked_by_it(tmp_path: Path):
    filtered = call(safety_category="content_filter", guardrail_action="blocked", injection_detected=True)
    blocked = call(safety_category="prompt_injection", guardrail_action="blocked", injection_detected=True)

    answer = report(tmp_path, filtered, blocked, by="")

    assert answer["content_filter", "blocked"]["events"] == 1
    injections = [answer["prompt_injection", action] for action in ("blocked", None)]
    assert [(row["events"], row["contained_rate"]) for row in injections] == [(1, 0.5), (1, 0.5)]


def test_a_call_that_was_blocked_for_two_reasons_counts_in_both_and_once_in_all():
    both = call(safety_category="hate", guardrail_action="blocked", safety_findings="hate=blocked violence=blocked")

    assert roll(both, call()) == [
        ("hate", "blocked", 1, 0),
        ("violence", "blocked", 1, 0),
        ("content_filter", None, 0, 2),
        (None, None, 0, 2),
    ]
    assert roll(both, call(), totals=True) == [(ANY, "blocked", 1, 0), (ANY, None, 0, 2)]


def test_each_category_has_its_own_action_and_one_that_nobody_told_is_the_spans():
    row = call(
        safety_category="hate", guardrail_action="blocked", safety_findings="hate=blocked violence=flagged pii= topic="
    )

    assert [line[:3] for line in roll(row) if line[2]] == [
        ("hate", "blocked", 1),
        ("violence", "flagged", 1),
        ("pii", "blocked", 1),
        ("topic", "blocked", 1),
    ]
    assert roll(row, totals=True) == [(ANY, "blocked", 1, 0), (ANY, None, 0, 1)]


def test_what_was_let_through_beside_what_was_found_is_an_event_of_guards_alone():
    told = {
        "safety_category": "hate",
        "guardrail_action": "blocked",
        "safety_findings": "hate=blocked violence=allowed",
    }

    assert [line for line in roll(guard(**told)) if line[0] == "violence"] == [
        ("violence", "allowed", 1, 0),
        ("violence", None, 0, 1),
    ]
    assert [line for line in roll(call(**told)) if line[0] == "violence"] == []


def test_a_guard_that_names_all_that_it_let_through_is_a_check_of_each():
    silent = guard(guardrail_action="allowed", safety_findings="hate=allowed violence=allowed")

    assert roll(silent) == [
        ("hate", "allowed", 1, 0),
        ("violence", "allowed", 1, 0),
        ("hate", None, 0, 1),
        ("violence", None, 0, 1),
    ]
    assert roll(silent, totals=True) == [(ANY, "allowed", 1, 0), (ANY, None, 0, 1)]


def test_rates_of_categories_overlap_and_the_total_counts_each_call_once(tmp_path: Path):
    both = call(
        finish_reason="content_filter",
        safety_category="hate",
        guardrail_action="blocked",
        safety_findings="hate=blocked violence=blocked",
    )
    one = call(finish_reason="content_filter", safety_category="violence", guardrail_action="blocked")

    answer = report(tmp_path, both, both, one, *[call(finish_reason="stop")] * 5, by="")

    told = {key[0]: (row["triggered"], row["checked_calls"], row["trigger_rate"]) for key, row in answer.items()}
    assert told == {"any": (3, 8, 3 / 8), "hate": (2, 8, 2 / 8), "violence": (3, 8, 3 / 8)}
    assert next(iter(answer))[0] == "any"
    assert answer["any", "blocked"]["checked_over"] == "all checks"
    assert answer["hate", "blocked"]["checked_over"] == "finished calls"


def test_no_rate_of_several_categories_is_above_one(tmp_path: Path):
    categories = ["hate", "topic", "pii", "prompt_injection", "secrets"]

    def told_by(category: str) -> list[dict[str, Any]]:
        told = {"guardrail_action": "blocked", "safety_findings": f"{category}=blocked other=flagged violence=allowed"}
        seen = {"pii_detected": category == "pii" or None, "injection_detected": category == "prompt_injection" or None}
        return [
            call(safety_category=category, **told, **seen),
            guard(safety_category=category, **told, **seen),
            guard(guardrail_action="allowed"),
            call(status="error", safety_category=category, **told, **seen),
        ]

    lake = filled(tmp_path, *map(told_by, categories))

    for number, category in enumerate(categories):
        answer = answered(lake, number, by="")
        assert {key[0] for key in answer} >= {"any", category, "other"}, category
        assert all(row["event_rate"] <= 1 and row["trigger_rate"] <= 1 for row in answer.values()), category
        assert all((row["event_rate"] > 0) == (row["events"] > 0) for row in answer.values()), category


def test_a_guardrail_span_is_an_event_and_a_check_but_no_call():
    assert roll(guard(safety_category="violence", guardrail_action="flagged")) == [
        ("violence", "flagged", 1, 0),
        ("violence", None, 0, 1),
    ]


def test_only_spans_that_looked_for_personal_data_are_checks_of_it():
    rows = [call(pii_detected=True), call(pii_detected=False), call(pii_detected=False), call(), call()]

    found = roll(*rows)

    assert ("pii", None, 1, 0) in found
    assert ("pii", None, 0, 3) in found
    assert (None, None, 0, 5) in found


def test_a_failed_call_never_came_past_the_filter_but_a_refused_one_did():
    failed = call(status="error", error_class="rate_limit")
    refused = call(status="error", safety_category="content_filter", guardrail_action="blocked")

    found = roll(failed, refused, call(finish_reason="stop"))

    assert ("content_filter", None, 0, 2) in found
    assert (None, None, 0, 3) in found


def test_a_guard_that_does_not_say_what_it_looks_for_may_have_looked_for_anything(tmp_path: Path):
    silent = guard(guardrail_action="allowed")
    found = guard(safety_category="pii", guardrail_action="redacted", pii_detected=True)

    answer = report(tmp_path, silent, silent, silent, found, by="")

    assert answer["pii", "redacted"]["checked_calls"] == 4
    assert answer["pii", "redacted"]["event_rate"] == 0.25
    assert answer["pii", "redacted"]["checked_over"] == "checks for it + guardrail runs"


def test_a_guard_without_a_result_is_no_check():
    assert roll(guard()) == []


def test_a_suppressed_duplicate_tells_nothing_twice():
    twin = call(safety_category="hate", guardrail_action="blocked", billable=False, suppressed_by=b"12345678")

    assert roll(twin) == []


def test_each_rate_says_over_what_it_is(tmp_path: Path):
    rows = [
        *[call(tenant="a", feature="f", finish_reason="stop", pii_detected=False) for _ in range(3)],
        call(tenant="a", feature="f", finish_reason="stop", pii_detected=True),
        *[call(tenant="a", feature="g", finish_reason="stop") for _ in range(5)],
        call(
            tenant="a", feature="g", finish_reason="content_filter", safety_category="hate", guardrail_action="blocked"
        ),
        call(tenant="b", status="error", error_class="timeout"),
    ]

    answer = report(tmp_path, *rows, by="tenant,feature")

    pii, hate = answer["a", "f", "pii", None], answer["a", "g", "hate", "blocked"]
    assert (pii["events"], pii["checked_calls"], pii["event_rate"], pii["checked_over"]) == (
        1,
        4,
        0.25,
        "checks for it",
    )
    assert (hate["events"], hate["checked_calls"], hate["trigger_rate"]) == (1, 6, 1 / 6)
    assert (hate["checked_over"], hate["calls"]) == ("finished calls", 6)
    assert ("b", None) not in {key[:2] for key in answer}


def test_what_was_looked_for_and_never_found_has_a_line_with_its_denominator(tmp_path: Path):
    rows = [
        *[call(tenant="a", feature="f", finish_reason="stop", pii_detected=False) for _ in range(3)],
        call(tenant="a", feature="g", finish_reason="stop", pii_detected=True, guardrail_action="flagged"),
        call(tenant="b", feature="f", finish_reason="stop"),
        call(tenant="c", status="error", error_class="timeout"),
    ]

    answer = report(tmp_path, *rows, by="tenant,feature")

    rates = {key: (row["events"], row["checked_calls"], row["event_rate"]) for key, row in answer.items()}
    assert rates == {
        ("a", "g", "any", "flagged"): (1, 1, 1.0),
        ("a", "f", "any", None): (0, 3, 0.0),
        ("b", "f", "any", None): (0, 1, 0.0),
        ("a", "g", "pii", "flagged"): (1, 1, 1.0),
        ("a", "f", "content_filter", None): (0, 3, 0.0),
        ("a", "f", "pii", None): (0, 3, 0.0),
        ("b", "f", "content_filter", None): (0, 1, 0.0),
    }
    quiet = answer["a", "f", "pii", None]
    assert (quiet["triggered"], quiet["trigger_rate"], quiet["contained_rate"]) == (0, 0.0, None)
    assert (quiet["checked_over"], quiet["calls"]) == ("checks for it", 3)


def test_an_injection_is_contained_where_it_was_blocked(tmp_path: Path):
    caught = guard(safety_category="prompt_injection", injection_detected=True, guardrail_action="blocked")
    missed = call(injection_detected=True, guardrail_action="flagged")
    clean = guard(safety_category="prompt_injection", injection_detected=False, guardrail_action="allowed")

    answer = report(tmp_path, caught, caught, caught, missed, clean, clean, by="")

    row = answer["prompt_injection", "blocked"]
    assert (row["events"], row["checked_calls"], row["triggered"], row["contained_rate"]) == (3, 6, 4, 0.75)
    assert (row["event_rate"], row["trigger_rate"]) == (0.5, 4 / 6)
    assert answer["prompt_injection", "allowed"]["events"] == 2


def test_no_rate_is_above_one(tmp_path: Path):
    categories = ["hate", "toxicity", "topic", "ungrounded", "pii", "prompt_injection", "other"]
    groups = ["", "tenant", "tenant,feature", "service"]

    def told_by(category: str) -> list[dict[str, Any]]:
        told = {"safety_category": category, "guardrail_action": "blocked"}
        seen = {"pii_detected": category == "pii" or None, "injection_detected": category == "prompt_injection" or None}
        return [
            call(tenant="a", **told, **seen),
            guard(tenant="a", service="g", **told, **seen),
            call(tenant="b", status="error", **told, **seen),
        ]

    lake = filled(tmp_path, *map(told_by, categories))

    for (number, category), by in itertools.product(enumerate(categories), groups):
        rates = [(row["events"], row["event_rate"]) for row in answered(lake, number, by).values()]
        assert sum(events for events, _ in rates), (category, by)
        assert all(rate <= 1 and (rate > 0) == (events > 0) for events, rate in rates), (category, by)


def test_calls_of_other_tenants_features_and_models_are_counted_apart():
    rows = [
        call(tenant="a", request_model="m"),
        call(tenant="b", response_model="m"),
        call(tenant="a", request_model="n"),
    ]

    table = [row for row in roll_up_safety(spans(*rows)).to_pylist() if row["category"] is None]

    assert [(row["tenant"], row["model"], row["checked_calls"]) for row in table] == [
        ("a", "m", 1),
        ("b", "m", 1),
        ("a", "n", 1),
    ]


def test_parts_add_up_to_the_whole():
    rows = [call(pii_detected=number % 2 == 0, finish_reason="stop") for number in range(6)]

    whole, parts = roll(*rows), [*roll(*rows[:2]), *roll(*rows[2:])]

    def sums(found: list[tuple[Any, ...]]) -> dict[tuple[Any, Any], tuple[int, int]]:
        keys = {row[:2] for row in found}
        return {key: tuple(sum(row[i] for row in found if row[:2] == key) for i in (2, 3)) for key in keys}  # type: ignore[misc]

    assert sums(whole) == sums(parts)


def test_the_table_has_exactly_the_columns_of_the_schema():
    assert roll_up_safety(spans(call())).schema == SAFETY
    assert roll_up_safety(spans()).schema == SAFETY


def test_the_checks_of_all_are_those_of_each_tenant_together(tmp_path: Path):
    """A call that tells of a category makes no checks of it of what another tenant's guards look at."""
    looked = {"safety_category": "toxicity", "tenant": "acme", "feature": "chat"}
    lake = filled(
        tmp_path,
        [
            guard(guardrail_action="blocked", **looked),
            guard(guardrail_action="allowed", **looked),
            *(call(tenant="acme", feature="chat") for _ in range(20)),
            call(tenant="beta", feature="chat", safety_category="toxicity", guardrail_action="flagged"),
            *(call(tenant="beta", feature="chat") for _ in range(9)),
            guard(tenant="beta", feature="search", guardrail_action="allowed"),
        ],
    )

    found = {by: answered(lake, 0, by) for by in ("tenant", "feature", "")}

    assert found["tenant"]["acme", "toxicity", "blocked"]["checked_calls"] == 2
    assert found["tenant"]["beta", "toxicity", "flagged"]["checked_calls"] == 10
    assert found["feature"]["chat", "toxicity", "blocked"]["checked_calls"] == 12
    whole = found[""]["toxicity", "flagged"]
    assert (whole["checked_calls"], whole["checked_over"]) == (12, "finished calls + checks for it")
