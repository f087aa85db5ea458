"""Other prices than ours: a discount over models, one model's change, our own markups, and what is only rounding."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.billing import DAY, LATER, NOON, Books, Charge, billed, call, charges, total
from tests.warehouse.compared import DAYS, Row, causes, ours, theirs
from tests.warehouse.settling import HOW, World
from warehouse.settle import reprice

BOOKS = [
    ours(day, model, 1000 + n, 300, 200 + n) for n, day in enumerate(DAYS) for model in ("small", "large", "third")
]
BILL = [line for row in BOOKS for line in theirs(row)]
MARKUP = '[[price]]\nmodel = "*"\nfrom = 2026-01-01\nmarkup_percent = "10"\n'
CALLS = [
    call(f"{model}-{tenant}-{day}", day=day, request_model=model, tenant=tenant, cached_input_tokens=400)
    for day in range(2)
    for model in ("gpt-4o", "gpt-4o-mini")
    for tenant in ("acme", "zeta")
]


def at(factors: dict[str, Decimal], bill: list[Row] = BILL) -> list[Row]:
    """The bill with other prices by model."""
    return [line | {"cost_usd": line["cost_usd"] * factors.get(line["model"], Decimal(1))} for line in bill]


def gap(changed: list[Row], bill: list[Row] = BILL, *models: str) -> Decimal:
    pairs = [(new, old) for new, old in zip(changed, bill, strict=True) if not models or new["model"] in models]
    return sum((new["cost_usd"] - old["cost_usd"] for new, old in pairs), Decimal(0))


def test_a_cut_of_the_model_that_costs_most_is_a_price_mismatch_and_leaves_the_others_alone():
    changed = at({"large": Decimal("0.8"), "small": Decimal("1.5")})

    assert causes(BOOKS, changed) == {"price_mismatch": gap(changed)}


def test_a_discount_on_two_models_of_three_is_one_however_little_they_cost():
    changed = at({"small": Decimal("0.93"), "third": Decimal("0.93")})

    assert causes(BOOKS, changed) == {"discount": gap(changed)}


def test_a_discount_and_a_cut_of_one_model_beside_it_are_told_apart():
    changed = at({"small": Decimal("0.93"), "third": Decimal("0.93"), "large": Decimal("0.744")})

    assert causes(BOOKS, changed) == {
        "discount": gap(changed, BILL, "small", "third"),
        "price_mismatch": gap(changed, BILL, "large"),
    }


def test_a_model_that_leaves_the_discount_on_a_later_day_has_another_price_beside_it():
    changed = at(dict.fromkeys(("small", "large", "third"), Decimal("0.9")))
    cheaper = [
        line | {"cost_usd": line["cost_usd"] / 2} if (line["model"], line["day"]) == ("large", DAYS[-1]) else line
        for line in changed
    ]

    assert causes(BOOKS, cheaper) == {"discount": gap(changed), "price_mismatch": gap(cheaper, changed)}


def test_kinds_of_one_model_with_one_factor_are_no_discount_where_another_kind_has_our_price():
    changed = [
        line | {"cost_usd": line["cost_usd"] * Decimal("0.8")} if line["kind"] == "output" else line for line in BILL
    ]

    assert causes(BOOKS, changed) == {"price_mismatch": gap(changed)}


def test_one_factor_over_the_only_model_of_a_bill_is_called_a_discount():
    books = [row for row in BOOKS if row["model"] == "large"]
    bill = [line for row in books for line in theirs(row)]
    changed = at({"large": Decimal("0.8")}, bill)

    assert causes(books, changed) == {"discount": gap(changed, bill)}


def priced_by(tmp_path: Path, text: str, calls: list[dict[str, object]]) -> Books:
    (tmp_path / "book.toml").write_text(text)
    books = Books(World(tmp_path, PriceBook.from_settings({}, str(tmp_path / "book.toml"))))
    books.fill(calls)
    return books


def cost(lines: list[Charge]) -> Decimal:
    return sum((Decimal(round(line.cost * 10**12)).scaleb(-12) for line in lines), Decimal(0))


def test_a_markup_of_our_own_is_no_difference_to_the_bill(tmp_path: Path):
    books = priced_by(tmp_path, MARKUP, CALLS)

    assert books.causes(charges(CALLS), tmp_path / "bill.csv") == {}
    assert sum(one.ours for one in books.compare()) == cost(charges(CALLS))


def test_below_a_markup_discounts_and_missing_calls_are_found_at_what_the_provider_charges(tmp_path: Path):
    contract = '[[price]]\nprovider = "openai"\nmodel = "*"\nfrom = 2026-01-01\ndiscount_percent = "5"\n'
    books = priced_by(tmp_path, contract + MARKUP, CALLS)
    unseen = charges([call("unseen", day=1, request_model="gpt-4.1")])
    ours_ = [line.but(cost=line.cost * Fraction(95, 100)) for line in [*charges(CALLS), *unseen]]
    lower = [line.but(cost=line.cost * Fraction(90, 100)) for line in ours_]

    assert books.causes(lower, tmp_path / "bill.csv") == {
        "missing_traffic": cost(ours_[-len(unseen) :]),
        "discount": cost(lower) - cost(ours_),
    }


def test_markups_of_one_tenant_and_from_one_day_on_are_taken_off_where_they_are(tmp_path: Path):
    text = MARKUP.replace("2026-01-01", f"{NOON.date() + DAY}")
    text += MARKUP.replace('model = "*"\n', 'model = "*"\ntenant = "zeta"\n').replace('"10"', '"25"')
    books = priced_by(tmp_path, text, CALLS)

    assert books.causes(charges(CALLS), tmp_path / "bill.csv") == {}


def test_a_markup_holds_for_calls_that_a_book_with_it_has_priced(tmp_path: Path):
    listed = Books(World(tmp_path))
    listed.fill(CALLS)
    later = tmp_path / "later.toml"
    later.write_text(MARKUP)
    listed.world.book = PriceBook.from_settings({}, str(later))

    assert listed.causes(charges(CALLS), tmp_path / "bill.csv") == {}
    assert sum(one.ours for one in listed.compare()) == cost(charges(CALLS))


def test_a_markup_that_came_by_repricing_is_taken_off_the_lines_that_have_it(tmp_path: Path):
    books = priced_by(tmp_path, MARKUP, CALLS)
    (tmp_path / "book.toml").write_text(MARKUP + MARKUP.replace('"10"', '"33.3"'))
    book = PriceBook.from_settings({}, str(tmp_path / "book.toml"))
    window = (NOON - DAY, NOON + 9 * DAY)
    reprice(books.world.lake, books.world.settings, HOW, pricing_of(book), now=LATER, window=window)
    books.world.book = book

    assert sum(amount for (amount,) in books.world.sql("SELECT cost_usd FROM ledger", "ledger")) > cost(charges(CALLS))
    assert set(books.causes(charges(CALLS), tmp_path / "bill.csv")) <= {"rounding"}
    assert sum(one.ours for one in books.compare()) == pytest.approx(cost(charges(CALLS)), abs=Decimal("1e-9"))


def rounded(calls: list[int], factor: Decimal) -> list[Row]:
    """A line a call in cents, as the SQL sums them up."""
    cents = [(Decimal(tokens) * factor / 10**4).quantize(Decimal("0.01"), ROUND_HALF_EVEN) for tokens in calls]
    (line,) = theirs(ours(DAYS[0], "large", sum(calls), 0, 0))
    line |= {"cost_usd": sum(cents, Decimal(0)), "off_by": Decimal("0.005") * len(calls)}
    return [line | {"variance": len(calls) * 0.01**2 / 12}]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", ["1", "1.03", "0.97"])
def test_many_rounded_lines_are_a_random_walk_and_hide_no_other_price(seed: int, factor: str):
    rng = random.Random(seed)
    calls = [rng.randint(200, 4000) for _ in range(600)]
    books = [ours(DAYS[0], "large", sum(calls), 0, 0)]
    books[0] |= {"input_cost_usd": Decimal(sum(calls)) / 10**4}

    assert set(causes(books, rounded(calls, Decimal(factor)))) == {"rounding" if factor == "1" else "price_mismatch"}


@pytest.mark.parametrize(("dollars", "cause"), [("7", "rounding"), ("7.5", "price_mismatch")])
def test_one_rounded_line_may_be_off_by_half_its_last_place(dollars: str, cause: str):
    books = [ours(DAYS[0], "large", 7200, 0, 0) | {"input_cost_usd": Decimal("7.2")}]
    (line,) = theirs(books[0])
    place = Decimal(1).scaleb(min(0, Decimal(dollars).as_tuple().exponent))  # type: ignore[type-var]
    line |= {"cost_usd": Decimal(dollars), "off_by": place / 2, "variance": float(place) ** 2 / 12}

    assert set(causes(books, [line])) == {cause}


def test_lines_of_a_file_in_cents_hide_no_price_that_is_three_percent_higher(tmp_path: Path):
    calls = [call(f"c{n}", seconds=n, input_tokens=20_000 + 97 * n, output_tokens=0) for n in range(150)]
    books = Books(World(tmp_path))
    books.fill(calls)
    # a line a call: told apart by nothing but the file's rows
    dearer = [line.but(cost=line.cost * Fraction(103, 100)) for line in charges(calls)]

    for name, lines, found in (("honest", charges(calls), "rounding"), ("dearer", dearer, "price_mismatch")):
        parts = [billed([line], tmp_path / "part.csv", places=2).read_text().splitlines() for line in lines]
        whole = tmp_path / f"{name}.csv"
        whole.write_text("\n".join([parts[0][0], *(part[1] for part in parts)]) + "\n")
        books.take(whole, overlap="replace")
        assert set(total(books.compare())) == {found}
