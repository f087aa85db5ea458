"""The month that is on: what was spent, what is expected by its end, and how far its budgets are used up. UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dashboards import figures
from dashboards.figures import Figure
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look
from dashboards.sentences import bold
from warehouse.questions.dimensions import parse_filter

VIEW = "All that is shown here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """``forecast``: of the view. ``budgets``: all that the reader may see; ``budget``: that of the view, by the month.

    ``now``: the minute that both are of.
    """

    forecast: Row
    budgets: list[Row]
    budget: Row | None
    now: datetime


def look_at_month(look: Look) -> Month:
    """What the reports ``forecast`` and ``budgets`` say, as of the end of the minute that is on."""
    now = look.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    where = dict(parse_filter(look.view.where(), "ledger"))
    budgets = look.answers.report("budgets", now=now)
    names = {one.name for one in look.answers.said.plans.budgets if one.period == "month" and dict(one.of) == where}
    return Month(
        forecast=look.answers.report("forecast", now=now, where=look.view.where())[0],
        budgets=budgets,
        budget=next((row for row in budgets if row["budget"] in names), None),
        now=now,
    )


def sentence(month: Month, *, said_usd: Decimal | None = None) -> str:
    """What follows the first line: ``; $412.07 this month, 62.0 % of its budget of $660.00; $655.10 expected by …``.

    ``said_usd``: what the line has said of this month already, as the calls came. Where the books, of which budget and
    forecast are, have another sum (what was told twice is taken out, late lines are in), it is said too.
    """
    told, parts = month.forecast, []
    booked = figures.usd(told["spent_usd"])
    spent = f"{bold(booked)} this month" if said_usd is None else f"{bold(booked)} stands in the books"
    spent = "" if said_usd is not None and figures.usd(said_usd).text == booked.text else spent
    if month.budget is not None:
        used, amount = figures.share(month.budget["used_share"]), figures.usd(month.budget["amount_usd"])
        spent += f"{', ' if spent else ''}{bold(used)} of its budget of {bold(amount)}"
    parts += [spent] if spent else []
    if told["forecast_usd"] is not None:
        low, high = (bold(figures.usd(told[f"{end}_80_usd"])) for end in ("low", "high"))
        expected = bold(figures.usd(told["forecast_usd"]))
        parts.append(f"{expected} expected by the end of the month ({low} to {high} eight times in ten)")
    return "".join(f"; {part}" for part in parts)


def why_none(month: Month) -> str:
    """Why there is no forecast; empty where there is one."""
    told = month.forecast
    if told["forecast_usd"] is not None:
        return ""
    return f"No forecast yet: it needs {told['needed_days']} settled days with prices and has {told['history_days']}. "


def draw_month(month: Month) -> None:
    """The view and every budget in one table."""
    rows = [_row(month.forecast, name=VIEW), *(_row(row, name=row["budget"]) for row in month.budgets)]
    more = "" if month.budgets else " No budget is set for what you see: settle.budgets names their file."
    draw_table(
        "This month: budgets and forecast",
        rows,
        [
            Column(name="name", title="Budget"),
            Column(name="of", title="Of", unknown=""),
            Column(name="owner", title="Owner", unknown=""),
            Column(name="amount_usd", title="Amount", shown=_blank(figures.usd)),
            Column(name="settled_usd", title="Settled", shown=figures.usd),
            Column(name="provisional_usd", title="Provisional", shown=figures.usd),
            Column(name="used_share", title="Used", shown=_blank(figures.share)),
            Column(name="forecast_usd", title="Expected", shown=figures.usd),
            Column(name="low_80_usd", title="At least", shown=figures.usd),
            Column(name="high_80_usd", title="At most", shown=figures.usd),
            Column(name="days_left", title="Lasts", shown=_days),
            Column(name="burn_alerts", title="Burning", unknown=""),
        ],
        name="month",
        note=f"{why_none(month)}As of {month.now:%Y-%m-%d %H:%M} UTC; at least and at most: eight times in ten.{more}",
    )


NAMES = (
    *("of", "owner", "period", "amount_usd", "settled_usd", "provisional_usd", "used_share", "forecast_usd"),
    *("low_80_usd", "high_80_usd", "low_95_usd", "high_95_usd", "days_left", "burn_alerts"),
)


def _row(row: Row, *, name: str) -> dict[str, Any]:
    """One line of either report under the same names."""
    return {"name": name} | {column: row.get(column) for column in NAMES}


def _blank(shown: Any) -> Any:
    """What has no amount has no share of it: no dash, which would say that it is unknown."""
    return lambda value: Figure(text="", exact="") if value is None else shown(value)


def _days(left: float | None) -> Figure:
    """How long a budget lasts; nothing where it does to the end."""
    if left is None:
        return Figure(text="", exact="to the end of the period")
    return Figure(text=f"{left:.1f} d" if left else "used up", exact=f"{left} days")
