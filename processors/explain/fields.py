"""Which attribute gave each canonical field, what lost against it, and from which span the value was taken."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from processors.conventions.rules import words
from processors.decode import verdicts
from processors.explain.case import Case
from processors.explain.wire import Json, Said, describe
from warehouse.schemas import TOKEN_KINDS

SOURCES = {
    "operation": ("operation", "operation_kind", "span_type", "task_outcome"),
    "provider": ("provider", "other_provider", "provider_model"),
    "request_model": ("request_model", "other_model", "provider_model", "response_model"),
    "stream": ("stream", "ttft", "other_ttft", "first_chunk_at"),
    "input_tokens": ("input_tokens", "uncached_input_tokens", "total_tokens"),
    "ttft_ms": ("ttft", "other_ttft", "first_chunk_at", "server_ttft"),
    "duration_ms": ("reported_duration",),
    "reported_cost_usd": ("reported_cost",),
    "attempt": ("attempt", "resend_count"),
    "provider_account": ("provider_account", "openai_account", "google_account", "cloud_account"),
    "http_status": ("http_status", "error_code", "error_type"),
    "pii_detected": ("pii_detected", "masked_entities"),
}
"""Column -> wire fields in the order in which they are asked; without a line: the field of the same name."""

DERIVED = {
    "operation": "what the span is, by its role or its name, or because it has tokens and a model",
    "request_model": "the span's name",
    "principal": "the service: no credential is told",
    "duration_ms": "end - start of the span",
    "tpot_ms": "(duration - time to first token) / (output tokens - 1)",
    "stream": "the span's role, or what only streams have",
    "http_status": "a number in the error's text",
    "safety_category": "finish reason, error, guardrail or a filter's result",
    "guardrail_action": "finish reason, error, guardrail or a filter's result",
    "safety_findings": "finish reason, error, guardrail or a filter's result",
    "pii_detected": "finish reason, error, guardrail or a filter's result",
    "injection_detected": "finish reason, error, guardrail or a filter's result",
}
"""Where a value comes from that no attribute gives."""

COLUMNS = (
    *("operation", "provider", "request_model", "response_model", "response_id", "stream", "finish_reason"),
    *TOKEN_KINDS,
    *("duration_ms", "ttft_ms", "tpot_ms", "reported_cost_usd", "http_status", "attempt", "service_tier"),
    *("tenant", "feature", "principal", "environment", "service", "service_version", "user_id", "session_id"),
    *("task_id", "prompt_name", "prompt_version", "route", "tool_name", "agent_name", "server_address", "host", "pod"),
    *(
        "namespace",
        "server_port",
        "provider_account",
        "safety_category",
        "guardrail_action",
        "safety_findings",
        "pii_detected",
        "injection_detected",
    ),
)

_WORDS = {"operation": "values.csv", "provider": "providers.csv", "finish_reason": "values.csv"}
"""Columns whose word on the wire becomes another one, and the table that says so where ``values.csv`` does not."""

_JUDGED = ("safety_category", "guardrail_action")
"""Columns that results of filters and finish reasons fill where no attribute of their own does."""

_CLOSE = 1e-9


def explain_fields(case: Case, row: int) -> Json:
    """By column: its value, ``from``, ``lost``, ``by`` (a rule instead of an attribute); unknown ones are left out."""
    told = {column: _explain(case, row, column) for column in COLUMNS}
    told |= {f"units.{unit}": _member(case, row, "units", unit) for unit in dict(case.spans[row]["units"] or ())}
    told |= {f"tags.{tag}": _member(case, row, "tags", tag) for tag in dict(case.spans[row]["tags"] or ())}
    return {column: one for column, one in told.items() if one}


def _member(case: Case, row: int, column: str, name: str) -> Json:
    said = case.said[row].get(name if column == "units" else f"tag:{name}", [])
    return _entry(case, row, said, dict(case.spans[row][column])[name], column)


def _explain(case: Case, row: int, column: str) -> Json | None:
    value = case.spans[row][column]
    source = case.source(row, column)
    at = row if source is None else source
    said = [one for field in SOURCES.get(column, (column,)) for one in case.said[at].get(field, ())]
    if column in _JUDGED and value is not None and not any(one.won for one in said):
        said += _evidence(case, at, column, value)[:1]
    if value is None and (not said or not _concerns(column, said)):
        return None
    json = _entry(case, at, said, value, column)
    if at != row:
        json["taken_from"] = {"span_id": case.spans[at]["span_id"], "as": _relation(case, row, at)}
    return json


def _evidence(case: Case, row: int, column: str, value: Any) -> list[Said]:
    """The results of filters and guards that name the value, as all of them count; then a finish reason that does."""
    said, span = case.said[row], case.spans[row]
    named = [one for one in said.get(verdicts.FIELD, ()) if _names(one, column, value, span["guardrail_action"])]
    filtered = span["finish_reason"] == "content_filter" and value in ("content_filter", "blocked")
    finished = [one for one in said.get("finish_reason", ()) if one.won and filtered]
    return [replace(one, won=True) for one in (*named, *finished)]


def _names(said: Said, column: str, value: Any, action: str | None) -> bool:
    """Whether a result names the value; what it let through is no category beside another ``action``."""
    pairs = [pair.partition("=") for pair in (said.value or "").split(" ")]
    if column == "guardrail_action":
        return any(done == value for _, _, done in pairs)
    return any(category == value and (done != "allowed" or action == done) for category, _, done in pairs)


def _concerns(column: str, said: list[Said]) -> bool:
    """Whether an attribute was meant for this very column, so that its refusal is worth telling."""
    return said[0].field == SOURCES.get(column, (column,))[0] and column not in ("stream", "operation")


def _entry(case: Case, at: int, said: list[Said], value: Any, column: str) -> Json:
    chosen = None if value is None else _choose(value, said, case.steps[at].get("started_ns"))
    entry: Json = {"value": value}
    if chosen is not None:
        entry["from"] = describe(chosen, case.kinds) | _through(column, chosen.value, value)
    elif value is not None:
        entry["by"] = DERIVED.get(column, "a rule")
    place = said.index(chosen) if chosen is not None else None
    lost = [
        describe(one, case.kinds)
        | {"because": _why_lost(one, chosen, value, earlier=place is not None and nth < place)}
        for nth, one in enumerate(said)
        if one is not chosen
    ]
    return entry | ({"lost": lost} if lost else {})


def _through(column: str, written: Any, value: Any) -> Json:
    """The table that made another word of the word on the wire."""
    if column not in _WORDS or not isinstance(written, str) or written.strip().lower() == value:
        return {}
    return {"through": "values.csv" if words(column).get(written.strip().lower()) == value else _WORDS[column]}


def _choose(value: Any, said: list[Said], started_ns: int | None) -> Said | None:
    """The winner that reads like the value; of winners that need a rule to become it, the first."""
    winners = [one for one in said if one.won]
    same = (one for one in winners if _reads(one, value, started_ns))
    return next(same, winners[0] if winners and not isinstance(value, float) else None)


def _reads(said: Said, value: Any, started_ns: int | None) -> bool:
    number = said.number
    if said.field == "first_chunk_at" and isinstance(number, int | float) and not isinstance(value, bool):
        number = (said.value - (started_ns or 0)) / 1e6
    if isinstance(value, bool) or number is None:
        return bool(said.value == value)
    try:
        return math.isclose(number, float(value), rel_tol=_CLOSE)
    except (TypeError, ValueError):
        return False


def _why_lost(said: Said, chosen: Said | None, value: Any, *, earlier: bool) -> str:
    """``rank``: another attribute of the same field stands higher; ``order``: another field is asked before.

    ``not_usable``: asked first, but its value cannot be; ``not_asked``: a rule gave the value.
    """
    if chosen is None:
        return "not_usable" if value is None else "not_asked"
    if said.field == chosen.field:
        return "rank"
    return "not_usable" if earlier else "order"


def _relation(case: Case, row: int, at: int) -> str:
    """``same_call``: the span tells of the same call; ``ancestor``; or the ancestor of a span of the same call."""
    if case.spans[at]["suppressed_by"] == case.spans[row]["span_id"]:
        return "same_call"
    return "ancestor" if case.is_ancestor(at, row) else "ancestor_of_same_call"
