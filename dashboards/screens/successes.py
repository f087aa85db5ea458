"""Cost per successful task: what a success costs, over time and by whom and what, and what was wasted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.controls import choose_one, choose_some
from dashboards.first_line import draw_first_line
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_books
from dashboards.view import View

QUESTION = "cost-per-successful-task"
UNITS = {
    "cost_per_successful_task_usd": "Success",
    "cost_per_safe_successful_task_usd": "Safe success",
    "cost_per_task_usd": "Task",
    "cost_per_request_usd": "Request",
    "cost_per_active_user_usd": "Active user",
}
AT_LEAST = {"cost_per_successful_task_low_usd": "At least"}
BY = {"tenant": "tenant", "feature": "feature", "model": "model", "prompt_version": "prompt version"}
DEFAULT_BY = ("tenant", "feature", "model")
TOGETHER = {"model", "prompt_version"}
"""Tasks tell the models and the prompt versions of their calls, and not which went together."""


def _draw(look: Look, _: Row) -> None:
    (row,) = _costs(look)
    (units,) = look.of("unit-economics", bucket="", review_usd_per_hour=look.answers.said.review_usd_per_hour)
    say, second = partial(sentences.successes, row, phrase=look.period.phrase), _second_line(row, units)
    draw_first_line(look, lambda before: say(before=before) + second, lambda earlier: _costs(earlier)[0])
    _draw_trend(look)
    left, right = side_by_side(2)
    with left:
        _draw_units({**units, **row})
    with right:
        _draw_waste_parts(look.of("waste"))
    _draw_table(look)
    _draw_waste(look)


show = of_books(_draw)


def _costs(look: Look, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
    return look.of(QUESTION, by=by, bucket=bucket, review_usd_per_hour=look.answers.said.review_usd_per_hour)


def _second_line(row: Row, units: Row) -> str:
    low, high = (figures.share(row[f"success_rate_{end}"]) for end in ("low", "high"))
    rates = figures.Figure(text=f"{low.text} to {high.text}", exact=f"{low.exact} to {high.exact}")
    review = [(figures.usd(row["review_cost_usd"]), "of it review by people")] if row["review_cost_usd"] else []
    return sentences.sub(
        [
            (figures.usd(row["total_cost_usd"]), "in all"),
            *review,
            (figures.usd(row["waste_usd"]), "wasted"),
            (figures.share(units["waste_share"]), "of what the calls cost"),
            (rates, "of all tasks succeeded"),
            (figures.share(row["safe_coverage"]), "were judged for safety"),
        ]
    )


def _draw_trend(look: Look) -> None:
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Per {bucket}", f"USD, of tasks that ended then; times in {look.view.zone.key}"):
        unit = choose_one("What one costs", UNITS, key="unit")
    columns = {unit: UNITS[unit]} | (AT_LEAST if unit == next(iter(UNITS)) else {})
    chart = charts.lines(_costs(look, bucket=bucket), columns=columns, unit="USD", **axis)
    st.vega_lite_chart(
        chart, alt=f"Line: cost per {UNITS[unit].lower()} in USD per {bucket}. The tables hold the numbers."
    )


def _draw_units(units: Row) -> None:
    costs = UNITS | {"cost_per_1k_tokens_usd": "1,000 tokens"}
    of = {
        "cost_per_successful_task_usd": "successful_tasks",
        "cost_per_safe_successful_task_usd": "safe_successful_tasks",
        "cost_per_task_usd": "tasks",
        "cost_per_request_usd": "calls",
        "cost_per_active_user_usd": "active_users",
    }
    draw_table(
        "What one costs",
        [
            {"unit": name, "usd": units[column], "number": units[of[column]] if column in of else None}
            for column, name in costs.items()
        ],
        [
            Column(name="unit", title="One"),
            Column(name="number", title="How many", shown=figures.count),
            Column(name="usd", title="USD", shown=figures.usd),
        ],
        name="unit-economics",
        note="Of what has a price, review by people included but in requests and tokens",
    )


def _draw_table(look: Look) -> None:
    with part("Split", "By any of these"):
        by = choose_some("Split by", BY, key="split", default=DEFAULT_BY)
    unknown = set(by) >= TOGETHER
    rows = _costs(look, by=by)
    draw_table(
        f"By {', '.join(BY[name] for name in by)}",
        rows,
        [
            *_names(by, look.view),
            Column(name="calls", title="Calls", shown=figures.count, leads=look.view.calls_of(by)),
            Column(name="tasks", title="Tasks", shown=figures.count),
            Column(name="successful_tasks", title="Succeeded", shown=figures.count),
            Column(name="failed_tasks", title="Failed", shown=figures.count),
            Column(name="outcome_coverage", title="Known", shown=figures.share),
            Column(name="cost_per_request_usd", title="Per request", shown=figures.usd),
            Column(name="cost_per_task_usd", title="Per task", shown=figures.usd),
            Column(name="cost_per_successful_task_low_usd", title="At least", shown=figures.usd),
            Column(name="cost_per_successful_task_usd", title="Per success", shown=figures.usd),
            Column(name="priced_share", title="Priced", shown=figures.share),
            Column(name="total_cost_usd", title="Cost", shown=figures.usd, bar=True),
        ],
        name=f"cost-per-successful-task-by-{'-'.join(by)}",
        note="Tasks do not tell which models and prompt versions went together: leave out one to see successes"
        if unknown
        else "At least: if all tasks without an outcome had succeeded",
    )


WASTE = {
    "failed_usd": "Calls that failed",
    "retried_usd": "Repeats that failed again",
    "superseded_usd": "Calls that worked and were tried again",
    "failed_tasks_usd": "All else that failed tasks cost",
    "waste_usd": "All together",
}


def _draw_waste_parts(rows: Sequence[Row]) -> None:
    draw_table(
        "What was wasted",
        [
            {"part": name, "share": row[f"{column.removesuffix('_usd')}_share"], "usd": row[column]}
            for row in rows
            for column, name in WASTE.items()
        ],
        [
            Column(name="part", title="Part"),
            Column(name="share", title="Of the spend", shown=figures.share),
            Column(name="usd", title="USD", shown=figures.usd),
        ],
        name="waste-parts",
        note="What was paid and bought nothing, in parts without a call in common",
    )


def _draw_waste(look: Look) -> None:
    by = ("tenant", "feature")
    draw_table(
        "Waste by tenant, feature",
        look.of("waste", by=by),
        [
            *_names(by, look.view),
            Column(name="failed_usd", title="Failed", shown=figures.usd),
            Column(name="retried_usd", title="Failed again", shown=figures.usd),
            Column(name="superseded_usd", title="Tried again", shown=figures.usd),
            Column(name="failed_tasks_usd", title="Of failed tasks", shown=figures.usd),
            Column(name="cost_usd", title="Spend", shown=figures.usd),
            Column(name="waste_share", title="Of it wasted", shown=figures.share),
            Column(name="waste_usd", title="Wasted", shown=figures.usd, bar=True),
        ],
        name="waste",
    )


def _names(by: Sequence[str], view: View) -> list[Column]:
    return [Column(name=name, title=BY[name].capitalize(), link=view.narrowing(name)) for name in by]
