"""The questions about prices: what has none, which tables priced what, which models are in use."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, rows, span, stretch
from warehouse.lake import Flush
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.settings import LakeSettings

HOUR = timedelta(hours=1)
UNPRICED: dict[str, Any] = {"price_status": "unpriced_model", "cost_usd": None}
CALLS = (
    span(1, provider="p", request_model="m", response_model="m-1", service_tier="batch", price_version="v1"),
    span(2, provider="p", response_model="m-1", price_version="v2", started_at=NOON + HOUR, ended_at=NOON + 2 * HOUR),
    span(3, provider="p", response_model="m-1", price_version="v2", tenant="beta"),
    span(4, provider="p", request_model="m-1", price_version="v2", **UNPRICED),
    span(5, provider="p", response_model="m-1", service_tier="odd", price_version="v2", input_tokens=3, **UNPRICED),
    span(6, provider="p", response_model="m-1", billable=False, price_status=None, cost_usd=None),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    settings = LakeSettings(url=str(tmp_path / "lake"))
    part = stretch(0, len(CALLS))
    open_lake(settings).commit(Flush(ranges=(part,), tables={"spans": {APP: rows("spans", *CALLS)}}))
    return Warehouse(settings)


def pick(warehouse: Warehouse, question: str, *names: str, scope: Scope = ALL, **params: object) -> list[Any]:
    return [tuple(row[name] for name in names) for row in warehouse.ask(question, scope, **params).to_pylist()]


def test_unpriced_calls_are_told_apart_by_tier(warehouse: Warehouse):
    found = pick(warehouse, "unpriced", "model", "service_tier", "calls", "share", "input_tokens")

    assert found == [("m-1", "odd", 1, 0.2, 3), ("m-1", None, 1, 0.2, None)]


def test_price_versions_say_which_calls_they_priced_and_when_these_started(warehouse: Warehouse):
    names = ("price_version", "calls", "cost_usd", "first_started_at", "last_started_at")

    assert pick(warehouse, "price_versions", *names) == [
        ("v2", 4, Decimal(2), NOON, NOON + HOUR),
        ("v1", 1, Decimal(1), NOON, NOON),
    ]
    assert pick(warehouse, "price_versions", "price_version", end=NOON + HOUR) == [("v1",), ("v2",)]


def test_models_in_use_stand_with_everything_that_decides_their_price(warehouse: Warehouse):
    names = ("tenant", "provider", "model", "service_tier", "calls")

    assert pick(warehouse, "models", *names) == [
        ("acme", "p", "m-1", None, 2),
        ("acme", "p", "m-1", "batch", 1),
        ("acme", "p", "m-1", "odd", 1),
        ("beta", "p", "m-1", None, 1),
    ]


@pytest.mark.parametrize(("question", "calls"), [("models", [1]), ("price_versions", [1]), ("unpriced", [])])
def test_nobody_sees_the_calls_of_others(question: str, calls: list[int], warehouse: Warehouse):
    assert [one for (one,) in pick(warehouse, question, "calls", scope=frozenset({"beta"}))] == calls
