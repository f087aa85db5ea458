"""Laws of causes: whatever is on a bill, they add up; what is planted is found, and nothing is that is not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.billing import total
from warehouse.invoices.answer import BY, as_table, compare
from warehouse.invoices.causes import CAUSES
from warehouse.invoices.gather import Sides
from warehouse.schemas import COST_KINDS, TOKEN_KINDS

FIRST = dt.date(2026, 3, 1)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(4)]
RATES = {
    ("small", "input"): 3,
    ("small", "cached_input"): 1,
    ("small", "output"): 12,
    ("large", "input"): 25,
    ("large", "cached_input"): 10,
    ("large", "output"): 100,
}
"""Picodollars x 10^5 a token."""
Row = dict[str, Any]


def price(model: str | None, kind: str) -> Fraction:
    return Fraction(RATES[model or "", kind], 10**7)


def rate(row: Mapping[str, Any], kind: str) -> Fraction | None:
    known = (row["model"], kind) in RATES and row["model"] != "unknown"
    return price(row["model"], kind) * (Fraction(1, 2) if row["tier"] == "batch" else 1) if known else None


def ours(day: dt.date, model: str, uncached: int, cached: int, out: int, **values: Any) -> Row:
    """A row of the books."""
    costs = {
        "input_cost_usd": uncached * price(model, "input"),
        "cached_cost_usd": cached * price(model, "cached_input"),
        "output_cost_usd": out * price(model, "output"),
    }
    row: Row = dict.fromkeys(TOKEN_KINDS, 0) | {name: Decimal(0) for name in COST_KINDS}
    row |= {name: Decimal(int(cost * 10**12)).scaleb(-12) for name, cost in costs.items()}
    row |= {"input_tokens": uncached + cached, "cached_input_tokens": cached, "output_tokens": out}
    row |= {"day": day, "provider": "openai", "account": None, "model": model, "tier": "standard", "calls": 1}
    row |= {"said_provider": "openai", "said_model": model, "said_tier": None}
    return row | {"is_priced": True, "is_late": False, "without_usage": 0} | values


def theirs(row: Row, **values: Any) -> list[Row]:
    """What a bill says of a row of the books: a line a kind."""
    counts = {"input": row["input_tokens"] - row["cached_input_tokens"], "cached_input": row["cached_input_tokens"]}
    counts |= {"output": row["output_tokens"]}
    return [
        {
            **{name: row[name] for name in ("day", "provider", "account", "model", "tier")},
            "kind": kind,
            "charge": "usage",
            "unit": "tokens",
            "format": "generic",
            "said_model": row["model"],
            "has_cost": True,
            "has_quantity": True,
            "quantity": Decimal(count),
            "off_by": Decimal(0),
            "cost_usd": Decimal(int(count * price(row["model"], kind) * 10**12)).scaleb(-12),
            **values,
        }
        for kind, count in counts.items()
        if count
    ]


def causes(books: list[Row], bill: list[Row], midnight: list[Row] | None = None) -> dict[str, Decimal]:
    compared = compare(Sides(ours=books, theirs=bill, midnight=midnight or [], closed_to=None), rate)
    for by in (BY, ("provider",), ("day", "token_kind")):
        for row in as_table(compared, by).to_pylist():
            assert sum(row[f"{cause}_usd"] for cause in CAUSES) == row["difference_usd"]
            assert row["difference_usd"] == row["theirs_usd"] - row["ours_usd"]
    return total(compared)


FEW = settings(max_examples=30, deadline=None)
COUNT = st.integers(1, 10**6)
MODEL = st.sampled_from(["small", "large"])
BOOKS = st.lists(
    st.builds(ours, st.sampled_from(DAYS), MODEL, COUNT, COUNT, COUNT),
    min_size=1, max_size=8, unique_by=lambda row: (row["day"], row["model"]),
)  # fmt: skip


@FEW
@given(BOOKS)
def test_the_truth_has_no_causes(books: list[Row]):
    assert causes(books, [line for row in books for line in theirs(row)]) == {}


@FEW
@given(BOOKS, BOOKS, st.lists(st.integers(-(10**9), 10**9), min_size=24, max_size=24), st.booleans())
def test_causes_add_up_whatever_is_billed(books: list[Row], billed: list[Row], odd: list[int], counted: bool):
    lines = [line for row in billed for line in theirs(row)]
    bill = [
        line | {"cost_usd": line["cost_usd"] + Decimal(more).scaleb(-12)}
        | ({} if counted else {"quantity": None, "has_quantity": False})
        for line, more in zip(lines, odd, strict=False)
    ]  # fmt: skip

    causes(books, bill)


@FEW
@given(BOOKS, st.lists(st.builds(ours, st.sampled_from(DAYS), MODEL, COUNT, COUNT, COUNT), min_size=1, max_size=4))
def test_calls_that_nobody_saw_are_missing_and_nothing_else(books: list[Row], unseen: list[Row]):
    bill = [line for row in [*books, *unseen] for line in theirs(row)]

    assert causes(books, bill) == {"missing_traffic": sum(line["cost_usd"] for row in unseen for line in theirs(row))}


@FEW
@given(BOOKS, st.data())
def test_calls_that_are_not_billed_are_extra_and_nothing_else(books: list[Row], data: st.DataObject):
    dropped = data.draw(st.integers(0, len(books) - 1))
    bill = [line for number, row in enumerate(books) if number != dropped for line in theirs(row)]
    inside = bool(bill) and min(row["day"] for row in bill) <= books[dropped]["day"] <= max(row["day"] for row in bill)

    found = causes(books, bill) if inside else {}

    expected = -sum((line["cost_usd"] for line in theirs(books[dropped])), Decimal(0))
    assert found == ({"extra_traffic": expected} if inside else {})


@FEW
@given(BOOKS, st.integers(50, 99))
def test_one_factor_is_a_discount_and_nothing_else(books: list[Row], percent: int):
    bill = [line for row in books for line in theirs(row)]
    lower = [line | {"cost_usd": line["cost_usd"] * percent / 100} for line in bill]

    found = causes(books, lower)

    assert set(found) == {"discount"}
    assert found["discount"] == sum(line["cost_usd"] for line in lower) - sum(line["cost_usd"] for line in bill)


@FEW
@given(BOOKS, st.data())
def test_cached_tokens_counted_otherwise_are_a_token_mismatch(books: list[Row], data: st.DataObject):
    row = books[data.draw(st.integers(0, len(books) - 1))]
    moved = data.draw(st.integers(1, row["cached_input_tokens"]))
    left = row["cached_input_tokens"] - moved
    otherwise = ours(row["day"], row["model"], row["input_tokens"] - left, left, row["output_tokens"])

    found = causes(books, [line for one in books for line in theirs(otherwise if one is row else one)])

    gap = price(row["model"], "input") - price(row["model"], "cached_input")
    assert found == {"token_mismatch": Decimal(int(moved * gap * 10**12)).scaleb(-12)}


@FEW
@given(BOOKS, st.builds(ours, st.sampled_from(DAYS), st.just("large"), COUNT, COUNT, COUNT), st.data())
def test_mixes_are_told_apart(books: list[Row], unseen: Row, data: st.DataObject):
    small = [row for row in books if row["model"] == "small"]
    percent = data.draw(st.integers(50, 99))
    dearer = data.draw(st.booleans()) and len(books) >= 3 and len(small) == 1
    bill = [line for row in [*books, unseen] for line in theirs(row)]
    lower = [line | {"cost_usd": line["cost_usd"] * percent / 100} for line in bill]
    other = [
        line | {"cost_usd": line["cost_usd"] * 3}
        if dearer and (line["model"], line["kind"]) == ("small", "output")
        else line
        for line in lower
    ]

    found = causes(books, other)

    value = sum((line["cost_usd"] for line in theirs(unseen)), Decimal(0))
    outputs = [line for line in lower if (line["model"], line["kind"]) == ("small", "output")]
    most = all(
        2 * sum(line["cost_usd"] for line in outputs if line["day"] == day)
        < sum(line["cost_usd"] for line in lower if line["day"] == day)
        for day in {line["day"] for line in outputs}
    )
    assert found["missing_traffic"] == value
    if not dearer:
        assert set(found) == {"missing_traffic", "discount"}
    elif most:
        assert set(found) == {"missing_traffic", "discount", "price_mismatch"}
        assert found["price_mismatch"] == 2 * sum(line["cost_usd"] for line in outputs)


@FEW
@given(BOOKS, st.data())
def test_calls_beside_midnight_are_late_and_sum_up_to_nothing(books: list[Row], data: st.DataObject):
    row = books[data.draw(st.integers(0, len(books) - 1))]
    day = row["day"] + dt.timedelta(days=1)
    parts = [data.draw(st.integers(1, row[name] - (row["cached_input_tokens"] if name == "input_tokens" else 0)))
             for name in ("input_tokens", "output_tokens")]  # fmt: skip
    near = ours(row["day"], row["model"], parts[0], 0, parts[1])
    other = [one for one in books if (one["day"], one["model"]) == (day, row["model"])]
    edge = ours(day, row["model"], 10**6, 1, 10**6)
    every = books if other else [*books, edge]
    rest = ours(row["day"], row["model"], row["input_tokens"] - row["cached_input_tokens"] - parts[0],
                row["cached_input_tokens"], row["output_tokens"] - parts[1])  # fmt: skip
    moved = ours(day, row["model"], parts[0], 0, parts[1])
    bill = [line for one in every for line in theirs(rest if one is row else one)] + theirs(moved)
    flags = {"is_crossed": False, "is_early": False, "is_late": True}

    assert causes(every, bill, [near | flags]) == {}
    assert set(causes(every, bill)) <= {"missing_traffic", "extra_traffic", "token_mismatch"}


@FEW
@given(BOOKS)
def test_batch_calls_that_our_spans_do_not_call_so_are_a_matter_of_the_tier(books: list[Row]):
    bill = [
        line | {"tier": "batch", "cost_usd": line["cost_usd"] / 2} for row in books for line in theirs(row)
    ]  # fmt: skip

    assert causes(books, bill) == {"tier": -sum(line["cost_usd"] for line in bill)}


@FEW
@given(BOOKS, st.builds(ours, st.sampled_from(DAYS), MODEL, COUNT, COUNT, COUNT))
def test_what_was_booked_after_the_bill_is_late(books: list[Row], late: Row):
    bill = [line for row in books for line in theirs(row)]
    days = {line["day"] for line in bill}
    inside = min(days) <= late["day"] <= max(days)
    cost = sum((line["cost_usd"] for line in theirs(late)), Decimal(0))

    found = causes([*books, late | {"is_late": True}], bill) if inside else {"late_rows": -cost}

    assert found == {"late_rows": -cost}
