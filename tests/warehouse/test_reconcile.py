"""Bills held against the books: every planted cause is found, none is invented, and the amounts add up."""

from __future__ import annotations

import datetime as dt
import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.quick import few
from tests.warehouse.billing import DAY, NOON, Books, Charge, billed, call, charges, total
from tests.warehouse.settling import World
from warehouse.invoices.files import BadInvoice
from warehouse.invoices.line import TOKEN_KINDS

CALLS = [
    call(f"{model}-{day}-{number}", day=day, seconds=60 * number, request_model=model, **used)
    for day in range(3)
    for number in range(3)
    for model, used in (
        ("gpt-4o", {"input_tokens": 1000 + 17 * number, "cached_input_tokens": 400, "output_tokens": 90 + day}),
        ("gpt-4o-mini", {"input_tokens": 5000 + number, "output_tokens": 700 + 31 * day}),
    )
]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


@pytest.fixture(scope="module")
def once_settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("settled")
    Books(World(directory)).fill(CALLS)
    return directory


@pytest.fixture
def settled(once_settled: Path, tmp_path: Path) -> Books:
    """A lake of its own with the calls settled: copied, which is quicker."""
    shutil.copytree(once_settled, tmp_path, dirs_exist_ok=True)
    world = World(tmp_path)
    world.next[0] = 1
    return Books(world)


def money(value: Fraction) -> Decimal:
    return Decimal(round(value * 10**12)).scaleb(-12)


def cost(lines: list[Charge]) -> Decimal:
    return money(sum((line.cost for line in lines), Fraction(0)))


def test_a_bill_of_the_truth_agrees_with_the_books(settled: Books, tmp_path: Path):
    assert settled.causes(charges(CALLS), tmp_path / "bill.csv") == {}
    compared = settled.compare()
    assert sum(one.ours for one in compared) == sum(one.theirs for one in compared if one.theirs is not None)
    assert {one.ours_tokens == one.theirs_tokens for one in compared} == {True}


def test_calls_that_never_came_are_missing_traffic(settled: Books, tmp_path: Path):
    unseen = [call(f"unseen-{n}", day=n, input_tokens=333, output_tokens=44) for n in range(2)]

    found = settled.causes(charges([*CALLS, *unseen]), tmp_path / "bill.csv")

    assert found == {"missing_traffic": pytest.approx(cost(charges(unseen)), rel=Decimal("1e-6"))}


def test_a_model_that_the_books_do_not_have_is_missing_traffic_at_its_list_price(settled: Books, tmp_path: Path):
    unseen = [call("unseen", request_model="gpt-4.1")]

    assert settled.causes(charges([*CALLS, *unseen]), tmp_path / "b.csv") == {"missing_traffic": cost(charges(unseen))}


def test_calls_that_are_not_billed_are_extra_traffic(settled: Books, tmp_path: Path):
    kept = [one for one in CALLS if one["request_model"] == "gpt-4o-mini"]

    found = settled.causes(charges(kept), tmp_path / "bill.csv")

    assert found == {"extra_traffic": cost(charges(kept)) - cost(charges(CALLS))}


def test_cached_tokens_that_only_one_side_knows_are_a_token_mismatch(books: Books, tmp_path: Path):
    books.fill([call("a", input_tokens=1000), call("b", day=1)])
    truth = charges([call("a", input_tokens=1000, cached_input_tokens=600), call("b", day=1)])

    found = books.causes(truth, tmp_path / "bill.csv")

    assert set(found) == {"token_mismatch"}
    assert found["token_mismatch"] == Decimal("-0.00075")  # 600 at 1.25 instead of 2.5 USD a million


def test_another_price_of_one_kind_is_a_price_mismatch(settled: Books, tmp_path: Path):
    dearer = [
        line.but(cost=line.cost * Fraction(11, 10)) if (line.model, line.kind) == ("gpt-4o", "output") else line
        for line in charges(CALLS)
    ]

    assert settled.causes(dearer, tmp_path / "bill.csv") == {"price_mismatch": cost(dearer) - cost(charges(CALLS))}


def test_one_factor_over_all_cells_is_a_discount(settled: Books, tmp_path: Path):
    lower = [line.but(cost=line.cost * Fraction(85, 100)) for line in charges(CALLS)]

    assert settled.causes(lower, tmp_path / "bill.csv") == {"discount": cost(lower) - cost(charges(CALLS))}


def test_a_discount_that_begins_within_the_bill_is_one_from_then_on(settled: Books, tmp_path: Path):
    lower = [line.but(cost=line.cost * Fraction(9, 10)) if line.day > NOON.date() else line for line in charges(CALLS)]

    assert settled.causes(lower, tmp_path / "bill.csv") == {"discount": cost(lower) - cost(charges(CALLS))}


def test_a_discount_that_the_bill_names_is_one(settled: Books, tmp_path: Path):
    lines = charges(CALLS)
    named = lines[0].but(charge="discount", model="", kind="", tier="", cost=Fraction(-1, 100), tokens=0)

    assert settled.causes([*lines, named], tmp_path / "bill.csv") == {"discount": Decimal("-0.01")}


def test_taxes_are_other_charges(settled: Books, tmp_path: Path):
    lines = charges(CALLS)
    tax = lines[0].but(charge="tax", model="", kind="", tier="", cost=Fraction(19, 100), tokens=0)

    assert settled.causes([*lines, tax], tmp_path / "bill.csv") == {"other_charges": Decimal("0.19")}


def test_calls_billed_at_another_tier_are_a_matter_of_the_tier(settled: Books, tmp_path: Path):
    batch = [one | {"service_tier": "batch"} if one["request_model"] == "gpt-4o" else one for one in CALLS]

    found = settled.causes(charges(batch), tmp_path / "bill.csv")

    assert found == {"tier": cost(charges(batch)) - cost(charges(CALLS))}


def test_amounts_in_cents_differ_by_rounding_only(settled: Books, tmp_path: Path):
    found = settled.causes(charges(CALLS), tmp_path / "bill.csv", places=4)

    assert set(found) == {"rounding"}


@pytest.mark.long
def test_calls_without_a_price_are_unpriced_at_what_the_bill_says(books: Books, tmp_path: Path):
    books.fill([*CALLS, call("new", request_model="gpt-99", input_tokens=100, output_tokens=10)])
    line = Charge(day=NOON.date(), model="gpt-99", kind="input", tokens=100, cost=Fraction(7, 100))
    new = [line, line.but(kind="output", tokens=10, cost=Fraction(3, 100))]

    assert books.causes([*charges(CALLS), *new], tmp_path / "bill.csv") == {"unpriced": Decimal("0.1")}


@pytest.mark.long
def test_calls_that_the_provider_counts_on_the_day_before_are_late_rows(books: Books, tmp_path: Path):
    ends = (dt.datetime.combine(NOON.date() + DAY, dt.time(), dt.UTC) - NOON).total_seconds()
    across = [call(f"across-{n}", seconds=ends - 30, ms=60_000, input_tokens=777 + n) for n in range(2)]
    books.fill([*CALLS, *across])

    books.take(billed(charges([*CALLS, *across]), tmp_path / "bill.csv"))
    compared = books.compare()

    assert {cause for one in compared for cause in one.causes} == {"late_rows"}
    assert total(compared) == {}  # what one day lacks, the next one has


def test_calls_booked_after_the_bill_was_made_are_late_rows(settled: Books, tmp_path: Path):
    late = [call("late", seconds=7, input_tokens=4321, output_tokens=21)]
    settled.made_at = NOON + 11 * DAY
    settled.fill(late, now=NOON + 12 * DAY)

    found = settled.causes(charges(CALLS), tmp_path / "bill.csv")

    assert found == {"late_rows": pytest.approx(-cost(charges(late)), rel=Decimal("1e-3"))}


@pytest.mark.parametrize(
    ("made", "cause"),
    [(3 * DAY, "extra_traffic"), (2 * DAY, "late_rows")],
    ids=["of a day before the bill", "of the day on which it was made"],
)
def test_calls_of_a_first_settlement_are_late_where_their_day_was_not_over(
    settled: Books, tmp_path: Path, made: dt.timedelta, cause: str
):
    unbilled = [one for one in CALLS if one["started_at"] > NOON + 2 * DAY]
    settled.made_at = NOON + made

    found = settled.causes(charges([one for one in CALLS if one not in unbilled]), tmp_path / "bill.csv")

    assert found == {cause: pytest.approx(-cost(charges(unbilled)), rel=Decimal("1e-3"))}


def test_several_causes_at_once_are_all_found(settled: Books, tmp_path: Path):
    unseen = [call("unseen", day=1, request_model="gpt-4.1")]
    lines = [line.but(cost=line.cost * Fraction(9, 10)) for line in charges([*CALLS, *unseen])]
    dearer = [
        line.but(cost=line.cost * 2) if (line.model, line.kind) == ("gpt-4o", "output") else line for line in lines
    ]

    found = settled.causes(dearer, tmp_path / "bill.csv")

    outputs = [line for line in charges(CALLS) if (line.model, line.kind) == ("gpt-4o", "output")]
    assert set(found) == {"missing_traffic", "discount", "price_mismatch"}
    assert found["missing_traffic"] == cost(charges(unseen))
    assert found["discount"] == -cost(charges([*CALLS, *unseen])) / 10
    assert found["price_mismatch"] == cost(outputs) * 9 / 10


def test_costs_and_counts_of_two_reports_are_one_bill(settled: Books, tmp_path: Path):
    unseen = [call("unseen", day=1, request_model="gpt-4.1")]
    lines = charges([*CALLS, *unseen])
    coarse = [line.but(model="", kind="", tier="") for line in lines]

    settled.take(billed(coarse, tmp_path / "c.csv", counts=False), billed(lines, tmp_path / "u.csv", costs=False))

    assert total(settled.compare()) == {"missing_traffic": cost(charges(unseen))}
    assert {one.cell.key.model for one in settled.compare()} == {None}


def test_counts_without_costs_are_compared_at_our_prices(settled: Books, tmp_path: Path):
    unseen = [call("unseen", day=1, request_model="gpt-4.1")]

    found = settled.causes(charges([*CALLS, *unseen]), tmp_path / "bill.csv", costs=False)

    assert found == {"missing_traffic": cost(charges(unseen))}
    assert {one.theirs for one in settled.compare()} == {None}


def test_costs_without_counts_that_nothing_explains_are_unexplained(settled: Books, tmp_path: Path):
    lines = [line.but(cost=line.cost * (3 if line.kind == "output" else 1)) for line in charges(CALLS)]
    coarse = [line.but(model="", kind="", tier="") for line in lines]

    found = settled.causes(coarse, tmp_path / "bill.csv", counts=False)

    assert found == {"unexplained": cost(lines) - cost(charges(CALLS))}


def test_accounts_are_told_apart_where_both_sides_name_them(books: Books, tmp_path: Path):
    calls = [call(f"{n}", provider_account=account) for n, account in enumerate(("proj_a", "proj_b"))]
    books.fill(calls)

    assert books.causes(charges([*calls, calls[0]]), tmp_path / "bill.csv") == {
        "missing_traffic": cost(charges(calls[:1]))
    }
    assert {one.cell.key.account for one in books.compare() if one.causes} == {"proj_a"}


def test_accounts_that_our_calls_do_not_name_are_compared_together(settled: Books, tmp_path: Path):
    lines = [line.but(account="proj_a" if n % 2 else "proj_b") for n, line in enumerate(charges(CALLS))]

    assert settled.causes(lines, tmp_path / "bill.csv") == {}


def test_a_file_counts_once_and_an_overlap_must_be_named(settled: Books, tmp_path: Path):
    first = billed(charges(CALLS), tmp_path / "first.csv")
    newer = billed(charges(CALLS[1:]), tmp_path / "newer.csv")

    assert settled.take(first, first) == {
        "first.csv": settled.world.sql("SELECT count(*) FROM invoices", "invoices")[0][0]
    }
    assert settled.take(first) == {"first.csv": 0}
    with pytest.raises(BadInvoice, match="--overlap replace"):
        settled.take(newer)
    settled.take(newer, overlap="replace")
    assert total(settled.compare()) == {"extra_traffic": pytest.approx(-cost(charges(CALLS[:1])), rel=Decimal("0.05"))}


def test_days_that_are_not_settled_are_left_out(books: Books, tmp_path: Path):
    books.fill(CALLS, now=NOON + DAY + dt.timedelta(hours=8))

    assert books.causes(charges([*CALLS, call("tomorrow", day=2)]), tmp_path / "bill.csv") == {}
    assert {one.cell.key.day for one in books.compare()} == {NOON.date()}


def test_calls_that_name_no_provider_are_whose_model_it_is(books: Books, tmp_path: Path):
    books.fill([call("a", provider=None), call("b", provider="litellm", request_model="openai/gpt-4o")])
    billed_ = charges([call("a"), call("b")])

    assert books.causes(billed_, tmp_path / "bill.csv") == {}


@pytest.mark.parametrize("kind", few(("cache_write", "cache_write_1h"), "cache_write_1h"))
def test_cache_writes_of_both_lifetimes_have_their_own_cells(books: Books, tmp_path: Path, kind: str):
    used: dict[str, Any] = {"input_tokens": 5000, "cache_write_tokens": 3000, "cache_write_1h_tokens": 1000}
    calls = [call("w", provider="anthropic", request_model="claude-sonnet-4-5", **used)]
    books.fill(calls)
    lines = charges(calls)
    dearer = [line.but(cost=line.cost * 2) if line.kind == kind else line for line in lines]

    assert kind in TOKEN_KINDS
    assert {line.kind for line in lines} == {"input", "cache_write", "cache_write_1h", "output"}
    assert books.causes(dearer, tmp_path / "bill.csv") == {"price_mismatch": cost(dearer) - cost(lines)}
