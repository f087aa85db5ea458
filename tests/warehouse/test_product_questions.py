"""What product managers ask, of lakes small enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.users import name_user
from tests.warehouse.held import held
from tests.warehouse.samples import NOON, span, usage
from warehouse.errors import BadQuestion
from warehouse.questions import load_question
from warehouse.reader import ALL

Row = dict[str, Any]
Ask = Callable[..., list[Row]]
DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def holding(tmp_path: Path) -> Callable[..., Ask]:
    """Makes a lake of what workers and settlements wrote and gives a way to ask it."""

    def hold(closed_to: datetime = MONDAY + 60 * DAY, **tables: Sequence[Mapping[str, Any]]) -> Ask:
        snapshot = held(tmp_path / "lake", closed_to, **tables)
        return lambda question, **params: snapshot.ask(question, ALL, **params).to_pylist()

    return hold


def uses(user: str, days: Iterable[int], tenant: str = "acme", feature: str = "chat", **values: Any) -> list[Row]:
    """Calls of a user on days after MONDAY, at noon."""
    plain = {"tenant": tenant, "feature": feature, "user_id": user, "calls": 1, "cost_usd": Decimal(1)}
    return [plain | {"hour": MONDAY + day * DAY + timedelta(hours=12)} | values for day in days]


def by_day(answer: list[Row], *names: str) -> dict[int, tuple[Any, ...]]:
    """Some columns by the day after MONDAY."""
    return {(row["bucket"] - MONDAY) // DAY: tuple(row[name] for name in names) for row in answer}


def test_people_are_counted_on_the_day_and_in_7_and_30_days_up_to_it(holding: Callable[..., Ask]):
    ask = holding(MONDAY + 32 * DAY, user_days=[*uses("a", [0, 1, 8]), *uses("b", [1]), *uses("b", [1], tenant="beta")])

    days = by_day(ask("adoption"), "daily_users", "weekly_users", "monthly_users", "stickiness")

    assert len(days) == 32
    assert days[0] == (1, 1, 1, 1.0)
    assert days[1] == (3, 3, 3, 1.0)  # b of acme is another person than b of beta
    assert days[7] == (0, 3, 3, 0.0)
    assert days[8] == (1, 1, 3, 1 / 3)
    assert days[14] == (0, 1, 3, 0.0)
    assert days[15] == (0, 0, 3, 0.0)
    assert days[30] == (0, 0, 3, 0.0)
    assert days[31] == (0, 0, 1, 0.0)


def test_who_is_new_came_back_and_has_left_explains_how_many_there_are_in_30_days(holding: Callable[..., Ask]):
    times = {"a": [0, 3, 40], "b": [2, 31], "c": [2, 32], "d": [5, 36], "e": range(0, 60, 7), "f": [59]}
    ask = holding(user_days=[row for user, days in times.items() for row in uses(user, days)])

    days = by_day(ask("adoption"), "monthly_users", "new_users", "returning_users", "back_users", "left_users")

    assert days[2] == (4, 2, 0, 0, 0)
    assert days[31] == (5, 0, 1, 0, 0)  # b was there 29 days ago
    assert days[32] == (5, 0, 1, 0, 0)  # c was there 30 days ago, and so never left
    assert days[33] == (4, 0, 0, 0, 1)  # a left
    assert days[35] == (3, 0, 1, 0, 1)  # d left
    assert days[36] == (4, 0, 1, 1, 0)  # and was back the day after
    for day in range(1, 60):
        (month, new, _, back, left), (before, *_) = days[day], days[day - 1]
        assert month == before + new + back - left


def test_days_are_those_of_the_zone_and_say_whether_they_are_settled(holding: Callable[..., Ask]):
    late = uses("a", [0], hour=MONDAY + timedelta(hours=23))
    ask = holding(MONDAY + 2 * DAY, user_days=late)

    in_berlin = ask("adoption", zone="Europe/Berlin")

    assert [(row["bucket"], row["daily_users"], row["complete"]) for row in in_berlin] == [
        (MONDAY + timedelta(hours=23), 1, True),
        (MONDAY + timedelta(hours=47), 0, False),
    ]
    assert by_day(ask("adoption"), "daily_users", "complete") == {0: (1, True), 1: (0, True)}


def test_no_day_of_people_begins_within_an_hour():
    with pytest.raises(BadQuestion, match="zone = 'Asia/Kolkata': the books are kept by the hour of UTC"):
        load_question("adoption").parse({"zone": "Asia/Kolkata"})


def test_calls_that_were_taken_back_are_of_nobody(holding: Callable[..., Ask]):
    ask = holding(user_days=[*uses("a", [0]), *uses("a", [0], calls=-1, cost_usd=Decimal(-1)), *uses("b", [0])])

    assert by_day(ask("adoption"), "daily_users")[0] == (1,)
    assert [row["user_id"] for row in ask("users")] == [name_user("acme", "b")]


def test_who_first_came_in_a_week_is_followed_through_the_weeks_after(holding: Callable[..., Ask]):
    people = [*uses("a", [0, 6, 7, 14]), *uses("b", [1, 15]), *uses("c", [2]), *uses("d", [8, 20])]
    ask = holding(MONDAY + 20 * DAY, user_days=people)

    answer = ask("retention")

    told = [(row["cohort"], row["weeks_after"], row["cohort_users"], row["users"], row["complete"]) for row in answer]
    assert told == [
        (MONDAY, 0, 3, 3, True),
        (MONDAY, 1, 3, 1, True),
        (MONDAY, 2, 3, 2, False),
        (MONDAY + 7 * DAY, 0, 1, 1, True),
        (MONDAY + 7 * DAY, 1, 1, 1, False),
    ]
    assert answer[1]["retained"] == pytest.approx(1 / 3)


def line(tenant: str, feature: str, calls: int, cost: str | None = "1") -> Row:
    """A line of the books, on MONDAY at noon."""
    names = ("failed_cost_usd", "retry_cost_usd", "superseded_cost_usd", "suppressed_cost_usd")
    plain = {"hour": MONDAY + timedelta(hours=12), "period": MONDAY.date().replace(day=1), "entry": "settled"}
    counts = {"calls": calls, "priced_calls": calls if cost else 0, "cost_usd": Decimal(cost or 0)}
    return plain | {"tenant": tenant, "feature": feature, "status": "ok"} | counts | dict.fromkeys(names, Decimal(0))


def test_a_feature_has_come_as_far_as_tenants_and_users_use_it(holding: Callable[..., Ask]):
    ledger = [line("acme", "chat", 8), line("beta", "chat", 2), line("beta", "search", 5, None)]
    people = [*uses("a", [0], calls=6), *uses("b", [0]), *uses("b", [0], feature="search", tenant="beta")]
    ask = holding(ledger=ledger, user_days=people)

    chat, search = ask("penetration")

    assert (chat["tenants"], chat["of_tenants"], chat["tenant_share"]) == (2, 2, 1.0)
    assert (chat["users"], chat["of_users"], chat["user_share"]) == (2, 3, pytest.approx(2 / 3))
    assert (chat["user_coverage"], chat["cost_usd"]) == (0.7, Decimal(2))
    assert (search["feature"], search["tenant_share"], search["cost_usd"]) == ("search", 0.5, None)


def test_users_are_told_by_what_they_cost_with_the_days_on_which_they_came(holding: Callable[..., Ask]):
    ask = holding(
        user_days=[*uses("a", [0, 0, 3]), *uses("a", [4], feature="search"), *uses("b", [0], cost_usd=Decimal(9))]
    )

    first, second = ask("users")

    assert [first["user_id"], second["user_id"]] == [name_user("acme", name) for name in "ba"]
    assert (first["cost_usd"], first["active_days"], first["features"]) == (Decimal(9), 1, 1)
    assert (second["calls"], second["active_days"], second["features"]) == (4, 3, 2)
    assert second["last_hour"] == MONDAY + 4 * DAY + timedelta(hours=12)
    assert [row["user_id"] for row in ask("users", limit=1)] == [name_user("acme", "b")]


def verdict(number: int, name: str, **values: Any) -> Row:
    """An outcome at noon."""
    plain = {
        "outcome_id": f"o{number}",
        "observed_at": NOON,
        "received_at": NOON,
        "tenant": "acme",
        "source": "evaluator",
    }
    return plain | {"name": name} | values


def test_judgements_count_with_the_calls_that_they_are_about(holding: Callable[..., Ask]):
    spans = [
        span(1, task_id="T1", request_model="big"),
        span(2, task_id="T2", request_model="small"),
        span(3, task_id="T3", request_model="big"),
        span(4, task_id="T3", request_model="small"),
        span(5, request_model="big", response_id="r5"),
        span(6, request_model="big", tenant="beta"),
    ]
    outcomes = [
        verdict(1, "groundedness", label="grounded", score=0.9, task_id="T1"),
        verdict(2, "Hallucination", label="hallucinated", score=1.0, trace_id=(5).to_bytes(16)),
        verdict(3, "faithfulness", score=0.5, response_id="r5"),
        verdict(4, "groundedness", score=4.0, task_id="T1"),  # on a scale of its own: neither good nor bad
        verdict(5, "groundedness", label="grounded", task_id="T3"),  # of both models: of neither
        verdict(6, "groundedness", label="grounded", trace_id=(6).to_bytes(16)),  # of another tenant's call
        verdict(7, "helpful", label="unhelpful", score=0.0, task_id="T2", source="human"),
        verdict(7, "helpful", label="unhelpful", score=0.0, task_id="T2", source="human"),  # told twice
    ]
    ask = holding(spans=spans, outcomes=outcomes)

    told = {(row["model"], row["judged"]): row for row in ask("evaluations", by="model", where={"tenant": ["acme"]})}

    assert set(told) == {("big", "groundedness"), ("big", "any"), ("small", "helpfulness")}
    big = told["big", "groundedness"]
    assert (big["judgements"], big["good"], big["bad"], big["bad_rate"]) == (4, 2, 1, pytest.approx(1 / 3))
    assert (big["scored"], big["score_mean"]) == (4, pytest.approx((0.9 + 1.0 + 0.5 + 4.0) / 4))
    assert (big["judged_tasks"], big["tasks"], big["coverage"]) == (2, 3, pytest.approx(2 / 3))
    small = told["small", "helpfulness"]
    assert (small["judgements"], small["good_rate"], small["tasks"]) == (1, 0.0, 2)
    (whole, *_) = ask("evaluations", by=(), where={"tenant": ["acme"]})
    assert (whole["judged"], whole["judgements"], whole["tasks"]) == ("any", 5, 4)


def test_a_task_over_midnight_is_judged_once_on_the_day_of_its_last_call(holding: Callable[..., Ask]):
    spans = [span(1, task_id="T1"), span(2, task_id="T1", ended_at=NOON + DAY), span(3, task_id="T2")]
    ask = holding(spans=spans, outcomes=[verdict(1, "groundedness", label="grounded", task_id="T1")])

    told = [row for row in ask("evaluations", bucket="day", by=()) if row["judged"] == "groundedness"]

    assert [(row["bucket"].date(), row["good"], row["tasks"]) for row in told] == [((NOON + DAY).date(), 1, 1)]


def test_tools_and_retrievals_are_told_by_how_often_they_fail(holding: Callable[..., Ask]):
    run = {
        "billable": False,
        "cost_usd": None,
        "price_status": None,
        "operation": "execute_tool",
        "tool_name": "search",
    }
    spans = [
        span(1, **run, duration_ms=10.0),
        span(2, **run, duration_ms=30.0, status="error"),
        span(3, **run, suppressed_by=b"12345678"),
        span(4, **run | {"operation": "retrieval", "tool_name": None}),
        span(5),
    ]
    ask = holding(spans=spans)

    search, retrieval = ask("tools")

    assert (search["tool_name"], search["runs"], search["failed"], search["success_rate"]) == ("search", 2, 1, 0.5)
    assert search["duration_mean_ms"] == 20.0
    assert (retrieval["operation"], retrieval["runs"], retrieval["success_rate"]) == ("retrieval", 1, 1.0)


def calls_of(version: str, day: float, calls: int = 10, **values: Any) -> Row:
    """Calls of a prompt version, days after MONDAY."""
    plain = {"minute": MONDAY + day * DAY, "tenant": "acme", "feature": "chat", "prompt_name": "main", "calls": calls}
    return usage(**plain | {"prompt_version": version, "environment": "production"} | values)


def test_a_version_is_a_change_where_others_were_there_a_day_before(holding: Callable[..., Ask]):
    told = [
        *(calls_of("1", day) for day in (0, 1, 2, 3)),
        calls_of("1b", 0.5),
        calls_of("2", 2.25, 1, environment="staging"),
        calls_of("2", 3.5, 30),
        calls_of("1", 3.5, 5, status="error"),
    ]
    opened = {"sequence": 0, "event": "opened", "tenant": "acme"}
    incidents = [
        opened | {"event_id": n, "incident_id": n, "feature": feature, "recorded_at": at, "opened_at": at}
        for n, feature, at in (
            ("soon", "chat", MONDAY + 2.5 * DAY),
            ("late", "chat", MONDAY + 3.5 * DAY),
            ("elsewhere", "search", MONDAY + 2.5 * DAY),
        )
    ]
    ask = holding(usage=told, incidents=incidents)

    rows_ = {row["version"]: row for row in ask("versions", start=MONDAY + 2 * DAY)}

    assert set(rows_) == {"main@1", "main@2"}
    first, second = rows_["main@1"], rows_["main@2"]
    assert (first["first_seen_at"], first["is_change"], first["incidents"]) == (MONDAY, False, None)
    assert (second["first_seen_at"], second["is_change"]) == (MONDAY + 2.25 * DAY, True)
    assert (second["calls"], second["share"]) == (31, pytest.approx(31 / 51))
    assert second["lead_time_s"] == 1.25 * 86_400
    assert (second["majority_at"], second["rollout_s"]) == (MONDAY + 3 * DAY, 1.75 * 86_400)
    assert (second["incidents"], second["incident_id"]) == (1, "soon")
    assert "main@1b" in {row["version"] for row in ask("versions")}
