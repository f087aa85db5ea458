"""A ledger of people, tasks and versions with known rows: two prompt versions, judged answers, tools, one incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.warehouse.held import held
from tests.warehouse.samples import span, usage
from warehouse.schemas.settled import LEDGER_AMOUNTS, LEDGER_COUNTS
from warehouse.settings import LakeSettings

Row = dict[str, Any]
DAY = timedelta(days=1)
COMES: dict[tuple[str, str, str], range | tuple[int, ...]] = {
    ("acme", "chat", "anna"): range(1, 50),
    ("acme", "search", "ben"): range(1, 50, 7),
    ("acme", "chat", "cleo"): (1,),
    ("globex", "chat", "dan"): (31, 40),
}
"""Tenant, feature and user, and the days before today with a call. Dan had his last call 30 days before yesterday."""
CHANGED = 10
"""So many days before today version 8 was first called."""


def make_product_ledger(directory: Path) -> LakeSettings:
    """Settled up to the beginning of today."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    held(
        directory,
        today,
        user_days=[
            {"hour": today - day * DAY, "tenant": tenant, "feature": feature, "user_id": user, "calls": 2}
            | {"cost_usd": Decimal(1)}
            for (tenant, feature, user), days in COMES.items()
            for day in days
        ],
        ledger=[
            _line(today - day * DAY, tenant, feature) for (tenant, feature, _), days in COMES.items() for day in days
        ],
        tasks=[*_tasks(today, "7", 80, 20, "0.04"), *_tasks(today, "8", 95, 5, "0.02")],
        usage=[
            *(_calls(today, "7", day) for day in range(1, 15)),
            *(_calls(today, "8", day, 30) for day in range(1, CHANGED + 1)),
        ],
        spans=[one for version in "78" for one in _spans(today, version)],
        outcomes=[*_judged(today, "7", 30), *_judged(today, "8", 40)],
        incidents=[_incident(today - CHANGED * DAY + timedelta(hours=14))],
    )
    return LakeSettings(url=str(directory))


def _line(hour: datetime, tenant: str, feature: str) -> Row:
    line = dict.fromkeys(LEDGER_AMOUNTS, Decimal(0)) | dict.fromkeys(LEDGER_COUNTS, 0)
    whose = {
        "hour": hour,
        "period": hour.date().replace(day=1),
        "entry": "settled",
        "tenant": tenant,
        "feature": feature,
    }
    return line | whose | {"status": "ok", "calls": 2, "priced_calls": 2, "cost_usd": Decimal(1), "input_tokens": 100}


def _tasks(today: datetime, version: str, good: int, bad: int, usd: str) -> list[Row]:
    plain = {"hour": today - DAY, "tenant": "acme", "kind": "task", "feature": "chat", "prompts": [f"main@{version}"]}
    counts = {"spans": 1, "calls": 1, "priced_calls": 1, "guardrail_blocks": 0, "safe": "unknown", "users": ["anna"]}
    return [
        plain
        | counts
        | {"task": f"T{version}-{n}", "outcome": "success" if n < good else "failure"}
        | {"cost_usd": Decimal(usd) + Decimal(n % 3) / 1000}
        for n in range(good + bad)
    ]


def _calls(today: datetime, version: str, day: int, calls: int = 10) -> Row:
    at = today - day * DAY + timedelta(hours=12)
    named = {"tenant": "acme", "feature": "chat", "prompt_name": "main", "prompt_version": version, "model": "gpt-4o"}
    times = {"latency_hist": [{"index": 330 + 4 * (n % 5), "count": calls // 5} for n in range(5)]}
    return usage(minute=at, environment="production", calls=calls, priced_calls=calls, **named, **times)


def _spans(today: datetime, version: str) -> list[Row]:
    at = {"ended_at": today - DAY + timedelta(hours=12), "started_at": today - DAY, "tenant": "acme", "feature": "chat"}
    tool = {"billable": False, "operation": "execute_tool", "tool_name": "look_up", "duration_ms": 40.0}
    calls = [
        span(1_000 * int(version) + n, **at, task_id=f"T{version}-{n}", prompt_name="main", prompt_version=version)
        for n in range(50)
    ]
    runs = [span(1_000 * int(version) + 500 + n, **at, **tool, status="error" if n == 0 else "ok") for n in range(5)]
    return calls + runs


def _judged(today: datetime, version: str, good: int) -> list[Row]:
    """Of the first 40 tasks."""
    told = {"observed_at": today - DAY, "received_at": today - DAY, "tenant": "acme", "source": "evaluator"}
    return [
        told
        | {"outcome_id": f"g{version}-{n}", "name": "groundedness", "task_id": f"T{version}-{n}"}
        | {"label": "grounded" if n < good else "ungrounded", "score": 0.9 if n < good else 0.2}
        for n in range(40)
    ]


def _incident(at: datetime) -> Row:
    whose = {"tenant": "acme", "feature": "chat", "signal": "spend", "severity": "high", "summary": "acme / chat"}
    amounts = dict.fromkeys(("observed_usd", "expected_usd", "excess_usd", "excess_usd_per_hour"), Decimal(1))
    times = {"recorded_at": at, "opened_at": at, "window_start": at - timedelta(minutes=5), "window_end": at}
    return {"event_id": "e1", "incident_id": "i1", "sequence": 0, "event": "opened"} | whose | amounts | times
