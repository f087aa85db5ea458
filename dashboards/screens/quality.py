"""Quality: do tasks succeed, are answers grounded, do tools work, are caches hit, and of how many that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts, figures, product_lines, sentences
from dashboards.controls import choose_one
from dashboards.first_line import draw_first_line
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_books

TASKS = "cost-per-successful-task"
LINES = {
    "success_rate": "Success",
    "good_rate": "Grounded",
    "coverage": "Evaluated",
    "cached_share": "From cache",
}
BY = ("tenant", "feature")
NOT_JUDGED = "No evaluation here yet: send gen_ai.evaluation.result events, or POST /v1/outcomes (docs/outcomes.md)."
NO_TOOL = "No span of a tool or a retrieval: gen_ai.operation.name = execute_tool, retrieval."


def _draw(look: Look, _: Row) -> None:
    (task,) = look.of(TASKS)
    judged = look.of("evaluations")
    tools = {row["operation"]: row for row in look.of("tools", by=("operation",))}
    say = partial(product_lines.quality, task, {row["judged"]: row for row in judged}, tools, phrase=look.period.phrase)
    second = _second_line(look, task, tools)
    draw_first_line(look, lambda before: say(before=before) + second, lambda earlier: earlier.of(TASKS)[0])
    _draw_trend(look)
    _draw_features(look)
    left, right = side_by_side(2)
    with left:
        _draw_judged(judged)
    with right:
        _draw_tools(look)


show = of_books(_draw)


def _second_line(look: Look, task: Row, tools: Mapping[str, Row]) -> str:
    (units,) = look.of("unit-economics", bucket="")
    retrieval = tools.get("retrieval")
    parts = [
        (figures.count(task["tasks"]), "tasks"),
        (figures.share(task["outcome_coverage"]), "with an outcome"),
        (figures.share(units["cached_share"]), "of input tokens from a cache"),
    ]
    if retrieval:
        parts.append((figures.share(retrieval["success_rate"]), "of retrievals worked"))
    return sentences.sub(parts)


def _draw_trend(look: Look) -> None:
    axis = look.axis()
    bucket = axis["bucket"]
    with part(
        f"Per {bucket}", f"Success and cache of settled hours, judgements as they came; times in {look.view.zone.key}"
    ):
        chosen = choose_one("Which rate", LINES, key="rate")
    if chosen == "success_rate":
        rows = look.of(TASKS, bucket=bucket)
    elif chosen == "cached_share":
        rows = look.of("unit-economics", bucket=bucket)
    else:
        kind = "groundedness" if chosen == "good_rate" else "any"
        rows = [row for row in look.of("evaluations", bucket=bucket) if row["judged"] == kind]
    chart = charts.lines(rows, columns={chosen: LINES[chosen]}, unit="share", **axis)
    st.vega_lite_chart(chart, alt=f"Line: {LINES[chosen].lower()} per {bucket}. The tables hold the numbers.")


def _draw_features(look: Look) -> None:
    """What three reports say of a feature, side by side."""
    judged: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in look.of("evaluations", by=BY):
        judged.setdefault(_key(row), {})[row["judged"]] = row
    cached = {_key(row): row["cached_share"] for row in look.of("unit-economics", by=BY, bucket="")}
    draw_table(
        "By tenant, feature",
        [_beside(row, judged.get(_key(row), {}), cached) for row in look.of(TASKS, by=BY)],
        [
            *(Column(name=name, title=name.capitalize(), link=look.view.narrowing(name)) for name in BY),
            Column(name="tasks", title="Tasks", shown=figures.count),
            Column(name="success_rate", title="Succeeded", shown=figures.share),
            Column(name="outcome_coverage", title="Known", shown=figures.share),
            Column(name="grounded", title="Grounded", shown=figures.share),
            Column(name="hallucinated", title="Hallucinated", shown=figures.share),
            Column(name="helpful", title="Helpful", shown=figures.decimal),
            Column(name="evaluated", title="Evaluated", shown=figures.share),
            Column(name="cached_share", title="From cache", shown=figures.share),
            Column(name="calls", title="Calls", shown=figures.count, leads=look.view.calls_of(BY)),
        ],
        name="quality-by-tenant-feature",
        note="Succeeded: of tasks with an outcome. Grounded, hallucinated: of judgements. Helpful: the mean score",
    )


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in BY)


def _beside(row: Row, judged: Mapping[str, Row], cached: Mapping[tuple[Any, ...], Any]) -> dict[str, Any]:
    columns = {
        "grounded": ("groundedness", "good_rate"),
        "hallucinated": ("groundedness", "bad_rate"),
        "helpful": ("helpfulness", "score_mean"),
        "evaluated": ("any", "coverage"),
    }
    told = {name: judged[kind][column] if kind in judged else None for name, (kind, column) in columns.items()}
    names = ("tenant", "feature", "tasks", "success_rate", "outcome_coverage", "calls")
    return {name: row[name] for name in names} | told | {"cached_share": cached.get(_key(row))}


def _draw_judged(rows: Sequence[Row]) -> None:
    draw_table(
        "What was judged",
        [{**row, "what": "anything, by evaluators" if row["judged"] == "any" else row["judged"]} for row in rows],
        [
            Column(name="what", title="What"),
            Column(name="judgements", title="Judgements", shown=figures.count, bar=True),
            Column(name="good_rate", title="Good", shown=figures.share),
            Column(name="bad_rate", title="Bad", shown=figures.share),
            Column(name="score_mean", title="Mean score", shown=figures.decimal),
            Column(name="coverage", title="Of tasks", shown=figures.share),
        ],
        name="evaluations",
        none=NOT_JUDGED,
    )


def _draw_tools(look: Look) -> None:
    draw_table(
        "Tools and retrievals",
        [
            {**row, "what": row["tool_name"] or row["operation"]}
            for row in look.of("tools", by=("operation", "tool_name"))
        ],
        [
            Column(name="what", title="Tool", unknown="not told"),
            Column(name="runs", title="Runs", shown=figures.count, bar=True),
            Column(name="failed", title="Failed", shown=figures.count),
            Column(name="success_rate", title="Worked", shown=figures.share),
            Column(name="duration_mean_ms", title="Took on average", shown=figures.milliseconds),
        ],
        name="tools",
        none=NO_TOOL,
    )
