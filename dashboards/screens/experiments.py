"""Experiments: two models, prompt versions or routes: is one better, and do the calls suffice to say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import figures, product_lines
from dashboards.controls import choose_one
from dashboards.figures import Figure
from dashboards.frame import part
from dashboards.grid import UNATTRIBUTED, Column, Row
from dashboards.intervals import intervals
from dashboards.listing import draw_table
from dashboards.look import Look, of_books
from dashboards.versions import as_version
from warehouse.experiments import NAME

ARMS = {"prompt_version": "Prompt versions", "model_family": "Models", "model": "Dated models", "route": "Routes"}
TELLS = {
    "prompt_version": "gen_ai.prompt.version",
    "model_family": "gen_ai.request.model",
    "model": "gen_ai.response.model",
    "route": "spanledger.route",
}
MEASURES = {
    "success": "Task success",
    "groundedness": "Grounded answers",
    "helpfulness": "Helpfulness",
    "latency_p95": "95 % latency",
    "task_cost": "Cost per task",
    "judged_safe": "Judged safe",
    "unblocked": "Unblocked tasks",
    "score": "Weighted score",
}
WEIGHTS = {"latency_weight": "α · latency", "cost_weight": "β · cost", "quality_weight": "γ · quality"}
LESS = " (less is better)"
LONGER = "Last 30 days"
PROMPTS = "prompt_version"
LARGEST, STEP = 5.0, 0.5
MIXED = """<p class="sl-sub">Of all features together, which may use them for different work: choose one above.</p>"""
OF = {"groundedness": "judgements", "helpfulness": "judgements", "latency_p95": "calls"}
FIGURES: Mapping[str, Callable[[Any], Figure]] = {
    "share": figures.share,
    "score": figures.decimal,
    "ms": figures.milliseconds,
    "usd": figures.mean_usd,
}
ALONE = """<div class="sl-empty"><h2>Nothing to compare</h2>
<p>In this view no two {what} did tasks. Let the spans tell theirs (<code>{key}</code>), or look at more:
<a href="{longer}">the last 30 days</a>.</p></div>"""


def _draw(look: Look, _: Row) -> None:
    top = st.container()
    with part("What is compared", "Nobody was assigned by dice: best of one feature, and of a time when both ran"):
        by = choose_one("Compare", ARMS, key="arms")
    room = st.columns([1.3, 1.3, 1.3, 1, 1, 1], gap="medium", vertical_alignment="bottom")
    where = look.view.where()
    if by == PROMPTS and (name := _choose_prompt(look, room.pop(0))):
        where["prompt_name"] = (name,)
    usual = _compared(look, by, where)
    if not usual:
        longer = replace(look.view, period=LONGER).address("")
        top.html(ALONE.format(what=ARMS[by].lower(), key=TELLS[by], longer=escape(longer)))
        return
    rows = _compared(look, by, where, **_choose(look, by, usual[0], room))
    mixed = by != PROMPTS and not look.view.chosen["feature"]
    prompt = where["prompt_name"][0] if "prompt_name" in where else None
    top.html(product_lines.experiment(rows, MEASURES, prompt) + (MIXED if mixed else ""))
    _draw_chart(rows)
    _draw_table(rows)


show = of_books(_draw)


def _compared(look: Look, by: str, where: Mapping[str, object], **chosen: object) -> list[Row]:
    period = look.period
    return look.answers.report(NAME, by=(by,), where=where, start=period.start, end=period.end, **chosen)


def _choose_prompt(look: Look, place: DeltaGenerator) -> str | None:
    """Of prompts of which name; the dearest with several versions unless another is chosen."""
    versions: Counter[str] = Counter()
    for row in look.spend(by=("prompt_name", PROMPTS)):
        if row["prompt_name"] is not None and row[PROMPTS] is not None:
            versions[row["prompt_name"]] += 1
    names = sorted(versions, key=lambda name: versions[name] < 2)  # noqa: PLR2004 - two are compared
    return place.selectbox("Prompt", names, key="prompt", bind="query-params") if names else None


def _choose(look: Look, by: str, usual: Row, room: Sequence[DeltaGenerator]) -> dict[str, object]:
    """Both names, and the weights of the score; they stand in the URL."""
    first = [usual["baseline"], usual["candidate"]]
    if by == PROMPTS:  # what is new is tried against what was there
        first.sort(key=as_version)
    names = [row[by] for row in look.spend(by=(by,)) if row[by] is not None]
    options = [*first, *(name for name in names if name not in first)]
    chosen: dict[str, object] = {}
    for index, side in enumerate(("baseline", "candidate")):
        chosen[side] = room[index].selectbox(
            side.capitalize(), options, index=index, key=f"{side}-{by}", bind="query-params", accept_new_options=True
        )
    for place, (weight, label) in zip(room[2:], WEIGHTS.items(), strict=False):
        chosen[weight] = place.slider(label, 0.0, LARGEST, 1.0, STEP, key=weight, bind="query-params", format="%g")
    if chosen["baseline"] == chosen["candidate"]:
        chosen["candidate"] = next(name for name in options if name != chosen["baseline"])
    return chosen


def _draw_chart(rows: Sequence[Row]) -> None:
    """Changes as shares of the baseline, so that all stand on one axis."""
    drawn = [one for row in rows if (one := _change(row))]
    with part("Candidate against baseline", "Change with the interval that holds the truth 95 times in 100"):
        pass
    st.vega_lite_chart(
        intervals(drawn), alt="Dots with intervals: change of each measure. The table holds the numbers."
    )


def _change(row: Row) -> dict[str, Any] | None:
    base = 1.0 if row["measure"] == "score" else row["baseline_value"]
    if not base or row["difference_low"] is None:
        return None
    change, low, high = (row[f"difference{end}"] / base for end in ("", "_low", "_high"))
    shown, *ends = (figures.share_change(one).text for one in (change, low, high))
    told = f"{shown}, {' to '.join(ends)}"
    less = LESS if row["better"] == "lower" else ""
    words = {"name": MEASURES[row["measure"]] + less, "told": told, "verdict": row["verdict"]}
    return words | {"change": change, "low": low, "high": high}


def _draw_table(rows: Sequence[Row]) -> None:
    one, other = (rows[0][side] or UNATTRIBUTED for side in ("baseline", "candidate"))
    draw_table(
        "Measure by measure",
        [_cells(row) for row in rows],
        [
            Column(name="measure", title="Measure"),
            Column(name="verdict", title="Verdict"),
            Column(name="baseline", title=one, shown=_as_it_is),
            Column(name="baseline_n", title="Of", shown=_as_it_is),
            Column(name="candidate", title=other, shown=_as_it_is),
            Column(name="candidate_n", title="Of", shown=_as_it_is),
            Column(name="difference", title="Difference", shown=_as_it_is),
            Column(name="interval", title="95 times in 100", shown=_as_it_is),
        ],
        name="experiment",
        note="Hover for exact values and intervals; not enough: fewer than 30 on a side",
        exported=rows,
    )


def _as_it_is(told: Figure) -> Figure:
    return told


def _cells(row: Row) -> dict[str, Any]:
    shown = FIGURES[row["unit"]]
    signed = figures.share_change if row["unit"] == "share" else figures.signed(shown)
    sides = {
        side: _with_interval(shown(row[f"{side}_value"]), shown(row[f"{side}_low"]), shown(row[f"{side}_high"]))
        for side in ("baseline", "candidate")
    }
    counts = {f"{side}_n": figures.count(row[f"{side}_n"], OF.get(row["measure"], "tasks")) for side in sides}
    ends = [signed(row[f"difference_{end}"]) for end in ("low", "high")]
    known = row["difference_low"] is not None
    interval = Figure(text=f"{ends[0].text} to {ends[1].text}", exact=f"{ends[0].exact} to {ends[1].exact}")
    return {
        "measure": MEASURES[row["measure"]],
        **sides,
        **counts,
        "difference": signed(row["difference"]),
        "interval": interval if known else figures.UNKNOWN,
        "verdict": row["verdict"],
    }


def _with_interval(value: Figure, low: Figure, high: Figure) -> Figure:
    return (
        value if low == figures.UNKNOWN else Figure(text=value.text, exact=f"{value.exact}, {low.text} to {high.text}")
    )
