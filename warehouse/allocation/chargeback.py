"""Statements: what each tenant, business unit or cost centre bears in a month.

Lines of the ledger (``questions/chargeback.sql``) and, of each rule of the file, a line for each who bears a share. All
shares of a rule add up to what it shares, to the picodollar. What nobody bears stands under NULL: what a rule leaves
visible, amounts without anybody to bear them, and shares of a dimension that does not lead to whose statements these
are. Shares are reckoned over everybody, whatever the scope, and shown of those in it. Corrections of
closed months move no share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.allocation.file import BASES, Dimensions, Rule
from warehouse.allocation.shares import split
from warehouse.errors import BadQuestion
from warehouse.questions import load_question
from warehouse.questions.dimensions import Level
from warehouse.reader import ALL, Scope, WarehouseSnapshot, is_whole
from warehouse.scope import UNATTRIBUTED

NAME = "chargeback"
LINES = ("direct", "adjustment", "allocated")
"""In the order of a statement."""
Bearers = Mapping[str | None, Mapping[str, int]]
"""Of one month, by value of a dimension: ``cost`` in picodollars, ``calls``, ``tokens`` of its calls;
``unattributed``: picodollars of calls without a tenant that are booked in it, with what changed of closed months."""
Share = tuple[str | None, int]


def charge_back(snapshot: WarehouseSnapshot, scope: Scope, said: Dimensions, **params: object) -> pa.Table:
    """The answer to the question ``chargeback`` with allocated lines. Raises BadQuestion and what ``ask`` does."""
    question = load_question(NAME).knowing(snapshot.levels)
    values = question.parse(params)
    by = values["by"]
    if not isinstance(by, tuple) or len(by) != 1 or by == ("tags",):
        raise BadQuestion(f"{NAME} makes statements by one dimension, like tenant, cost_centre or tags.KEY")
    lines = snapshot.ask(NAME, scope, **params)
    check_months(values)
    of = str(by[0])
    shares = [
        {of: owner, "period": month, "line": "allocated", "rule": rule.name, "cost_usd": Decimal(picos).scaleb(-12)}
        for rule in said.rules
        for (month, owner), picos in _allocate(rule, snapshot, params, of, scope).items()
        if picos
    ]
    whole = pa.concat_tables([lines, pa.Table.from_pylist(shares, schema=lines.schema)])
    place = pc.index_in(whole["line"], pa.array(LINES))
    order = [(of, "ascending"), ("period", "ascending"), ("place", "ascending"), ("settlement", "ascending")]
    sorted_ = whole.append_column("place", place).sort_by([*order, ("cost_usd", "descending"), ("rule", "ascending")])
    return sorted_.drop_columns("place")


def check_months(values: Mapping[str, Any], named: Callable[[str], str] = str) -> None:
    """Raise BadQuestion where a parameter ends a month before it is over. ``named``: how the asker wrote its name."""
    for name in ("start", "end"):
        at = values[name]
        if at is not None and at != datetime(at.year, at.month, 1, tzinfo=UTC):
            raise BadQuestion(
                f"{named(name)} = {at:%Y-%m-%dT%H:%M:%SZ}: {NAME} takes whole months, by their first day, "
                f"like {at:%Y-%m}-01"
            )


def _allocate(
    rule: Rule, snapshot: WarehouseSnapshot, params: Mapping[str, object], of: str, scope: Scope
) -> Counter[tuple[date, str | None]]:
    """Picodollars by month and whose statement they stand on, of what the scope may see."""
    found: Counter[tuple[date, str | None]] = Counter()
    for month, bearers in _months(rule, snapshot, params).items():
        for bearer, picos in shares_of(rule, month, bearers):
            if _is_seen(rule, bearer, scope):
                is_visible = bearer is None and rule.months is not None  # nobody's, whoever holds unattributed calls
                found[month, None if is_visible else _owner(rule.to, bearer, of, snapshot.levels)] += picos
    return found


def _is_seen(rule: Rule, bearer: str | None, scope: Scope) -> bool:
    """Tenants see what tenants bear, their own."""
    return is_whole(scope) or (rule.to == "tenant" and isinstance(scope, frozenset) and bearer in scope)


def _months(rule: Rule, snapshot: WarehouseSnapshot, params: Mapping[str, object]) -> dict[date, Bearers]:
    """By month who bears what already; also months of which a rule alone tells."""
    asked = {name: value for name, value in params.items() if name not in ("by", "detail")}
    rows = snapshot.ask(NAME, ALL, **asked, by=tuple(dict.fromkeys(("tenant", rule.to))), detail="").to_pylist()
    values = load_question(NAME).parse(asked)
    found: dict[date, dict[str | None, dict[str, int]]] = {}
    for month in rule.months or ():
        if _within(month, values):
            found[month] = {}
    for row in rows:
        sums = found.setdefault(row["period"], {}).setdefault(row[rule.to], dict.fromkeys((UNATTRIBUTED, *BASES), 0))
        picos = int((row["cost_usd"] or Decimal(0)).scaleb(12))
        if row["tenant"] is None:
            sums[UNATTRIBUTED] += picos
        if row["corrects"] is None:
            sums["cost"] += picos
            sums["calls"] += row["calls"]
            sums["tokens"] += (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
    return dict(sorted(found.items()))


def _within(month: date, values: Mapping[str, Any]) -> bool:
    start, end = values["start"], values["end"]
    return (start is None or month >= start.date()) and (end is None or month < end.date())


def shares_of(rule: Rule, month: date, bearers: Bearers) -> list[Share]:
    """(who, picodollars) of one month; None = nobody. They add up to what is shared of amounts, else to nothing.

    What unattributed calls cost is in the ledger already: what others take over is taken off those whose it is there.
    """
    known = {name: sums for name, sums in bearers.items() if name is not None}
    stands = {name: sums[UNATTRIBUTED] for name, sums in bearers.items()}
    total = sum(stands.values()) if rule.months is None else rule.months.get(month, 0)
    parts = split(total, _weights(rule, known)) if rule.rule != "visible" else {}
    if rule.months is not None:
        return list(parts.items()) if parts else [(None, total)]
    return [*parts.items(), *((name, -picos) for name, picos in stands.items())] if parts else []


def _weights(rule: Rule, known: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    if rule.rule == "fixed":
        return dict(rule.parts)
    if rule.rule == "even":
        return {name: 1 for name, sums in known.items() if any(sums[base] for base in BASES)}
    return {name: sums[rule.base] for name, sums in known.items()}


def _owner(to: str, bearer: str | None, of: str, levels: Sequence[Level]) -> str | None:
    """Whose statement a share stands on; NULL where the one does not lead to the other."""
    if to == of:
        return bearer
    level = next((one for one in levels if one.name == of), None)
    return level.of(to, bearer) if level is not None and level.stands_on(to) else None
