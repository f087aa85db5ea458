"""The report ``variance``: two periods, or a period and its budget or forecast, and what made the difference.

A budget or a forecast is one sum; its calls, mix and prices are those of the period before, as often as the sum pays
for. So the parts say what came otherwise than in that period, and what is left of the sum is calls. Where nothing was
paid for in the period before (a new tenant, a launch), they are those of this period, so that all is calls. Corrections
of closed months, booked in a period, are no calls or prices of it: they are a part by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from warehouse.errors import BadQuestion
from warehouse.planning.causes import FACTORS, Cell, Cells, cost_of, scaled, split_difference
from warehouse.planning.file import Budget, Plans
from warehouse.planning.forecast import look
from warehouse.planning.periods import Stretch, overlap, period_before, period_of
from warehouse.planning.series import Asked, Group, narrowed, sees, to_picos, to_usd
from warehouse.questions import load_question
from warehouse.questions.parameters import first_hour
from warehouse.reader import Scope, WarehouseSnapshot
from warehouse.schemas.kinds import USD

NAME = "variance"
AGAINST = ("period", "budget", "forecast")
KINDS = ("input_cost_usd", "cached_cost_usd", "cache_write_cost_usd", "output_cost_usd")
"""Costs of plain, cached, written and output tokens."""
PARTS = {
    "calls_usd": "calls",
    "tokens_per_call_usd": "tokens_per_call",
    "model_mix_usd": "model_mix",
    "cache_share_usd": "cache_share",
    "price_usd": "unit_price",
    "other_usd": "other",
}
SUMS = {"volume_usd": ("calls_usd", "tokens_per_call_usd"), "mix_usd": ("model_mix_usd", "cache_share_usd")}
AMOUNTS = (
    *("base_usd", "usd", "difference_usd", "volume_usd", "mix_usd", "price_usd", "other_usd", "corrections_usd"),
    *("calls_usd", "tokens_per_call_usd", "model_mix_usd", "cache_share_usd"),
)
COUNTS = ("base_calls", "calls", "base_unpriced_calls", "unpriced_calls")
TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Period:
    """What a group did in one period."""

    cells: dict[tuple[object, ...], Cell] = field(default_factory=dict)
    corrections: list[Cell] = field(default_factory=list)
    unpriced_calls: int = 0

    @property
    def calls(self) -> int:
        """Priced ones."""
        return int(sum(cell.calls for cell in (*self.cells.values(), *self.corrections)))

    @property
    def corrected(self) -> int:
        """Picodollars that corrections of closed months are."""
        return int(sum(cell.cost for cell in self.corrections))

    @property
    def picos(self) -> int | None:
        """Cost; None where there are calls and none has a price."""
        is_known = self.cells or self.corrections or not self.unpriced_calls
        return int(cost_of(self.cells)) + self.corrected if is_known else None


def vary(snapshot: WarehouseSnapshot, scope: Scope, plans: Plans, **params: object) -> pa.Table:
    """The answer. Raises BadQuestion and what ``ask`` does."""
    values: dict[str, Any] = load_question(NAME).knowing(snapshot.levels).parse(params)
    against = values["against"] or AGAINST[0]
    if against not in AGAINST:
        raise BadQuestion(f"against = {against!r}: must be one of {', '.join(AGAINST)}")
    by = () if against == "budget" else values["by"]
    asked = Asked(snapshot=snapshot, scope=scope, by=by, where=values["where"], as_of=values["as_of_settlement"])
    this, base = _stretches(asked, values)
    if against == "budget":
        if params.get("by"):
            raise BadQuestion(f"by = {params['by']!r}: a budget says itself what it is of")
        return _table(("budget", "owner"), list(_of_budgets(asked, plans, values["mix"], this, base)))
    before, after = (_read(asked, values["mix"], stretch) for stretch in (base, this))
    if against == "period":
        groups = dict.fromkeys([*before, *after])
        rows = [_compared(before.get(group, Period()), after.get(group, Period())) for group in groups]
    else:
        views = look(asked, plans.launches, this, this[0])
        plan = {group: round(view.outlook.quantiles[0]) if view.outlook else None for group, view in views.items()}
        groups = dict.fromkeys([*after, *(group for group, picos in plan.items() if picos)])
        rows = [
            _compared(before.get(group, Period()), after.get(group, Period()), plan.get(group), planned=True)
            for group in groups
        ]
    return _table(by, [dict(zip(by, group, strict=True)) | row for group, row in zip(groups, rows, strict=True)])


def _stretches(asked: Asked, values: Mapping[str, Any]) -> tuple[Stretch, Stretch]:
    """This period, of the last settled month where it is not told, and what it is held against."""
    settled = asked.closed_to() or first_hour(asked.snapshot.taken_at)
    start = values["start"] or period_of((values["end"] or settled) - TICK, "month")[0]
    end = values["end"] or (settled if start < settled else period_of(start, "month")[1])
    before = period_before((start, end))
    base = values["base_start"] or before[0], values["base_end"] or before[1]
    for name, (first, after) in (("start", (start, end)), ("base_start", base)):
        if first >= after:
            raise BadQuestion(f"{name} = {first.isoformat()}: must be before {after.isoformat()}")
    return (start, end), base


def _read(asked: Asked, mix: Sequence[str], stretch: Stretch) -> dict[Group, Period]:
    """What groups did in a period."""
    params = {"by": asked.by, "mix": mix, "where": dict(asked.where), "as_of_settlement": asked.as_of}
    answer = asked.snapshot.ask(NAME, asked.scope, start=stretch[0], end=stretch[1], **params)
    found: dict[Group, Period] = {}
    for row in answer.to_pylist():
        period = found.setdefault(tuple(row[name] for name in asked.by), Period())
        period.unpriced_calls += row["unpriced_calls"]
        if not (row["calls"] or row["cost_usd"]):
            continue
        if row["corrects"] is not None:
            period.corrections.append(cell_of(row))
        else:
            period.cells[tuple(row[name] for name in mix)] = cell_of(row)
    return found


def cell_of(row: Mapping[str, Any]) -> Cell:
    """A row of tokens and costs by kind, those of its priced ``calls``."""
    cached, written = row["cached_input_tokens"], row["cache_write_tokens"]
    tokens = (row["input_tokens"] - cached - written, cached, written, row["output_tokens"])
    picos = [to_picos(row[name]) for name in KINDS]
    return Cell(
        calls=Fraction(row["calls"]),
        tokens=tuple(map(Fraction, tokens)),
        picos=tuple(map(Fraction, picos)),
        other=Fraction(to_picos(row["cost_usd"]) - sum(picos)),
    )


def _of_budgets(
    asked: Asked, plans: Plans, mix: Sequence[str], this: Stretch, base: Stretch
) -> Iterator[dict[str, Any]]:
    """Of each budget with an amount for some of this period: the share of the amounts that falls into it."""
    for budget in plans.budgets:
        picos = amount_within(budget, this)
        if picos is not None and sees(asked.scope, budget.of):
            narrow = replace(asked, where=narrowed(asked.where, budget.of))
            before, after = (_read(narrow, mix, stretch).get((), Period()) for stretch in (base, this))
            yield {"budget": budget.name, "owner": budget.owner} | _compared(before, after, picos, planned=True)


def amount_within(budget: Budget, stretch: Stretch) -> int | None:
    """Picodollars of a stretch, by its share of the time of each period; None where it has no amount for any of it."""
    begin, total, is_any = stretch[0], Fraction(0), False
    while begin < stretch[1]:
        period = period_of(begin, budget.period)
        if budget.is_for(period[0].date()):
            total += budget.picos * Fraction(overlap(period, stretch) // TICK, (period[1] - period[0]) // TICK)
            is_any = True
        begin = period[1]
    return round(total) if is_any else None


def _compared(before: Period, after: Period, plan: int | None = None, *, planned: bool = False) -> dict[str, Any]:
    """The columns of a group; parts are NULL, as the difference is, where one side is unknown."""
    base, here = plan if planned else before.picos, after.picos
    found: dict[str, Any] = {
        "base_calls": None if planned else before.calls,
        "calls": after.calls,
        "base_unpriced_calls": before.unpriced_calls,
        "unpriced_calls": after.unpriced_calls,
        "base_usd": None if base is None else to_usd(base),
        "usd": None if here is None else to_usd(here),
    }
    if base is None or here is None:
        return found
    found["difference_usd"] = to_usd(here - base)
    found["corrections_usd"] = to_usd(after.corrected - (0 if planned else before.corrected))
    split = _against(base, before.cells, after.cells) if planned else split_difference(before.cells, after.cells)
    return found | _parts(split)


def _against(plan: int, before: Cells, after: Cells) -> Mapping[str, int]:
    """Parts of what it costs over a plan in picodollars, which is as many calls as before as it pays for.

    Where nothing was paid for before, it is as many calls as now: all of the difference is calls.
    """
    if not plan:
        return split_difference({}, after)
    cost = cost_of(before)
    if cost > 0:
        return split_difference(scaled(before, plan / cost), after)
    return dict.fromkeys(FACTORS, 0) | {PARTS["calls_usd"]: int(cost_of(after)) - plan}


def _parts(picos: Mapping[str, int]) -> dict[str, Decimal]:
    parts = {name: picos[factor] for name, factor in PARTS.items()}
    sums = {name: sum(parts[part] for part in of) for name, of in SUMS.items()}
    return {name: to_usd(some) for name, some in (parts | sums).items()}


def _table(by: Sequence[str], rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in order of what changed most."""
    keys = [pa.field(name, pa.string()) for name in by]
    counts = [pa.field(name, pa.int64()) for name in COUNTS]
    schema = pa.schema(
        [*keys, *(pa.field(name, USD) for name in AMOUNTS), *counts, pa.field("provisional", pa.bool_())]
    )
    ordered = sorted(rows, key=lambda row: (-abs(row.get("difference_usd") or 0), [str(row[name]) for name in by]))
    return pa.Table.from_pylist([row | {"provisional": False} for row in ordered], schema=schema)
