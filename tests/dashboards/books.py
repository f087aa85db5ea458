"""A ledger with settled books: two months of calls, tasks and outcomes, a locked month, late calls, bills beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.warehouse.billing import billed, charges
from tests.warehouse.settling import World, outcome
from tests.warehouse.told import START, span
from warehouse.settings import LakeSettings

DAY = timedelta(days=1)
USES = (
    ("acme", "chat", "gpt-4o", "v6", 9_000, 700),
    ("acme", "search", "gpt-4o-mini", "v2", 30_000, 900),
    ("globex", "chat", "gpt-4o", "v7", 14_000, 1_100),
    (None, "chat", "gpt-4o-mini", None, 2_000, 300),
    ("initech", "chat", "in-house-7b", "v1", 5_000, 500),
)
"""Tenant, feature, model, prompt version, input and output tokens of the calls of an hour; the last has no price."""
BUDGETS = """[[budgets]]
name = "Everything"
amount = "180.00"
owner = "finops@acme.example"

[[budgets]]
name = "Chat of acme"
of = {tenant = "acme", feature = "chat"}
amount = "25.00"
owner = "chat@acme.example"
"""
LEVELS = """[levels.cost_centre]
over = "tenant"
holds."CC-100" = ["acme"]
holds."CC-200" = ["globex", "initech"]

[[allocations]]
name = "platform overhead"
share = "unattributed"
rule = "even"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The lake, the files beside it, and what a provider would bill."""

    lake: LakeSettings
    budgets: Path
    dimensions: Path
    bill: Path
    first_day: date
    last_day: date
    closed_month: date

    @property
    def variables(self) -> dict[str, str]:
        """Settings of a process that reads all of it."""
        return {
            "SPANLEDGER_SETTLE_BUDGETS": str(self.budgets),
            "SPANLEDGER_SETTLE_DIMENSIONS": str(self.dimensions),
            "SPANLEDGER_SETTLE_REVIEW_USD_PER_HOUR": "60",
            "SPANLEDGER_DASHBOARD_REFRESH_S": "600",
        }


def make_booked_ledger(directory: Path, now: datetime | None = None) -> Booked:
    """Settled up to the hour before this one; of the hours that are open there are calls too."""
    now = now or datetime.now(UTC)
    world = World(directory)
    days = [now - number * DAY for number in range(45, 0, -1)]
    calls = [one for day in days for one in _calls(day)]
    world.flush(calls, _outcomes(calls))
    world.settle(now=now)
    month = (now.replace(day=1) - DAY).date().replace(day=1)
    world.close(month, now=now)
    world.flush([_late(now - 2 * DAY, "late"), _late(datetime(month.year, month.month, 20, 9, tzinfo=UTC), "old")])
    world.settle(now=now)
    world.flush(_hour(now - timedelta(minutes=2), "open"))
    files = {name: directory / f"{name}.toml" for name in ("budgets", "dimensions")}
    files["budgets"].write_text(BUDGETS)
    files["dimensions"].write_text(LEVELS)
    lines = charges(one for one in calls if one["request_model"] != "in-house-7b")
    recent = [one for one in lines if one.day > (now - 10 * DAY).date() and one.day < now.date()]
    dearer = [one.but(cost=one.cost * 2) if place == 0 else one for place, one in enumerate(recent)]
    return Booked(
        lake=world.settings,
        **files,
        bill=billed(dearer, directory / "openai-bill.csv"),
        first_day=min(one.day for one in recent),
        last_day=max(one.day for one in recent),
        closed_month=month,
    )


def _calls(day: datetime) -> Iterator[dict[str, Any]]:
    for hour in (9, 14):
        at = day.replace(hour=hour, minute=5, second=0, microsecond=0)
        yield from _hour(at, f"{at:%d%m%H}")


def _hour(at: datetime, name: str) -> list[dict[str, Any]]:
    """The calls of an hour, each a task of its own; more on weekdays, and globex grows."""
    size = 1.0 if at.weekday() < 5 else 0.4
    return [
        _call(at, f"{name}{place}", use, size * (1 + at.month % 3 * (use[0] == "globex")))
        for place, use in enumerate(USES)
    ]


def _call(at: datetime, name: str, use: tuple[Any, ...], size: float) -> dict[str, Any]:
    tenant, feature, model, version, input_tokens, output_tokens = use
    return span(
        f"s{name}",
        trace=f"t{name}",
        at=(at - START) / timedelta(milliseconds=1),
        ms=900.0,
        tenant=tenant,
        feature=feature,
        provider="openai" if model != "in-house-7b" else "ollama",
        request_model=model,
        prompt_name="main" if version else None,
        prompt_version=version,
        task_id=f"T-{name}",
        user_id=name[-1:].encode() * 16,
        input_tokens=int(input_tokens * 20 * size),
        cached_input_tokens=int(input_tokens * 5 * size),
        output_tokens=int(output_tokens * 20 * size),
    )


def _late(at: datetime, name: str) -> dict[str, Any]:
    return _call(at.replace(hour=9, minute=30), f"late{name}", USES[0], 1.0)


def _outcomes(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Most tasks are judged, every seventh of them a failure; every fifth was judged safe."""
    judged = [one for place, one in enumerate(calls) if place % 6]
    told = [
        outcome("success", "failure" if place % 7 == 0 else "success", tenant=one["tenant"], task_id=one["task_id"])
        for place, one in enumerate(judged)
    ]
    return told + [outcome("safe", "safe", tenant=one["tenant"], task_id=one["task_id"]) for one in judged[::5]]
