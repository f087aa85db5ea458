"""What a span is, whether it is billed, and what it has in common with the span that is billed instead."""

from __future__ import annotations

from typing import Any

import polars as pl

from processors.conventions.rules import roles, scopes
from processors.explain.case import Case
from processors.explain.meanings import meaning
from processors.explain.wire import Json, Said, is_secret
from processors.normalise.calls import role_holds
from processors.normalise.frame import is_of_scope

ROLE, SCOPE = "role_rule", "scope_rule"
"""Columns that ``note_billing_rules`` adds: numbers of the rules of ``roles.csv`` and ``scopes.csv`` that hold."""

_COMPARED = (
    *("trace_id", "response_id", "service", "operation", "provider", "request_model", "response_model"),
    *("input_tokens", "output_tokens", "status"),
)


def note_billing_rules(decoded: pl.DataFrame) -> pl.DataFrame:
    """``ROLE SCOPE``, NULL where no rule holds, from decoded spans."""
    role = [pl.when(role_holds(rule)).then(pl.lit(number)) for number, rule in enumerate(roles())]
    scope = [pl.when(is_of_scope(rule.prefix)).then(pl.lit(number)) for number, rule in enumerate(scopes())]
    nothing = pl.lit(None, pl.Int32)
    return decoded.select(pl.coalesce(*role, nothing).alias(ROLE), pl.coalesce(*scope, nothing).alias(SCOPE))


def explain_convention(case: Case, row: int) -> Json:
    """Whose words the span speaks, and who says so."""
    step, span = case.steps[row], case.spans[row]
    scope = None if is_secret(step["scope_name"]) else step["scope_name"]
    json: Json = {"name": span["convention"], "scope": scope, "scope_version": span["scope_version"]}
    if step[SCOPE] is not None:
        return json | {"told_by": {"table": "scopes.csv", "scope": scopes()[step[SCOPE]].prefix}}
    told = next((one for said in case.said[row].values() for one in said if _speaks(one, span["convention"])), None)
    return json | ({"told_by": {"table": "aliases.csv", "key": told.alias.key}} if told else {})


def _speaks(said: Said, convention: str | None) -> bool:
    return said.won and said.alias.convention == convention


def explain_billing(case: Case, row: int) -> Json:
    """``billable``, role and verdict with their meanings; ``suppressed_by`` and how both spans compare."""
    step, span = case.steps[row], case.spans[row]
    why = span["_why"]
    json: Json = {
        "billable": span["billable"],
        "role": span["_role"],
        "role_meaning": meaning("role", span["_role"]),
        "why": why,
        "meaning": meaning("billing", why or "billed"),
    }
    if step[ROLE] is not None:
        rule = roles()[step[ROLE]]
        told = {name: getattr(rule, name) for name in ("scope", "name", "kind", "field", "value")}
        json["role_told_by"] = {"table": "roles.csv", **{name: value for name, value in told.items() if value}}
    if span["suppressed_by"] is not None:
        json |= {"suppressed_by": span["suppressed_by"], **_compare(case, row)}
    stands_for = [one["span_id"] for one in _suppressed(case, row)]
    return json | ({"billed_for": stands_for} if stands_for else {})


def _suppressed(case: Case, row: int) -> list[dict[str, Any]]:
    if not case.spans[row]["billable"]:
        return []
    return [one for other, one in enumerate(case.spans) if other != row and case.billed(other) == row]


def _compare(case: Case, row: int) -> Json:
    """On what both spans agree and differ as they were told, where both say something."""
    billed = case.billed(row)
    if billed is None or billed == row:
        return {}
    mine, other = case.before[row], case.before[billed]
    both = [name for name in _COMPARED if mine[name] is not None and other[name] is not None]
    return {
        "agree": [name for name in both if mine[name] == other[name]],
        "differ": [name for name in both if mine[name] != other[name]],
        "encloses": case.is_ancestor(row, billed),
    }
