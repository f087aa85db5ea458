"""Laws of the price book, held against a second reading of the documented rules in plain Decimal arithmetic."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cmp_to_key
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.entries import BookFile, Entry, read_entry
from tests.processors.calls import call, calls
from warehouse.schemas import COST_KINDS

PICO = Decimal("1e-12")
DIGITS = Context(prec=100)
FEW = settings(max_examples=25, deadline=None)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
STARTS = [START + dt.timedelta(hours=hours) for hours in (0, 1, 24 * 31, 24 * 200)]
MODELS = ("gpt-4o", "gpt-4o-mini", "our-best")
PATTERNS = ("*", "gpt*", "gpt-4o*", "*mini", "gpt-4o", "gpt-4o-mini", "our-best")
LISTED = {"gpt-4o": (Decimal("2.5"), Decimal(10)), "gpt-4o-mini": (Decimal("0.15"), Decimal("0.6"))}

percents = st.integers(0, 10**6).map(lambda n: str(Decimal(n) / 10**4))
rates = st.integers(0, 10**13).map(lambda n: str(Decimal(n) / 10**12))
says = st.one_of(
    percents.map(lambda p: {"discount_percent": p}),
    percents.map(lambda p: {"markup_percent": p}),
    st.tuples(rates, rates).map(lambda two: {"usd_per_mtok": {"input": two[0], "output": two[1]}}),
    st.sampled_from([{"list": True}, {"gpu": True}]),
)
names = st.fixed_dictionaries(
    {"model": st.sampled_from(PATTERNS), "from": st.sampled_from(STARTS)},
    optional={
        "provider": st.sampled_from(["openai", "open*", "*"]),
        "tenant": st.sampled_from(["acme", "beta"]),
        "tier": st.just("standard"),
    },
)
entries = st.tuples(names, says).map(lambda two: two[0] | two[1])
books = st.lists(entries, max_size=7)
asked = st.fixed_dictionaries(
    {
        "response_model": st.sampled_from(MODELS),
        "tenant": st.sampled_from(["acme", "beta", None]),
        "started_at": st.tuples(st.sampled_from(STARTS), st.sampled_from([-1, 0, 1])).map(
            lambda two: two[0] + dt.timedelta(microseconds=two[1])
        ),
        "input_tokens": st.integers(0, 10**9),
        "output_tokens": st.integers(0, 10**9),
    }
)


def book_of(tables: list[dict[str, Any]]) -> PriceBook:
    read = tuple(read_entry(number, table) for number, table in enumerate(tables, start=1))
    return PriceBook((), BookFile(entries=read, fingerprints=tuple("0" for _ in read)))


def price(book: PriceBook, *rows: dict[str, Any]) -> list[Decimal | None]:
    priced = price_spans(calls(*(call(provider="openai", **row) for row in rows)), book).to_pylist()
    for one in priced:
        assert one["cost_usd"] is None or sum(one[part] for part in COST_KINDS) == one["cost_usd"]
    return [one["cost_usd"] for one in priced]


def held_by_hand(table: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether an entry holds for a call, as docs/prices.md says it."""
    patterns = [(table["model"], row["response_model"]), (table.get("provider", "*"), "openai")]
    return (
        table["from"] <= row["started_at"]
        and table.get("tenant", row["tenant"]) == row["tenant"]
        and all(_like(pattern, name) for pattern, name in patterns)
    )


def _like(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    before, _, after = pattern.partition("*")
    return name.startswith(before) and name.endswith(after) and len(name) >= len(before) + len(after)


def strength(table: dict[str, Any], line: int) -> tuple[Any, ...]:
    """The documented order, top down: tenant, model, provider, tier, date, line."""
    model, provider = table["model"], table.get("provider", "*")
    return (
        "tenant" in table,
        "*" not in model,
        len(model.replace("*", "")),
        "*" not in provider,
        len(provider.replace("*", "")),
        "tier" in table,
        table["from"],
        line,
    )


def by_hand(tables: list[dict[str, Any]], row: dict[str, Any]) -> Decimal | None:
    """The cost of a call, by the words of docs/prices.md and Decimal arithmetic alone."""
    ranked = sorted(enumerate(tables), key=lambda one: strength(one[1], one[0]), reverse=True)
    holding = [table for _, table in ranked if held_by_hand(table, row)]
    won = {
        layer: next((table for table in holding if set(table) & set(words)), None)
        for layer, words in {
            "price": ("usd_per_mtok", "list", "gpu"),
            "discount": ("discount_percent",),
            "markup": ("markup_percent",),
        }.items()
    }
    base = won["price"] or {"list": True}
    if "gpu" in base:
        return Decimal(0)
    if "list" in base:
        pair = LISTED.get(row["response_model"])
    else:
        pair = tuple(Decimal(base["usd_per_mtok"][kind]) for kind in ("input", "output"))
    if pair is None:
        return None
    cost = DIGITS.divide(pair[0] * row["input_tokens"] + pair[1] * row["output_tokens"], Decimal(10**6))
    if won["discount"] and "list" in base:
        cost = DIGITS.multiply(cost, (100 - Decimal(won["discount"]["discount_percent"])) / 100)
    if won["markup"]:
        cost = DIGITS.multiply(cost, (100 + Decimal(won["markup"]["markup_percent"])) / 100)
    return cost.quantize(PICO, ROUND_HALF_EVEN, DIGITS)


@given(tables=books, rows=st.lists(asked, min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_every_cost_is_what_the_documented_rules_give_in_decimals(
    tables: list[dict[str, Any]], rows: list[dict[str, Any]]
):
    assert price(book_of(tables), *rows) == [by_hand(tables, row) for row in rows]


@given(tables=st.lists(entries, min_size=2, max_size=6, unique_by=lambda table: strength(table, 0)), seed=st.integers())
@FEW
def test_entries_of_different_strength_have_one_order_wherever_they_stand(tables: list[dict[str, Any]], seed: int):
    turned = random.Random(seed).sample(tables, len(tables))
    rows = [
        {"response_model": model, "tenant": tenant, "started_at": at, "input_tokens": 12_345, "output_tokens": 678}
        for model in MODELS
        for tenant in ("acme", None)
        for at in STARTS[1::2]
    ]

    assert price(book_of(tables), *rows) == price(book_of(turned), *rows)


@given(tables=st.lists(entries, min_size=3, max_size=3))
@FEW
def test_precedence_is_a_total_order(tables: list[dict[str, Any]]):
    read = [read_entry(number, table) for number, table in enumerate(tables, start=1)]

    def compare(one: Entry, other: Entry) -> int:
        return (one.rank() > other.rank()) - (one.rank() < other.rank())

    for one, other in itertools.combinations(read, 2):
        assert compare(one, other) == -compare(other, one) != 0  # two entries never tie: their lines differ
    weakest, middle, strongest = sorted(read, key=cmp_to_key(compare))
    assert compare(weakest, middle) == compare(middle, strongest) == compare(weakest, strongest) == -1
    by_words = sorted(range(3), key=lambda line: strength(tables[line], line))
    assert [entry.number for entry in (weakest, middle, strongest)] == [line + 1 for line in by_words]


@given(offs=st.lists(percents, min_size=1, max_size=4, unique=True), tokens=st.integers(1, 10**9))
@FEW
def test_a_call_has_the_entry_that_is_valid_when_it_starts_to_the_microsecond(offs: list[str], tokens: int):
    steps = list(zip(STARTS, offs, strict=False))
    tables = [{"model": "gpt-4o", "provider": "openai", "from": at, "discount_percent": off} for at, off in steps]
    instant = dt.timedelta(microseconds=1)
    around = [
        (at + move, number + (move >= dt.timedelta(0)))
        for number, (at, _) in enumerate(steps)
        for move in (-instant, 0 * instant, instant)
    ]

    costs = price(
        book_of(tables),
        *(
            {"response_model": "gpt-4o", "started_at": at, "input_tokens": tokens, "output_tokens": 0}
            for at, _ in around
        ),
    )

    left = [Decimal(100), *(100 - Decimal(off) for _, off in steps)]
    assert costs == [
        DIGITS.multiply(Decimal("2.5") * tokens / 10**6, left[begun] / 100).quantize(PICO, ROUND_HALF_EVEN, DIGITS)
        for _, begun in around
    ]


@given(tables=books, said=says, row=asked, about=st.sampled_from(["tenant", "model", "provider", "tier", "date"]))
@FEW
def test_an_entry_for_another_tenant_model_provider_tier_or_date_changes_no_other_price(
    tables: list[dict[str, Any]], said: dict[str, Any], row: dict[str, Any], about: str
):
    other = {
        "tenant": {"tenant": "gamma", "model": "*", "from": START},
        "model": {"model": "o1*", "from": START},
        "provider": {"model": "*", "provider": "anthropic", "from": START},
        "tier": {"model": "*", "tier": "batch", "from": START},
        "date": {"model": "*", "from": row["started_at"] + dt.timedelta(microseconds=1)},
    }[about]

    costs = [price(book_of(one), row) for one in (tables, [*tables, other | said], [other | said, *tables])]

    assert costs[0] == costs[1] == costs[2]


@given(row=asked, tenant=st.sampled_from([None, "acme"]))
@FEW
def test_nothing_off_and_nothing_on_top_is_the_list_price(row: dict[str, Any], tenant: str | None):
    zero = [{"model": "*", "from": START, word: "0"} for word in ("discount_percent", "markup_percent")]
    tables = [table | ({"tenant": tenant} if tenant else {}) for table in zero]

    assert price(book_of(tables), row) == price(PriceBook(), row) == [by_hand([], row)]


@given(rows=st.lists(asked, min_size=1, max_size=20), tables=books)
@FEW
def test_a_call_costs_the_same_alone_and_among_others(rows: list[dict[str, Any]], tables: list[dict[str, Any]]):
    book = book_of(tables)

    together = price(book, *rows)

    assert together == [cost for row in rows for cost in price(book, row)]
    assert together == price(read_anew(book), *rows)


def read_anew(book: PriceBook) -> PriceBook:
    """The same entries read anew, with nothing resolved yet."""
    return PriceBook((), BookFile(entries=tuple(dataclasses.replace(one) for one in book.entries), fingerprints=("0",)))
