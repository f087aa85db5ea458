"""Bills of two providers with every cause planted in both at once: each is found for its worth, none is invented."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.billing import DAY, NOON, Books, Charge, billed, call, charges, total
from tests.warehouse.settling import World
from tests.warehouse.test_reconcile import cost

MODELS = {
    "openai": {
        "plain": ("gpt-4o", "gpt-4o-mini"),
        "missing_traffic": ("gpt-4.1",),
        "extra_traffic": ("o3",),
        "token_mismatch": ("gpt-4.1-mini",),
        "price_mismatch": ("o4-mini",),
        "tier": ("gpt-5",),
        "late_rows": ("gpt-4.1-nano",),
        "discount": ("gpt-5-mini", "gpt-5-nano"),
        "unpriced": ("gpt-99-new",),
    },
    "anthropic": {
        "plain": ("claude-sonnet-4-5", "claude-haiku-4-5"),
        "missing_traffic": ("claude-opus-4-5",),
        "extra_traffic": ("claude-opus-4-1",),
        "token_mismatch": ("claude-sonnet-4-0",),
        "price_mismatch": ("claude-opus-4-0",),
        "tier": ("claude-sonnet-4-6",),
        "late_rows": ("claude-opus-4-6",),
        "discount": ("claude-opus-4-7", "claude-3-5-haiku-latest"),
        "unpriced": ("claude-99-new",),
    },
}
"""By provider and cause the models that it is planted in."""
KINDS = ("input", "cached_input", "output")


@dataclasses.dataclass(slots=True)
class Plan:
    """What is in the books, what comes late, what is on the bill, and what each cause is worth."""

    known: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    late: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    bill: list[Charge] = dataclasses.field(default_factory=list)
    worth: dict[str, Decimal] = dataclasses.field(default_factory=dict)

    def plant(self, cause: str, calls: list[dict[str, Any]], billed_: list[Charge]) -> None:
        """Calls of one model, billed so."""
        known = {"late_rows": self.late, "missing_traffic": []}.get(cause, self.known)
        known += calls
        self.bill += billed_
        ours = [] if cause in ("missing_traffic", "unpriced") else charges(calls)
        self.worth[cause] = self.worth.get(cause, Decimal(0)) + cost(billed_) - cost(ours)


def calls_of(provider: str, model: str, size: int, **used: Any) -> list[dict[str, Any]]:
    """Two calls on each of three days."""
    return [
        call(
            f"{model}-{day}-{number}", day=day, seconds=60 * number, provider=provider, request_model=model,
            **{"input_tokens": 1000 * size + 17 * number + day, "cached_input_tokens": 100 * size + number,
               "output_tokens": 90 + day + size} | used,
        )
        for day, number in itertools.product(range(3), range(2))
    ]  # fmt: skip


def unknown(one: dict[str, Any]) -> list[Charge]:
    """What a provider asks for a model that we have no price of."""
    cached = one["cached_input_tokens"]
    tokens = (one["input_tokens"] - cached, cached, one["output_tokens"])
    line = Charge(day=one["started_at"].date(), model=one["request_model"], kind="", tokens=0, cost=Fraction(7, 100))
    line = line.but(provider=one["provider"])
    return [line.but(kind=kind, tokens=count) for kind, count in zip(KINDS, tokens, strict=True)]


def cheaper(calls: list[dict[str, Any]], factor: Fraction, kinds: tuple[str, ...] = KINDS) -> list[Charge]:
    return [line.but(cost=line.cost * factor) if line.kind in kinds else line for line in charges(calls)]


BILLED: dict[str, Callable[[list[dict[str, Any]]], list[Charge]]] = {
    "extra_traffic": lambda _: [],
    "late_rows": lambda _: [],
    "token_mismatch": lambda calls: charges([one | {"cached_input_tokens": 0} for one in calls]),
    "price_mismatch": lambda calls: cheaper(calls, Fraction(13, 10), ("output",)),
    "tier": lambda calls: charges([one | {"service_tier": "batch"} for one in calls]),
    "discount": lambda calls: cheaper(calls, Fraction(9, 10)),
    "unpriced": lambda calls: [line for one in calls for line in unknown(one)],
}
"""How the calls of a cause are billed; others as they were."""


def plan_of(provider: str, causes: tuple[str, ...]) -> Plan:
    plan = Plan()
    planted = [(cause, model) for cause in causes for model in MODELS[provider][cause]]
    for size, (cause, model) in enumerate(planted, start=1):
        calls = calls_of(provider, model, size)
        plan.plant(cause, calls, BILLED.get(cause, charges)(calls))
    tax = plan.bill[0].but(charge="tax", model="", kind="", tier="", cost=Fraction(19, 100), tokens=0)
    plan.bill.append(tax)
    plan.worth["other_charges"] = Decimal("0.19")
    return plan


@pytest.mark.long
@pytest.mark.parametrize(
    ("openai", "anthropic"),
    [
        (tuple(MODELS["openai"]), tuple(MODELS["anthropic"])),
        (("plain", "missing_traffic", "tier"), ("plain", "discount")),
        (("plain", "late_rows", "price_mismatch"), ("plain", "token_mismatch", "unpriced", "extra_traffic")),
    ],
    ids=["all", "missing and tier beside a discount", "late and dearer beside three"],
)
def test_every_cause_is_found_in_the_bill_it_is_in(openai: tuple[str, ...], anthropic: tuple[str, ...], tmp_path: Path):
    plans = {"openai": plan_of("openai", openai), "anthropic": plan_of("anthropic", anthropic)}
    books = Books(World(tmp_path), made_at=NOON + 11 * DAY)
    books.fill([one for plan in plans.values() for one in plan.known])
    if late := [one for plan in plans.values() for one in plan.late]:
        books.fill(late, now=NOON + 12 * DAY)

    books.take(*(billed(plan.bill, tmp_path / f"{provider}.csv") for provider, plan in plans.items()))

    compared = books.compare()
    for provider, plan in plans.items():
        found = total(one for one in compared if one.cell.key.provider == provider)
        assert set(found) == {cause for cause, usd in plan.worth.items() if usd}
        assert found == {cause: pytest.approx(plan.worth[cause], abs=Decimal("1e-9")) for cause in found}
