"""How good alerts are: what the question says of incidents whose lives are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.incidents import ACKNOWLEDGED, ESCALATED, EXPECTED, FEEDBACK, RESOLVED, UNEXPECTED, Event, incidents_of
from alerts.incidents import to_table as rows_of
from alerts.judge import RETRACTED
from alerts.people import say
from tests.alerts.samples import follow, opened
from tests.alerts.workload import START
from warehouse.lake import Lake
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.settings import LakeSettings

MINUTE = timedelta(minutes=1)


def life(feature: str, *, took: int, taken: int | None = None, verdict: str | None = None) -> list[Event]:
    """An incident that opened ``took`` minutes after it began and was over an hour later."""
    first = opened(feature=feature)
    first = replace(first, recorded_at=first.window_start + took * MINUTE)
    over = replace(follow(first, RESOLVED), recorded_at=first.recorded_at + 60 * MINUTE)
    events = [first, over]
    incident = incidents_of(events)[first.incident_id]
    if taken is not None:
        events += [
            say(incident, ACKNOWLEDGED, who="ada", now=first.recorded_at + n * MINUTE) for n in (taken + 9, taken)
        ]
    if verdict is not None:
        words = [EXPECTED, verdict]
        events += [
            say(incident, FEEDBACK, who="ada", now=START + n * MINUTE, note=word) for n, word in enumerate(words)
        ]
    return events


def answer(directory: Path, events: Iterable[Event], scope: Scope = ALL, **params: Any) -> list[dict[str, Any]]:
    settings = LakeSettings(url=str(directory / "lake"))
    Lake.open(settings).append_once("incidents", rows_of(list(events)), "alerts", 0)
    return Warehouse(settings).ask("alert-quality", scope, **params).to_pylist()


def test_it_says_how_soon_they_open_are_taken_and_end_and_what_people_say(tmp_path: Path):
    price = replace(opened(feature="other"), signal="unit_price", excess_usd=Decimal(5))
    events = [
        *life("a", took=2, taken=10, verdict=UNEXPECTED),
        *life("b", took=4, taken=30, verdict=EXPECTED),
        *life("c", took=12),
        price,
        replace(follow(price, ESCALATED), severity="critical"),
    ]

    spend, unit_price = answer(tmp_path, events)

    assert {name: spend[name] for name in ("signal", "incidents", "acknowledged", "unexpected", "expected")} == {
        "signal": "spend", "incidents": 3, "acknowledged": 2, "unexpected": 1, "expected": 1,
    }  # fmt: skip
    assert (spend["precision"], spend["open_p50_minutes"], spend["acknowledge_p50_minutes"]) == (0.5, 4.0, 20.0)
    assert (spend["open_p90_minutes"], spend["resolve_p50_minutes"]) == (pytest.approx(10.4), 60.0)
    assert spend["excess_usd"] == 3 * Decimal("23.7")
    assert (unit_price["critical"], unit_price["precision"], unit_price["resolve_p50_minutes"]) == (1, None, None)


def test_a_tenant_sees_its_own_alone_and_what_was_retracted_is_counted(tmp_path: Path):
    first = opened(tenant="globex")
    events = [*life("a", took=2), first, replace(follow(first, RESOLVED), note=RETRACTED)]

    (row,) = answer(tmp_path, events, frozenset({"globex"}))

    assert (row["incidents"], row["retracted"]) == (1, 1)


def test_they_are_of_those_that_opened_in_the_stretch(tmp_path: Path):
    assert answer(tmp_path, life("a", took=2), start=START + MINUTE) == []
