"""Laws of causes: whatever is on a bill, they add up; what is planted is found, and nothing is that is not there."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.compared import DAYS, Row, causes, ours, price, theirs

FEW = settings(max_examples=30, deadline=None)
COUNT = st.integers(1, 10**6)
MODEL = st.sampled_from(["small", "large"])
WORTH = st.integers(100, 10**6)
"""Tokens of which a hundredth of the price is more than what rounding each call to a picodollar may come to."""


def books_of(count: st.SearchStrategy[int]) -> st.SearchStrategy[list[Row]]:
    """Rows of our books, one of each day and model, with so many tokens of each kind."""
    return st.lists(
        st.builds(ours, st.sampled_from(DAYS), MODEL, count, count, count),
        min_size=1, max_size=8, unique_by=lambda row: (row["day"], row["model"]),
    )  # fmt: skip


BOOKS, WORTHY_BOOKS = books_of(COUNT), books_of(WORTH)


@FEW
@given(BOOKS)
def test_the_truth_has_no_causes(books: list[Row]):
    assert causes(books, [line for row in books for line in theirs(row)]) == {}


@FEW
@given(BOOKS, MODEL)
def test_the_truth_has_no_causes_where_it_does_not_count_a_model(books: list[Row], model: str):
    bill = [line for row in books for line in theirs(row)]

    uncounted = {"quantity": None, "unit": None, "has_quantity": False}

    assert causes(books, [line | (uncounted if line["model"] == model else {}) for line in bill]) == {}


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
@given(WORTHY_BOOKS, st.integers(50, 99))
def test_one_factor_is_a_discount_and_nothing_else(books: list[Row], percent: int):
    bill = [line for row in books for line in theirs(row)]
    lower = [line | {"cost_usd": line["cost_usd"] * percent / 100} for line in bill]

    found = causes(books, lower)

    assert set(found) == {"discount"}
    assert found["discount"] == sum(line["cost_usd"] for line in lower) - sum(line["cost_usd"] for line in bill)


@FEW
@given(WORTHY_BOOKS, st.integers(50, 99))
def test_another_price_of_one_of_several_models_is_a_price_mismatch_and_nothing_else(books: list[Row], percent: int):
    bill = [line for row in [*books, ours(DAYS[0], "third", 100, 10, 10)] for line in theirs(row)]
    cut = {"large": Decimal(percent) / 100}
    lower = [line | {"cost_usd": line["cost_usd"] * cut.get(line["model"], 1)} for line in bill]

    found = causes([*books, ours(DAYS[0], "third", 100, 10, 10)], lower)

    gap = sum(line["cost_usd"] for line in lower) - sum(line["cost_usd"] for line in bill)
    assert found == ({"price_mismatch": gap} if gap else {})


@FEW
@given(WORTHY_BOOKS, st.integers(50, 99), st.integers(1, 200))
def test_one_factor_over_some_models_says_nothing_of_the_others(books: list[Row], percent: int, other: int):
    every = [*books, ours(DAYS[0], "small", 100, 10, 10), ours(DAYS[0], "large", 100, 10, 10)]
    third = [ours(day, "third", 10**6, 10**5, 10**6) for day in DAYS]
    bill = [line for row in every for line in theirs(row)]
    lower = [line | {"cost_usd": line["cost_usd"] * percent / 100} for line in bill]
    apart = [line for row in third for line in theirs(row)]
    changed = [line | {"cost_usd": line["cost_usd"] * other / 100} for line in apart]

    found = causes([*every, *third], [*lower, *changed])

    gaps = {"discount": sum(line["cost_usd"] for line in lower) - sum(line["cost_usd"] for line in bill)}
    gaps["price_mismatch"] = sum(line["cost_usd"] for line in changed) - sum(line["cost_usd"] for line in apart)
    if percent == other:
        gaps = {"discount": sum(gaps.values())}
    assert found == {cause: gap for cause, gap in gaps.items() if gap}


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
