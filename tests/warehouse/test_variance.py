"""Variance: whatever the two periods are, the parts add up to the picodollar, and each cause moves its own part."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.planned import DAY, FIRST, Books, Row, line, report
from tests.warehouse.settling import LATER, World
from tests.warehouse.told import span
from warehouse.errors import BadQuestion
from warehouse.planning.causes import FACTORS, Cell, Cells, cost_of, scaled, split_difference
from warehouse.planning.file import parse_plans
from warehouse.planning.periods import midnight, period_before, period_of
from warehouse.planning.variance import AMOUNTS

CAUSES = (
    *("calls_usd", "tokens_per_call_usd", "model_mix_usd", "cache_share_usd"),
    *("price_usd", "other_usd", "corrections_usd"),
)
HOUR = dt.timedelta(hours=1)
OCTOBER = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
NOVEMBER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
MONTHS = {"start": OCTOBER, "end": NOVEMBER}

FEW = settings(max_examples=30, deadline=None)
"""Fractions are slow, and each law holds for all."""
WHOLE = st.integers(0, 10**7)
SUMS = st.integers(-(10**6), 10**15)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Any cell: also one without calls, with cost where there are no tokens, or with less than nothing."""
    tokens = tuple(Fraction(draw(st.just(0) | WHOLE | st.just(-3))) for _ in range(4))
    picos = tuple(Fraction(draw(st.just(0) | SUMS)) for _ in range(4))
    return Cell(calls=Fraction(draw(st.integers(-1, 10**6))), tokens=tokens, picos=picos, other=Fraction(draw(SUMS)))


PERIODS = st.dictionaries(st.tuples(st.sampled_from("abc")), cells(), max_size=3)


@FEW
@given(PERIODS, PERIODS)
def test_the_parts_add_up_to_the_difference(before: Cells, after: Cells):
    assert sum(split_difference(before, after).values()) == cost_of(after) - cost_of(before)


@FEW
@given(PERIODS, PERIODS)
def test_swapped_periods_negate_every_part(before: Cells, after: Cells):
    there, back = split_difference(before, after), split_difference(after, before)

    assert {name: -part for name, part in there.items()} == back


@FEW
@given(PERIODS)
def test_equal_periods_have_no_parts(period: Cells):
    assert set(split_difference(period, period).values()) == {0}


@FEW
@given(PERIODS.filter(lambda period: cost_of(period) > 0), PERIODS, st.integers(1, 10**18))
def test_the_parts_against_any_budget_add_up(base: Cells, after: Cells, budget: int):
    parts = split_difference(scaled(base, budget / cost_of(base)), after)

    assert sum(parts.values()) == cost_of(after) - budget


CALLS = st.integers(1, 10**4)
RATES = st.integers(1, 10**7)


@st.composite
def plain(draw: st.DrawFn) -> dict[str, Any]:
    """What a model was used for, in whole numbers so that nothing is rounded: tokens of a call and prices by kind."""
    return {
        "calls": draw(CALLS),
        "tokens": draw(st.tuples(*[st.integers(1, 5000)] * 4)),
        "prices": draw(st.tuples(*[RATES] * 4)),
        "other": draw(st.integers(0, 10**9)),
    }


def cell(calls: int, tokens: tuple[int, ...], prices: tuple[int, ...], other: int) -> Cell:
    used = tuple(Fraction(calls * some) for some in tokens)
    picos = tuple(some * price for some, price in zip(used, prices, strict=True))
    return Cell(calls=Fraction(calls), tokens=used, picos=picos, other=Fraction(calls * other))


def period(models: dict[str, dict[str, Any]]) -> Cells:
    return {(name,): cell(**of) for name, of in models.items()}


def only(part: str, before: Cells, after: Cells) -> bool:
    """Whether the part is all of the difference."""
    parts = split_difference(before, after)
    return parts == dict.fromkeys(FACTORS, 0) | {part: cost_of(after) - cost_of(before)}


MODELS = st.dictionaries(st.sampled_from("abc"), plain(), min_size=1, max_size=3)


@FEW
@given(MODELS, st.integers(0, 9))
def test_more_calls_of_the_same_kind_are_calls_alone(models: dict[str, Any], times: int):
    more = {name: of | {"calls": of["calls"] * times} for name, of in models.items()}

    assert only("calls", period(models), period(more) if times else {})


@FEW
@given(MODELS, st.integers(2, 9))
def test_longer_calls_are_tokens_per_call_alone(models: dict[str, Any], times: int):
    longer = {name: of | {"tokens": tuple(some * times for some in of["tokens"])} for name, of in models.items()}

    assert only("tokens_per_call", period(models), period(longer))


@FEW
@given(MODELS, st.lists(RATES, min_size=12, max_size=12))
def test_other_prices_are_the_unit_price_alone(models: dict[str, Any], prices: list[int]):
    dearer = {
        name: of | {"prices": tuple(prices[4 * place : 4 * place + 4])}
        for place, (name, of) in enumerate(models.items())
    }

    assert only("unit_price", period(models), period(dearer))


@FEW
@given(MODELS, st.lists(st.integers(0, 5000), min_size=6, max_size=6))
def test_more_from_the_cache_is_the_cache_share_alone(models: dict[str, Any], moved: list[int]):
    cached = {}
    for place, (name, of) in enumerate(models.items()):
        fresh, kept, written, output = of["tokens"]
        kept_now = moved[place] % (fresh + kept + written + 1)
        written_now = moved[place + 3] % (fresh + kept + written - kept_now + 1)
        tokens = (fresh + kept + written - kept_now - written_now, kept_now, written_now, output)
        cached[name] = of | {"tokens": tokens}

    assert only("cache_share", period(models), period(cached))


@FEW
@given(MODELS.filter(lambda models: len(models) > 1), st.integers(1, 10**4))
def test_calls_that_go_to_other_models_are_the_mix_alone(models: dict[str, Any], some: int):
    first, second, *_ = models
    moved = 1 + some % models[first]["calls"]
    after = dict(models)
    after[first] = models[first] | {"calls": models[first]["calls"] - moved}
    after[second] = models[second] | {"calls": models[second]["calls"] + moved}
    after = {name: of for name, of in after.items() if of["calls"]}

    assert only("model_mix", period(models), period(after))


@FEW
@given(MODELS, st.integers(0, 10**9))
def test_searches_and_seconds_are_their_own_part(models: dict[str, Any], other: int):
    after = {name: of | {"other": other} for name, of in models.items()}

    assert only("other", period(models), period(after))


def test_two_causes_share_what_they_did_together():
    before = period({"a": {"calls": 10, "tokens": (1, 0, 0, 0), "prices": (100, 0, 0, 0), "other": 0}})
    after = period({"a": {"calls": 20, "tokens": (1, 0, 0, 0), "prices": (300, 0, 0, 0), "other": 0}})

    parts = split_difference(before, after)

    assert (parts["calls"], parts["unit_price"]) == (10 * 200, 15 * 200)  # at the mean price, at the mean calls


DATES = st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)).map(midnight)


@FEW
@given(DATES, st.integers(1, 400))
def test_the_period_before_ends_where_this_one_begins_at_the_latest(start: dt.datetime, days: int):
    this = (start, start + days * DAY)

    before = period_before(this)

    assert before[0] < before[1] <= start
    assert start.day != 1 or before[0].day == 1


def test_a_month_is_held_against_the_month_before_and_part_of_it_against_as_many_days():
    assert period_before((OCTOBER, NOVEMBER)) == (FIRST, OCTOBER)
    assert period_before((NOVEMBER, NOVEMBER + 20 * DAY)) == (OCTOBER, OCTOBER + 20 * DAY)
    assert period_before((OCTOBER + 4 * DAY, OCTOBER + 11 * DAY)) == (OCTOBER - 3 * DAY, OCTOBER + 4 * DAY)
    assert period_of(NOVEMBER, "quarter") == (OCTOBER, dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    assert period_of(NOVEMBER, "week") == (NOVEMBER - 6 * DAY, NOVEMBER + DAY)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Two months: beta's calls doubled, acme's price did; gamma is new and delta has no price."""
    books = Books(tmp_path_factory.mktemp("books"))
    lines = [
        line(FIRST, "4", calls=2, priced_calls=2, input_tokens=2000),
        line(OCTOBER, "8", calls=2, priced_calls=2, input_tokens=2000),
    ]
    lines += [line(FIRST, "1", tenant="beta"), *(line(OCTOBER + n * DAY, "1", tenant="beta") for n in range(2))]
    lines += [line(OCTOBER, "0.5", tenant="gamma")]
    unpriced = {"tenant": "delta", "price_status": "unknown_model", "priced_calls": 0}
    lines += [line(month, 0, **unpriced) | {"cost_usd": None, "input_cost_usd": None} for month in (FIRST, OCTOBER)]
    books.settle(lines, NOVEMBER)
    return books


def told(row: Row) -> dict[str, Decimal]:
    """The parts that are not nothing."""
    return {name: row[name] for name in CAUSES if row[name]}


def test_each_group_has_its_causes(books: Books):
    rows = {row["tenant"]: row for row in books.report("variance", **MONTHS)}

    assert told(rows["acme"]) == {"price_usd": Decimal(4)}
    assert told(rows["beta"]) == {"calls_usd": Decimal(1)}
    assert told(rows["gamma"]) == {"calls_usd": Decimal("0.5")}
    assert (rows["acme"]["base_usd"], rows["acme"]["usd"], rows["acme"]["difference_usd"]) == (4, 8, 4)
    assert list(rows) == ["acme", "beta", "gamma", "delta"]


def test_what_has_no_price_has_no_difference(books: Books):
    rows = {row["tenant"]: row for row in books.report("variance", **MONTHS)}

    assert {rows["delta"][name] for name in AMOUNTS} == {None}
    assert (rows["delta"]["base_unpriced_calls"], rows["delta"]["unpriced_calls"], rows["delta"]["calls"]) == (1, 1, 0)


def test_the_months_are_the_last_settled_ones_where_nothing_is_told(books: Books):
    assert books.report("variance") == books.report("variance", **MONTHS)
    assert books.report("variance", **MONTHS, base_start=FIRST, base_end=OCTOBER) == books.report("variance", **MONTHS)


def test_swapped_months_negate_each_part(books: Books):
    back = {
        row["tenant"]: row
        for row in books.report("variance", start=FIRST, end=OCTOBER, base_start=OCTOBER, base_end=NOVEMBER)
    }

    for row in books.report("variance", **MONTHS):
        assert told(back[row["tenant"]]) == {name: -part for name, part in told(row).items()}


@pytest.fixture
def corrected(tmp_path: Path) -> Books:
    """Two calls in September and three in October, into which a price and a call of the closed September are booked."""
    books = Books(tmp_path)
    nothing = {"calls": 0, "priced_calls": 0, "input_tokens": 0}
    late = {"period": OCTOBER.date(), "entry": "late"}
    books.settle([line(FIRST, 2), line(FIRST, 2), *(line(OCTOBER, 2) for _ in range(3))], NOVEMBER)
    books.settle([line(FIRST, "1.5", **late | nothing), line(FIRST, 7, **late), line(OCTOBER, 4)], NOVEMBER)
    books.settle([line(FIRST, 0, cost_usd=None, price_status="unpriced", **late | {"priced_calls": 0})], NOVEMBER)
    return books


def test_what_changed_of_a_closed_month_is_corrections_and_nothing_else(corrected: Books):
    (row,) = corrected.report("variance", **MONTHS)

    assert told(row) == {"calls_usd": Decimal("4.5"), "price_usd": Decimal("1.5"), "corrections_usd": Decimal("8.5")}
    assert sum(row[name] for name in CAUSES) == row["difference_usd"] == row["usd"] - row["base_usd"]
    assert (row["base_usd"], row["usd"], row["calls"], row["unpriced_calls"]) == (4, Decimal("18.5"), 5, 1)


def test_corrections_in_the_period_before_are_taken_off(corrected: Books):
    (row,) = corrected.report("variance", start=FIRST, end=OCTOBER, base_start=OCTOBER, base_end=NOVEMBER)

    assert row["corrections_usd"] == Decimal("-8.5")
    assert sum(row[name] for name in CAUSES) == row["difference_usd"] == Decimal("-14.5")


def test_a_budget_has_no_corrections_and_its_period_may(corrected: Books):
    budget, _ = corrected.report("variance", plans(BUDGETS), against="budget", **MONTHS)

    assert budget["corrections_usd"] == Decimal("8.5")
    assert sum(budget[name] for name in CAUSES) == budget["difference_usd"]


def test_where_all_that_was_booked_are_corrections_it_is_known_what_they_cost(tmp_path: Path):
    books = Books(tmp_path)
    books.settle([line(FIRST, 2)], OCTOBER)
    books.settle([line(FIRST, -2, period=OCTOBER.date(), entry="late", calls=-1, priced_calls=-1)], NOVEMBER)

    (row,) = books.report("variance", **MONTHS)

    assert told(row) == {"calls_usd": Decimal(-2), "corrections_usd": Decimal(-2)}
    assert row["usd"] == -2


BUDGETS = """
[[budgets]]
name = "acme's"
of = {tenant = "acme"}
owner = "ann"
amount = "6"

[[budgets]]
name = "all"
owner = "bob"
period = "quarter"
amount = "92"
"""


def plans(text: str) -> Any:
    import tomllib

    return parse_plans(tomllib.loads(text))


def test_a_budget_is_as_many_calls_as_it_pays_for_at_the_prices_before(books: Books):
    acme, all_ = sorted(
        books.report("variance", plans(BUDGETS), against="budget", **MONTHS), key=lambda row: row["budget"]
    )

    assert (acme["budget"], acme["owner"], acme["base_usd"], acme["usd"]) == ("acme's", "ann", 6, 8)
    assert acme["difference_usd"] == acme["calls_usd"] + acme["price_usd"] == 2
    assert acme["calls_usd"] < 0 < acme["price_usd"]  # 3 calls at 2 were planned, 2 at 4 came
    assert all_["base_usd"] == 31  # October's part of the quarter
    assert sum(all_[name] for name in CAUSES) == all_["difference_usd"]


def test_a_tenant_sees_the_budgets_that_are_its_own(books: Books):
    assert [
        row["budget"]
        for row in books.report("variance", plans(BUDGETS), frozenset({"acme"}), against="budget", **MONTHS)
    ] == ["acme's"]
    assert books.report("variance", plans(BUDGETS), frozenset({"beta"}), against="budget", **MONTHS) == []


@pytest.mark.parametrize(
    "months",
    [
        MONTHS | {"base_start": FIRST - DAY, "base_end": FIRST},
        {"start": NOVEMBER - DAY, "end": NOVEMBER, "base_start": FIRST - DAY, "base_end": FIRST},
    ],
    ids=["spent", "nothing spent"],
)
def test_against_a_budget_without_a_period_before_all_is_calls(months: dict[str, Any], books: Books):
    rows = books.report("variance", plans(BUDGETS), against="budget", **months)

    assert rows
    for row in rows:
        assert row["calls_usd"] == row["difference_usd"] == row["usd"] - row["base_usd"] != 0
        assert {row[name] for name in CAUSES[1:]} == {0}


def test_against_the_forecast_of_what_paused_for_a_period_the_parts_add_up(tmp_path: Path):
    books = Books(tmp_path)
    books.settle([line(FIRST + n * DAY, 2) for n in [*range(25), *range(40, 61)]], NOVEMBER)
    paused = {"base_start": FIRST + 26 * DAY, "base_end": FIRST + 29 * DAY}

    (row,) = books.report("variance", against="forecast", by="", **MONTHS, **paused)

    assert sum(row[name] for name in CAUSES) == row["difference_usd"] == row["calls_usd"] != 0


def test_what_it_is_held_against_and_when_must_be_possible(books: Books):
    with pytest.raises(BadQuestion, match=r"against = 'plan': must be one of period, budget, forecast"):
        books.report("variance", against="plan")
    with pytest.raises(BadQuestion, match="a budget says itself"):
        books.report("variance", against="budget", by="tenant")
    with pytest.raises(BadQuestion, match=r"base_start = .* must be before"):
        books.report("variance", start=FIRST, end=OCTOBER, base_start=NOVEMBER, base_end=FIRST)


def test_against_the_forecast_of_then_the_parts_add_up(tmp_path: Path):
    books = Books(tmp_path)
    books.settle([line(FIRST + n * DAY, 2 if n < 30 else 3) for n in range(61)], NOVEMBER)

    (row,) = books.report("variance", against="forecast", by="", **MONTHS)

    assert float(row["base_usd"]) == pytest.approx(62, rel=0.01)
    assert row["usd"] == 93
    assert sum(row[name] for name in CAUSES) == row["difference_usd"] == row["usd"] - row["base_usd"]
    assert float(row["price_usd"]) == pytest.approx(31, rel=0.02)


USED = {"provider": "openai", "input_tokens": 1000, "output_tokens": 100}


@pytest.mark.parametrize("by", ["", "tenant", "model", "tenant,service"])
def test_parts_of_real_calls_add_up_by_any_dimension(by: str, two_hours: World):
    hour = LATER.replace(hour=12)
    params = {"start": hour + HOUR, "end": LATER, "base_start": hour, "base_end": hour + HOUR}

    rows = report(two_hours.settings, "variance", by=by, **params)

    assert all(sum(row[name] for name in CAUSES) == row["difference_usd"] for row in rows)
    assert sum(row["usd"] + row["base_usd"] for row in rows) == two_hours.total()[1]


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Calls of two tenants and models with more or less from the cache, in two hours."""
    world = World(tmp_path_factory.mktemp("lake"))
    used = {"provider": "openai", "input_tokens": 1000, "output_tokens": 100}
    world.flush(
        [
            span(
                f"s{n}",
                trace=f"t{n}",
                tenant="acme" if n % 3 else "beta",
                request_model="gpt-4o" if n % 5 else "gpt-4o-mini",
                at=3_600_000 * (n > 10),
                cached_input_tokens=n * 37 % 900,
                **used,
            )
            for n in range(24)
        ]
    )
    world.settle()
    return world
