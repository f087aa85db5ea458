"""The first lines of the pages for product managers, and how their numbers and charts are made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from dashboards import charts, figures, product_lines
from dashboards.figures import Figure
from dashboards.intervals import intervals
from dashboards.screens.change import calls_of
from dashboards.sentences import noun
from dashboards.versions import as_version
from dashboards.view import View

NAMES = {"success": "Task success", "task_cost": "Cost per task", "latency_p95": "95 % latency"}
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def text(html: str) -> str:
    """What people read."""
    return re.sub(r"<[^>]+>", "", html)


def measured(measure: str, verdict: str, *, n: int = 100, change: float | None = 0.1) -> dict[str, Any]:
    """A row of the report ``experiment``."""
    ends = {
        "difference": change,
        "difference_low": change and change - 0.05,
        "difference_high": change and change + 0.05,
    }
    sides = {"baseline": "7", "candidate": "<8>", "baseline_n": n, "candidate_n": 200}
    return {"measure": measure, "verdict": verdict} | sides | ends


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (
            "better",
            "&lt;8&gt; is better than 7 by a score of +10.0 % (+5.0 % to +15.0 %); it is better in task success",
        ),
        ("worse", "&lt;8&gt; is worse than 7 by a score of 10.0 % (5.0 % to 15.0 %); it is better in task success"),
        (
            "no difference shown",
            "No difference shown between &lt;8&gt; and 7: a score of +10.0 % (+5.0 % to +15.0 %); &lt;8&gt; is better",
        ),
    ],
)
def test_the_verdict_of_an_experiment_is_one_sentence(verdict: str, said: str):
    score = measured("score", verdict)
    if verdict == "worse":
        score |= {"difference": -0.1, "difference_low": -0.15, "difference_high": -0.05}
    rows = [measured("success", "better"), measured("task_cost", "no difference shown"), score]

    assert text(product_lines.experiment(rows, NAMES)).startswith(said)


def test_versions_are_named_with_their_prompt_and_ordered_as_people_count():
    rows = [measured("latency_p95", "worse"), measured("score", "no difference shown")]

    assert text(product_lines.experiment(rows, NAMES, "chat")) == (
        "No difference shown between chat@&lt;8&gt; and chat@7: a score of +10.0 % (+5.0 % to +15.0 %); "
        "chat@&lt;8&gt; is worse in 95 % latency"
    )
    assert sorted(["v10", "v9", "10", "9", "b", "2.11", "2.9"], key=as_version) == [
        *("b", "v9", "v10", "2.9", "2.11", "9", "10")
    ]


def test_a_share_of_a_change_says_of_what():
    row = {"tenant": None, "version": "chat@8", "share": 0.142, "incidents": 0}
    line = product_lines.changes([row], Figure(text="20 Nov", exact=""), phrase="in the last 7 days")

    assert "since 20 Nov, 14.2 % of its feature's calls in the last 7 days; no incident" in text(line)


def test_what_does_not_suffice_says_what_is_missing():
    rows = [
        measured("success", "not enough", n=12),
        measured("task_cost", "better", n=40),
        measured("score", "not enough"),
    ]

    assert text(product_lines.experiment(rows, NAMES)) == (
        "Not enough calls to tell &lt;8&gt; from 7: task success is known of 12 of 7, 30 are needed"
    )


def test_without_outcomes_quality_says_so():
    line = product_lines.quality({"success_rate": None}, {}, {}, phrase="today")

    assert text(line) == "No task has an outcome today; 0 % of tasks were evaluated"


def test_what_is_one_has_no_s():
    assert [product_lines.people(number) for number in (1, 2)] == ["person", "people"]
    assert [noun(number, "tenant") for number in (0, 1, 2)] == ["tenants", "tenant", "tenants"]


def test_one_person_is_a_person():
    day = dict.fromkeys(("monthly_users", "weekly_users", "daily_users", "new_users"), 1) | {
        "left_users": 0,
        "stickiness": 1.0,
    }

    assert text(product_lines.adoption(day, Figure(text="1 Mar", exact="2026-03-01"))).startswith(
        "1 person in the 30 days"
    )


def test_without_changes_there_is_nothing_new():
    assert text(product_lines.changes([], None, phrase="today")) == "No new model or prompt version today"


@pytest.mark.parametrize(("part", "shown"), [(0.0123, "+1.2 %"), (-0.4, "-40.0 %"), (0.0001, "0.0 %"), (None, "—")])
def test_a_change_of_a_share_has_a_sign(part: float | None, shown: str):
    assert figures.share_change(part).text == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0.04791, "$0.0479"), (0.0000983, "$0.0000983"), (12.5, "$12.50"), (0.0, "$0.00"), (None, "—")],
)
def test_a_mean_of_money_has_three_digits_where_it_is_small(amount: float | None, shown: str):
    assert figures.mean_usd(amount).text == shown


def test_shares_fill_each_bar():
    rows = [{"bucket": DAY, "version": name, "calls": calls} for name, calls in (("7", 30), ("8", 10))]
    axis = {"bucket": "day", "zone": ZoneInfo("UTC"), "bounds": (DAY, DAY + timedelta(days=1))}

    drawn = charts.shares(rows, value="calls", name="version", largest=["7", "8"], **axis)

    assert drawn["encoding"]["y"]["stack"] == "normalize"
    assert [bar["count"] for bar in drawn["data"]["values"]] == [30, 10]


def test_an_interval_is_a_line_with_a_dot():
    row = {"name": "Task success", "change": 0.1, "low": 0.05, "high": 0.15, "told": "+10 %", "verdict": "better"}

    drawn = intervals([row])

    assert drawn["data"]["values"] == [row]
    assert [layer["mark"]["type"] for layer in drawn["layer"]] == ["rule", "rule", "point"]


@pytest.mark.parametrize(
    ("kind", "version", "told"),
    [
        ("prompt", "support-chat@28", {"prompt_name": ["support-chat"], "prompt_version": ["28"]}),
        ("prompt", "a@b@3", {"prompt_name": ["a@b"], "prompt_version": ["3"]}),
        ("prompt", "28", {"prompt_name": ["unattributed"], "prompt_version": ["28"]}),
        ("model", "gpt-4.1-2025-04-14", {"model": ["gpt-4.1-2025-04-14"]}),
        ("model", "claude@20250929", {"model": ["claude@20250929"]}),
    ],
)
def test_the_calls_of_a_version_are_those_that_it_counts(kind: str, version: str, told: dict[str, list[str]]):
    view = View(period="Last 7 days", zone=ZoneInfo("UTC"), chosen={"tenant": [], "feature": [], "model": []})
    row = {"kind": kind, "version": version, "tenant": "acme", "feature": "support-chat"}

    page, _, query = calls_of(view, row).partition("?")

    of_all = {"period": ["Last 7 days"], "zone": ["UTC"], "status": ["ok"]}
    assert page == "calls"
    assert parse_qs(query) == of_all | {"tenant": ["acme"], "feature": ["support-chat"]} | told
