"""Lake against truth: equal to the picodollar, or the verdict says where."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ingest.simulator import IncidentTruth, Line, Truth
from ingest.simulator.truth import TOKEN_KINDS
from spanledger.verdict import Measured, compare

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COST = Decimal("0.000000000001")
TOKENS = dict.fromkeys(TOKEN_KINDS, 7)
TRUTH = Truth(
    spans=3,
    calls=2,
    priced_calls=1,
    tokens=TOKENS,
    cost_usd=COST,
    outcomes={"failure": 1, "success": 1, "unknown": 3},
    routes={"canary": 1},
    by=(Line(tenant="acme", feature="chat", model="m", calls=2, priced_calls=1, tokens=TOKENS, cost_usd=COST),),
    incidents=(
        IncidentTruth(
            kind="retry_loop",
            tenant="acme",
            feature="chat",
            started_at=NOON,
            ended_at=NOON + timedelta(minutes=1),
            baseline_usd=Decimal(1),
            extra_usd=Decimal(9),
        ),
    ),
)
MEASURED = Measured(
    integrity={
        "distinct_spans": 3,
        "spans": 3,
        "billable_spans": 2,
        "usage_calls": 2,
        "dropped": 0,
        "spans_cost_usd": COST,
    },
    total={"priced_calls": 1, "cost_usd": COST, **TOKENS},
    by=[{"tenant": "acme", "feature": "chat", "model": "m", "calls": 2, "cost_usd": COST, **TOKENS}],
    routes=[{"route": None, "calls": 1}, {"route": "canary", "calls": 1}],
    outcomes=[{"name": "success", "outcomes": 2}, {"name": "groundedness", "outcomes": 9}],
    incidents=[{"tenant": "acme", "feature": "chat", "opened_at": NOON + timedelta(seconds=40)}],
)


def differences(measured: Measured) -> list[str]:
    return [check.name for check in compare(TRUTH, measured) if not check.agrees]


def changed(name: str, **values: Any) -> Measured:
    return dataclasses.replace(MEASURED, **{name: {**getattr(MEASURED, name), **values}})


def test_a_lake_that_holds_what_was_sent_agrees():
    assert differences(MEASURED) == []


def test_one_picodollar_too_much_differs():
    assert differences(changed("total", cost_usd=COST * 2)) == ["cost by usage, USD"]


def test_a_row_twice_or_a_dropped_span_differs():
    assert differences(changed("integrity", spans=4)) == ["rows of spans"]
    assert differences(changed("integrity", dropped=1)) == ["dropped"]


def test_a_call_by_another_way_or_a_verdict_that_nobody_gave_differs():
    routes = [{"route": None, "calls": 1}, {"route": "primary", "calls": 1}]
    judged = [*MEASURED.outcomes, {"name": "safe", "outcomes": 1}]

    assert differences(dataclasses.replace(MEASURED, routes=routes)) == ["calls by route"]
    assert differences(dataclasses.replace(MEASURED, outcomes=judged)) == ["tasks judged safe or not"]
    assert differences(dataclasses.replace(MEASURED, outcomes=[])) == ["tasks that succeeded or not"]


def test_an_unknown_cost_is_not_zero():
    line = {**MEASURED.by[0], "cost_usd": None}

    assert differences(dataclasses.replace(MEASURED, by=[line])) == ["lines that differ by tenant, feature, model"]


def test_an_incident_that_was_not_opened_or_at_another_time_or_elsewhere_differs():
    late = {**MEASURED.incidents[0], "opened_at": NOON + timedelta(minutes=11)}
    elsewhere = {**MEASURED.incidents[0], "feature": "other"}

    opened, another_time = "retry_loop of acme/chat: times opened", "incidents there at another time"
    assert differences(dataclasses.replace(MEASURED, incidents=[])) == [opened]
    assert differences(dataclasses.replace(MEASURED, incidents=[late])) == [opened, another_time]
    assert differences(dataclasses.replace(MEASURED, incidents=[*MEASURED.incidents, late])) == [another_time]
    assert differences(dataclasses.replace(MEASURED, incidents=[*MEASURED.incidents, elsewhere])) == [
        "incidents elsewhere"
    ]


def test_an_incident_that_was_opened_twice_differs():
    again = {**MEASURED.incidents[0], "opened_at": NOON + timedelta(minutes=3)}
    twice = dataclasses.replace(MEASURED, incidents=[*MEASURED.incidents, again])

    (check,) = [check for check in compare(TRUTH, twice) if not check.agrees]

    assert (check.name, check.expected, check.found) == ("retry_loop of acme/chat: times opened", 1, 2)


def test_what_health_says_of_an_incident_beside_is_not_counted_but_elsewhere_it_is():
    beside = {**MEASURED.incidents[0], "signal": "errors_answer"}
    elsewhere = {**beside, "feature": "other"}

    assert differences(dataclasses.replace(MEASURED, incidents=[*MEASURED.incidents, beside])) == []
    assert differences(dataclasses.replace(MEASURED, incidents=[beside])) == ["retry_loop of acme/chat: times opened"]
    assert differences(dataclasses.replace(MEASURED, incidents=[*MEASURED.incidents, elsewhere])) == [
        "incidents elsewhere"
    ]
