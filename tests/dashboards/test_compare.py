"""Two periods side by side."""

from decimal import Decimal
from typing import Any

from dashboards.compare import beside
from dashboards.waterfall import causes, waterfall


def row(model: str, cost: str | None) -> dict[str, Any]:
    return {"model": model, "cost_usd": Decimal(cost) if cost else None, "calls": 1}


def test_each_row_has_what_it_cost_before_and_those_that_are_gone_come_last():
    rows = beside([row("new", "2"), row("same", "3.5")], [row("same", "5"), row("gone", "1")], ["model"])

    assert [(one["model"], one["cost_usd"], one["before_usd"], one["change_usd"]) for one in rows] == [
        ("new", Decimal(2), Decimal(0), Decimal(2)),
        ("same", Decimal("3.5"), Decimal(5), Decimal("-1.5")),
        ("gone", Decimal(0), Decimal(1), Decimal(-1)),
    ]


def test_what_has_no_price_has_no_change():
    rows = beside([row("a", None), row("b", "1")], [row("b", None)], ["model"])

    assert [one["change_usd"] for one in rows] == [None, None]


VARIANCE: dict[str, Any] = dict.fromkeys(
    ("tokens_per_call_usd", "cache_share_usd", "price_usd", "other_usd", "corrections_usd"), Decimal(0)
) | {"base_usd": Decimal(10), "usd": Decimal(15), "calls_usd": Decimal(7), "model_mix_usd": Decimal(-2)}


def test_a_waterfall_goes_from_before_to_now_by_what_is_something():
    bars = waterfall(VARIANCE, before="Before", now="Now")["data"]["values"]

    assert [(bar["name"], bar["usd"], bar["told"]) for bar in bars] == [
        ("Before", 10.0, "$10.00"),
        ("Calls", 7.0, "+$7.00"),
        ("Models", -2.0, "-$2.00"),
        ("Now", 15.0, "$15.00"),
    ]


def test_its_table_has_the_parts_alone():
    assert [one["usd"] for one in causes(VARIANCE)] == [Decimal(7), Decimal(-2)]
