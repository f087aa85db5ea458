"""Adoption: how many people use it, who is new and who has left, how far each feature has come, who stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import streamlit as st

from dashboards import charts, figures, product_lines, sentences
from dashboards.controls import choose_one
from dashboards.figures import Figure
from dashboards.first_line import draw_first_line
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Axis, Look, of_books
from dashboards.product_lines import people
from dashboards.sentences import noun

DAY = timedelta(days=1)
AT_LEAST = 30 * DAY
VIEWS = {"people": "People", "stickiness": "Stickiness", "changes": "Came and left"}
WINDOWS = {"daily_users": "on the day", "weekly_users": "in 7 days", "monthly_users": "in 30 days"}
CHANGES = {"new_users": "new", "back_users": "back after 30 days", "left_users": "gone for 30 days"}
NOBODY = """<div class="sl-empty"><h2>Nobody is known here</h2>
<p>No settled call in this view tells its user. Set <code>user.id</code> on your spans (or <code>enduser.id</code>,
<code>langfuse.user.id</code> …); only a keyed hash of it is kept.</p></div>"""
WEEKS = 12
MOST_USERS = 50


def _draw(look: Look, _: Row) -> None:
    days = _days(look)
    if not days:
        st.html(NOBODY)
        return
    last = next((row for row in reversed(days) if row["complete"]), days[-1])
    _draw_first_line(look, last)
    _draw_second_line(look)
    _draw_chart(days, look)
    left, right = side_by_side(2)
    with left:
        _draw_penetration(look, "feature")
    with right:
        _draw_penetration(look, "tenant")
    _draw_cohorts(look)
    _draw_users(look)


show = of_books(_draw)


def _days(look: Look) -> list[Row]:
    """The days of the period, 30 at least: what they are counted over goes as far back."""
    end = min(look.period.end or look.now, look.now)
    start = look.period.start and min(look.period.start, end.replace(minute=0, second=0, microsecond=0) - AT_LEAST)
    longer = replace(look, period=replace(look.period, start=start))
    return longer.of("adoption", zone=look.view.zone.key)


def _draw_first_line(look: Look, last: Row) -> None:
    """Of the last day, beside one as many days before it as the periods are apart, one at least."""

    def day(earlier: Look) -> date:
        now, then = (
            at.astimezone(look.view.zone).date() for at in (look.period.start, earlier.period.start) if at is not None
        )
        told: date = last["bucket"].astimezone(look.view.zone).date()
        return told - max(now - then, DAY)

    def ask(earlier: Look) -> Row | None:
        days = _days(replace(earlier, period=replace(earlier.period, end=last["bucket"])))
        return next((row for row in days if row["bucket"].astimezone(look.view.zone).date() == day(earlier)), None)

    say = partial(product_lines.adoption, last, _day(last["bucket"], look))
    draw_first_line(look, lambda before: say(before=before), ask, lambda earlier: f"{day(earlier):%Y-%m-%d}")


def _day(at: datetime, look: Look) -> Figure:
    local = at.astimezone(look.view.zone)
    return Figure(text=f"{local.day} {local:%b}", exact=f"{local:%Y-%m-%d}, {look.view.zone.key}")


def _draw_second_line(look: Look) -> None:
    """What the whole period had."""
    for row in look.of("penetration"):
        st.html(
            sentences.sub(
                [
                    (figures.count(row["users"]), f"{people(row['users'])} {look.period.phrase}"),
                    (figures.count(row["tenants"]), noun(row["tenants"], "tenant")),
                    (figures.count(row["calls"]), noun(row["calls"], "call")),
                    (figures.share(row["user_coverage"]), "of them tell their user"),
                ]
            )
        )


def _draw_chart(days: Sequence[Row], look: Look) -> None:
    with part("Per day", f"In settled hours, days of {look.view.zone.key}; the last 30 at least"):
        chosen = choose_one("What to draw", VIEWS, key="people")
    axis = Axis(bucket="day", zone=look.view.zone, bounds=(days[0]["bucket"], days[-1]["bucket"] + DAY))
    if chosen == "changes":
        rows = [
            {"bucket": row["bucket"], "who": name, "people": row[column]}
            for row in days
            for column, name in CHANGES.items()
        ]
        drawn = charts.counts(rows, value="people", name="who", largest=list(CHANGES.values()), **axis)
    elif chosen == "people":
        drawn = charts.lines(days, columns=WINDOWS, unit="people", **axis)
    else:
        drawn = charts.lines(days, columns={"stickiness": "on the day, of those in 30 days"}, unit="share", **axis)
    st.vega_lite_chart(drawn, alt=f"{VIEWS[chosen]} per day. The export holds the numbers.")
    draw_table_of_days(days, look)


def draw_table_of_days(days: Sequence[Row], look: Look) -> None:
    """The last days in numbers, the latest first."""
    draw_table(
        "Last days",
        [
            {**row, "day": _day(row["bucket"], look).text, "state": "settled" if row["complete"] else "so far"}
            for row in reversed(days)
        ],
        [
            Column(name="day", title="Day"),
            Column(name="state", title="State"),
            *(Column(name=name, title=title.capitalize(), shown=figures.count) for name, title in WINDOWS.items()),
            Column(name="stickiness", title="Stickiness", shown=figures.share),
            Column(name="returning_users", title="Returning", shown=figures.count),
            *(Column(name=name, title=title.capitalize(), shown=figures.count) for name, title in CHANGES.items()),
        ],
        name="adoption",
        shown=7,
    )


def _draw_penetration(look: Look, by: str) -> None:
    tenants = [] if by == "tenant" else [
        Column(name="tenants", title="Tenants", shown=figures.count),
        Column(name="tenant_share", title="Of all", shown=figures.share),
    ]  # fmt: skip
    draw_table(
        f"By {by}",
        look.of("penetration", by=(by,)),
        [
            Column(name=by, title=by.capitalize(), link=look.view.narrowing(by)),
            *tenants,
            Column(name="users", title="People", shown=figures.count, bar=True),
            Column(name="user_share", title="Of all", shown=figures.share),
            Column(name="calls", title="Calls", shown=figures.count, leads=look.view.calls_of((by,))),
            Column(name="cost_usd", title="Spend", shown=figures.usd),
        ],
        name=f"penetration-by-{by}",
        note=f"Who used it {look.period.phrase}, of all who used anything here",
    )


def _draw_cohorts(look: Look) -> None:
    """A row for each week of first use, a column for each week after: whatever the period, up to its end."""
    whole = replace(look, period=replace(look.period, start=None))
    told = whole.answers.ask("retention", where=look.view.where(), end=look.period.end, zone=look.view.zone.key)
    cohorts: dict[datetime, dict[str, Any]] = {}
    for row in told:
        cohort = cohorts.setdefault(
            row["cohort"], {"cohort": _day(row["cohort"], look).text, "people": row["cohort_users"]}
        )
        cohort[f"week {row['weeks_after']}"] = row["retained"], row["users"], row["complete"]
    rows = list(cohorts.values())[-WEEKS:]
    weeks = [f"week {number}" for number in range(1, max((len(row) - 2 for row in rows), default=1))]
    draw_table(
        "Who stays",
        [{name: row.get(name) for name in ("cohort", "people", *weeks)} for row in rows],
        [
            Column(name="cohort", title="First came in the week of"),
            Column(name="people", title="People", shown=figures.count),
            *(Column(name=week, title=week.capitalize(), shown=_retained) for week in weeks),
        ],
        name="retention",
        exported=told,
        note="Of those who first came in a week (from Monday), who came in the weeks after it; …: not over yet",
    )


def _retained(told: tuple[float, int, bool] | None) -> Figure:
    if told is None:
        return Figure(text="", exact="not yet")
    share, users, complete = told
    shown = figures.share(share)
    return Figure(
        text=shown.text + ("" if complete else " …"),
        exact=f"{users:,} people, {shown.exact}{'' if complete else ', so far'}",
    )


def _draw_users(look: Look) -> None:
    view = look.view
    rows = look.answers.ask("users", where=view.where(), start=look.period.start, end=look.period.end, limit=MOST_USERS)
    draw_table(
        "Who uses it most",
        [{**row, "who": row["user_id"][:12]} for row in rows],
        [
            Column(name="who", title="User"),
            Column(name="tenant", title="Tenant", link=view.narrowing("tenant")),
            Column(name="features", title="Features", shown=figures.count),
            Column(name="active_days", title="Days", shown=figures.count),
            Column(
                name="last_hour",
                title="Last in the hour of",
                shown=partial(figures.moment, now=look.now, zone=view.zone),
            ),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="cost_usd", title="Spend", shown=figures.usd, bar=True),
        ],
        name="users",
        note=f"At most {MOST_USERS}, by a keyed hash of their name, of which the first letters are shown",
        shown=10,
    )
