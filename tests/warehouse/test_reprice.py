"""Repricing: what calls cost with other prices, booked as lines of their own, and nothing when it is taken back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.errors import BadPriceBook
from processors.pricing.settled import pricing_of
from processors.pricing.start import hold_book
from tests.quick import few
from tests.warehouse.settling import HOW, LATER, World, book
from tests.warehouse.told import START, span
from warehouse.reader import ALL, Warehouse
from warehouse.settle import Repriced, reprice

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
UNKNOWN = USED | {"provider": "house", "request_model": "our-own-7b"}
COST, DEARER = Decimal("0.0035"), Decimal("0.0070")
ALWAYS = (START - dt.timedelta(days=1), START + dt.timedelta(days=1))

DEAR = PriceBook.from_settings(
    {"openai/gpt-4o": {"input": 5.0, "output": 20.0}, "house/our-own-7b": {"input": 1.0, "output": 1.0}}
)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("settled"))
    made.flush([span("a", tenant="acme", **USED), span("b", trace="u", tenant="beta", **UNKNOWN)])
    made.settle()
    return made


@pytest.fixture
def world(settled: World, tmp_path: Path) -> World:
    return settled.copy(tmp_path)


def at(world: World, prices: PriceBook, **options: object) -> Repriced:
    given = {"now": LATER, "window": ALWAYS} | options
    return reprice(world.lake, world.settings, HOW, pricing_of(prices), **given)


def lines(world: World) -> list[tuple[object, ...]]:
    return world.sql(
        "SELECT settlement, entry, tenant, price_status, calls, cost_usd FROM ledger ORDER BY ALL", "ledger"
    )


def test_the_difference_is_booked_and_what_had_no_price_gets_one(world: World):
    before = lines(world)

    done = at(world, DEAR)

    assert (done.settled.repriced, done.settled.adjusted_usd) == (2, DEARER - COST + Decimal("0.0011"))
    said = done.changes.select(["tenant", "calls", "before_usd", "after_usd", "difference_usd"]).to_pylist()
    assert [tuple(row.values()) for row in said] == [
        ("acme", 1, COST, DEARER, DEARER - COST),
        ("beta", 1, None, Decimal("0.0011"), Decimal("0.0011")),
    ]
    assert lines(world)[: len(before)] == before
    assert {line[1] for line in lines(world)[len(before) :]} == {"repriced"}
    assert world.total() == (2, DEARER + Decimal("0.0011"), 2000, 200)


def test_there_and_back_is_nothing(world: World):
    standing = (
        "SELECT tenant, price_status, sum(calls), sum(cost_usd), sum(priced_calls) FROM ledger "
        "GROUP BY ALL HAVING sum(calls) <> 0 ORDER BY ALL"
    )
    before = world.sql(standing, "ledger")

    there, back = at(world, DEAR), at(world, book())

    assert there.settled.adjusted_usd == -back.settled.adjusted_usd
    assert world.sql(standing, "ledger") == before
    assert at(world, book()).settled.number == 0


REPORTS = ("settled-spend", "forecast", "unit-economics", "cost-per-successful-task", "waste", "cache", "variance")


@pytest.mark.long
@pytest.mark.parametrize("by", few(("tenant", "price_version", "token_kind"), "token_kind"))
def test_reports_after_there_and_back_are_those_of_before_and_of_each_settlement_then(world: World, by: str):
    def answers(settlement: int) -> dict[str, object]:
        lake = Warehouse(world.settings)
        return {
            name: sorted(map(str, lake.ask(name, ALL, by=by, as_of_settlement=settlement).to_pylist()))
            for name in REPORTS
            if (name, by) != ("cache", "token_kind")
        }

    before = answers(1)
    at(world, DEAR)
    dear = answers(2)
    at(world, book())

    assert answers(3) == before == answers(1)
    assert dear != before
    assert answers(2) == dear


def test_a_dry_run_changes_nothing(world: World):
    before = lines(world)

    done = at(world, DEAR, dry_run=True)

    assert (done.settled.number, done.settled.repriced, done.changes.num_rows) == (0, 2, 2)
    assert lines(world) == before


@pytest.mark.parametrize(
    ("options", "repriced"),
    [({"model": "gpt-4o"}, 1), ({"model": "gpt-4"}, 0), ({"window": (ALWAYS[0], START)}, 0)],
    ids=["one model", "a model that nobody used", "an hour before"],
)
def test_only_what_is_asked_for_is_priced_anew(world: World, options: dict[str, object], repriced: int):
    assert at(world, DEAR, **options).settled.repriced == repriced


def test_a_later_settlement_keeps_the_new_cost(world: World):
    at(world, DEAR)
    world.flush([span("outer", "a", tenant="acme", feature="chat", operation="task", _role="other")], partition=1)

    world.settle()

    assert world.total()[1] == DEARER + Decimal("0.0011")


def test_every_settlement_can_be_read_as_it_was(world: World):
    at(world, DEAR)

    sums = (
        "SELECT n, (SELECT sum(cost_usd) FROM ledger WHERE settlement <= n) FROM (VALUES (1), (2)) AS t(n) ORDER BY n"
    )
    assert world.sql(sums, "ledger") == [(1, COST), (2, DEARER + Decimal("0.0011"))]


BOOK = "[[price]]\nmodel = 'gpt*'\nfrom = 2026-01-01\ndiscount_percent = 10\n"
LONGER = BOOK + "[[price]]\nmodel = 'gpt*'\nfrom = 2026-02-01\ndiscount_percent = 20\n"
LONGEST = LONGER + "[[price]]\nmodel = 'our*'\nfrom = 2026-02-01\nusd_per_mtok = {input = 1, output = 1}\n"


def write(file: Path, text: str) -> PriceBook:
    file.write_text(text)
    return PriceBook.from_settings({}, str(file))


def test_a_book_that_repricing_alone_has_used_is_held_to_as_one_that_the_stream_used(world: World, tmp_path: Path):
    file = tmp_path / "prices.toml"
    longer = write(file, LONGER)
    at(world, longer)
    hold_book(str(file), world.settings)

    write(file, BOOK)

    used = Warehouse(world.settings).ask("price_versions", ALL)["price_version"].to_pylist()
    assert sorted(used) == sorted([longer.version, book().version])
    with pytest.raises(BadPriceBook, match="from its first entry on"):
        hold_book(str(file), world.settings)


@pytest.mark.long
def test_a_longer_book_changes_what_its_new_entries_are_about_and_the_version_of_that_alone(
    world: World, tmp_path: Path
):
    file = tmp_path / "prices.toml"
    at(world, write(file, BOOK))
    before = write(file, LONGER)
    at(world, before)
    after = write(file, LONGEST)

    done = at(world, after)

    names = ["model", "before_version", "after_version", "difference_usd"]
    assert [tuple(row.values()) for row in done.changes.select(names).to_pylist()] == [
        ("our-own-7b", book().version, after.version, Decimal("0.0011"))
    ]
    standing = "SELECT model, price_version FROM ledger GROUP BY ALL HAVING sum(calls) > 0 ORDER BY ALL"
    assert world.sql(standing, "ledger") == [("gpt-4o", before.version), ("our-own-7b", after.version)]
