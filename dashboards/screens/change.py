"""Change: which models and prompt versions are new, how soon they were the rule, and what happened after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from dashboards import charts, figures, product_lines
from dashboards.charts import name_of
from dashboards.controls import choose_one
from dashboards.figures import Figure
from dashboards.frame import part
from dashboards.grid import ROWS_SHOWN, Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.theme import PALETTE
from dashboards.versions import as_version
from dashboards.view import View

KINDS = {"prompt": "Prompts", "model": "Models"}
DIMENSIONS = {"prompt": ("prompt_name", "prompt_version"), "model": ("model",)}
MS_PER_S = 1_000
SHOWN = 12
AT_ONCE = Figure(text="at once", exact="0 s")


def _draw(look: Look) -> None:
    period = look.period
    rows = look.answers.ask("versions", where=look.view.where(), start=period.start, end=period.end)
    new = [row for row in rows if row["is_change"] and (period.start is None or row["first_seen_at"] >= period.start)]
    latest = figures.moment(new[0]["first_seen_at"], look.now, look.view.zone) if new else None
    st.html(product_lines.changes(new, latest, phrase=period.phrase))
    _draw_chart(look, [*new, *rows])
    _draw_versions(
        "New versions", new, look, none=f"None {period.phrase}: each was there before, or its feature is new."
    )
    _draw_versions("There before", [row for row in rows if row not in new], look, shown=SHOWN)
    _draw_services(look)


show = of_calls(_draw)


def _draw_chart(look: Look, rows: Sequence[Row]) -> None:
    """Of one feature, as versions of several are no rivals: the one that changed last unless another is chosen."""
    features = list(dict.fromkeys(name_of(row["feature"]) for row in rows))
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Share of calls per {bucket}", f"Of one feature, times in {look.view.zone.key}"):
        feature = (
            st.selectbox("Feature drawn", features, key="of", bind="query-params", width=220) if features else None
        )
        kind = choose_one("Versions of what", KINDS, key="versions")
    by = DIMENSIONS[kind]
    one = replace(look, view=replace(look.view, chosen={**look.view.chosen, "feature": [feature] if feature else []}))
    known = [row for row in one.spend(by=by) if row[by[-1]] is not None]
    told = by[-1:] if len({row[by[0]] for row in known}) == 1 else by
    most = [_name(row, told) for row in known]
    largest = sorted(most[: len(PALETTE)], key=as_version) + most[len(PALETTE) :]
    drawn = [{**row, "version": _name(row, told)} for row in one.spend(by=by, bucket=bucket) if row[by[-1]] is not None]
    chart = charts.shares(drawn, value="calls", name="version", largest=largest, **axis)
    st.vega_lite_chart(chart, alt=f"Stacked shares of calls per {bucket} by version. The tables hold the numbers.")


def _name(row: Row, by: Sequence[str]) -> str:
    """``chat@8``; ``8`` where all are of one prompt."""
    return "@".join(str(row[name]) for name in by if row[name] is not None)


def _draw_versions(title: str, rows: Sequence[Row], look: Look, *, none: str = "", shown: int = ROWS_SHOWN) -> None:
    view, seen = look.view, partial(figures.moment, now=look.now, zone=look.view.zone)
    draw_table(
        title,
        rows,
        [
            Column(name="version", title="Version"),
            Column(name="kind", title="Kind"),
            Column(name="tenant", title="Tenant", link=view.narrowing("tenant")),
            Column(name="feature", title="Feature", link=view.narrowing("feature")),
            Column(name="calls", title="Calls", shown=figures.count, leads=partial(calls_of, view)),
            Column(name="share", title="Share", shown=figures.share),
            Column(name="first_seen_at", title="First seen", shown=seen),
            Column(name="lead_time_s", title="Lead time", shown=_took),
            Column(name="rollout_s", title="Roll-out", shown=_took),
            Column(
                name="incidents", title="Incidents after", shown=figures.count, leads=lambda row: _incident(row, look)
            ),
        ],
        name=title.lower().replace(" ", "-"),
        none=none,
        shown=shown,
        note="Lead time: until the first call in production. Roll-out: until half of a day's calls. Incidents: in 24 h",
    )


def calls_of(view: View, row: Row) -> str:
    """Address of the calls of a version, which ended well."""
    name, _, version = row["version"].rpartition("@")
    prompt = {"prompt_name": name or None, "prompt_version": version}
    of = {"model": row["version"]} if row["kind"] == "model" else prompt
    return view.address("calls", tenant=row["tenant"], feature=row["feature"], **of, status="ok")


def _took(seconds: float | None) -> Figure:
    if seconds == 0:
        return AT_ONCE
    return figures.milliseconds(None if seconds is None else seconds * MS_PER_S)


def _incident(row: Row, look: Look) -> str:
    """Address of the first incident after a change; nothing where there is none."""
    if not row["incident_id"]:
        return ""
    return look.view.address("incidents") + f"&incident={row['incident_id']}"


def _draw_services(look: Look) -> None:
    seen = partial(figures.moment, now=look.now, zone=look.view.zone)
    draw_table(
        "Services",
        look.answers.ask("deploys", where=look.view.where(), start=look.period.start, end=look.period.end),
        [
            Column(name="service", title="Service", unknown="not told"),
            Column(name="service_version", title="Version", unknown="not told"),
            Column(name="first_seen_at", title="First call in the period", shown=seen),
            Column(name="last_seen_at", title="Last", shown=seen),
            Column(name="cost_usd", title="Spend", shown=figures.usd),
            Column(name="calls", title="Calls", shown=figures.count, bar=True),
        ],
        name="deploys",
        note="By service.version, as the spans tell it",
    )
