"""Rows of FOCUS: what a month has, what it lacks, and what the numbers of a row have to do with each other."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from spanledger.focus_names import BookSellers
from tests.quick import few
from tests.warehouse.billing import NOON, call
from tests.warehouse.exporting import (
    AFTER_DECEMBER,
    AFTER_NOVEMBER,
    CALLS,
    CLAUDE,
    COSTS,
    DECEMBER,
    GPT,
    NOVEMBER,
    every_kind,
    export,
    found,
    november,
    rows_of,
    total,
)
from tests.warehouse.settling import HOW, World
from warehouse.errors import LakeDamaged
from warehouse.focus import Exported, Seller
from warehouse.focus.export import NothingSettled
from warehouse.lake.upkeep import Upkeep
from warehouse.settle import reprice


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[dt.date, list[dict[str, Any]]]]:
    """A lake with a closed November, and the rows of two months."""
    directory = tmp_path_factory.mktemp("months")
    world = november(directory)
    return world, {month: export(world, month, directory / f"{month}.csv")[1] for month in (NOVEMBER, DECEMBER)}


def booked(world: World, month: dt.date) -> tuple[Any, ...]:
    """Cost, and tokens in and out, of a month."""
    return world.sql(
        f"SELECT sum(cost_usd), sum(input_tokens), sum(output_tokens) FROM ledger WHERE period = DATE '{month}'",  # noqa: S608 - a date
        "ledger",
    )[0]


def world_of(directory: Path, *calls: dict[str, Any], book: PriceBook | None = None) -> World:
    """A settled lake of November with these calls."""
    world = World(directory, book) if book else World(directory)
    world.flush(calls)
    world.settle(now=AFTER_NOVEMBER)
    return world


@pytest.mark.parametrize("month", [NOVEMBER, DECEMBER])
def test_costs_and_tokens_are_those_of_the_ledger_to_the_picodollar(months: Any, month: dt.date):
    world, rows = months
    tokens = [row for row in rows[month] if row["ConsumedUnit"] == "Tokens"]
    outputs = [row for row in tokens if row["x_TokenKind"] in ("output", "audio_output")]

    cost, inputs, output = booked(world, month)

    assert {total(rows[month], name) for name in COSTS} == {cost}
    assert (total(tokens, "ConsumedQuantity"), total(outputs, "ConsumedQuantity")) == (inputs + output, output)


def test_rows_are_by_day_and_kind_with_the_list_price_of_one_token(months: Any):
    rows = months[1][NOVEMBER]

    cached = found(rows, x_TokenKind="cached_input", x_Model="gpt-4o")

    assert (cached["ChargePeriodStart"], cached["ChargePeriodEnd"]) == ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z")
    assert cached["BillingPeriodStart"] == "2026-11-01T00:00:00Z"
    assert cached["BillingPeriodEnd"] == "2026-12-01T00:00:00Z"
    assert (cached["ConsumedQuantity"], cached["ConsumedUnit"]) == (600, "Tokens")
    assert cached["ListUnitPrice"] == cached["ContractedUnitPrice"] == Decimal("0.00000125")
    assert cached["BilledCost"] == cached["ListCost"] == Decimal("0.00075")
    plain = found(rows, x_Model="gpt-4o", x_TokenKind="input", x_ServiceTier=None, x_Feature=None)
    assert plain["BilledCost"] == Decimal("0.001")


def test_kinds_that_share_a_cost_are_told_apart_by_their_prices(months: Any):
    rows = months[1][NOVEMBER]

    prices = {
        (row["x_Model"], row["x_TokenKind"]): (row["ConsumedQuantity"], row["ContractedUnitPrice"] * 10**6)
        for row in rows
        if row["x_Model"] in ("claude-sonnet-4-5", "gpt-audio")
    }

    assert prices == {
        ("claude-sonnet-4-5", "input"): (200, 3),
        ("claude-sonnet-4-5", "cached_input"): (100, Decimal("0.3")),
        ("claude-sonnet-4-5", "cache_write"): (500, Decimal("3.75")),
        ("claude-sonnet-4-5", "cache_write_1h"): (200, 6),
        ("claude-sonnet-4-5", "output"): (100, 15),
        ("gpt-audio", "input"): (700, Decimal("2.5")),
        ("gpt-audio", "audio_input"): (300, 32),
        ("gpt-audio", "output"): (60, 10),
        ("gpt-audio", "audio_output"): (40, 64),
    }


def test_unit_price_times_quantity_is_the_cost(months: Any):
    rows = [row for month in months[1].values() for row in month]

    assert rows
    for row in rows:
        assert row["ContractedUnitPrice"] * row["PricingQuantity"] == row["ContractedCost"]
        assert row["ListUnitPrice"] * row["PricingQuantity"] == row["ListCost"]


def test_who_sells_who_made_and_whose_it_is(months: Any):
    rows = months[1][NOVEMBER]

    bedrock = found(rows, x_Provider="aws.bedrock", x_TokenKind="output")
    plain = found(rows, x_Feature="chat", x_TokenKind="output")

    assert {bedrock[name] for name in ("ProviderName", "ServiceProviderName", "InvoiceIssuerName")} == {"AWS Bedrock"}
    assert bedrock["PublisherName"] == "Anthropic"
    assert (plain["SubAccountId"], plain["x_Tenant"], plain["BillingAccountId"]) == ("project-1", "acme", "books")
    assert json.loads(plain["Tags"]) == {
        "environment": "prod", "feature": "chat", "service": "shop", "team": "Zürich", "tenant": "acme",
    }  # fmt: skip


def test_what_came_late_for_a_closed_month_is_a_correction_in_the_next(months: Any):
    rows = months[1]

    corrections = [row for row in rows[DECEMBER] if row["ChargeClass"] == "Correction"]

    assert {row["ChargePeriodStart"] for row in corrections} == {"2026-11-23T00:00:00Z"}
    assert {row["BillingPeriodStart"] for row in rows[DECEMBER]} == {"2026-12-01T00:00:00Z"}
    assert total(corrections, "BilledCost") == Decimal("0.0035")
    assert len(corrections) < len(rows[DECEMBER])
    assert {row["ChargeClass"] for row in rows[NOVEMBER]} == {None}


@pytest.mark.long
def test_the_file_of_a_closed_month_is_the_same_byte_for_byte_whatever_comes_later(tmp_path: Path):
    kinds = ("csv", "parquet")
    world = world_of(tmp_path, *CALLS)
    world.close(NOVEMBER, AFTER_NOVEMBER)
    before = [export(world, NOVEMBER, tmp_path / f"first.{kind}")[0] for kind in kinds]
    world.flush([call("late", day=3, **GPT), call("of-december", day=15, **GPT)], partition=1)
    world.settle(now=AFTER_DECEMBER)
    world.close(DECEMBER, AFTER_DECEMBER)
    Upkeep(world.settings).step(AFTER_DECEMBER + dt.timedelta(days=30))

    for kind, said in zip(kinds, before, strict=True):
        after = export(world, NOVEMBER, tmp_path / f"later.{kind}")[0]

        assert (said.settlement, said.is_closed) == (2, True)
        assert after == dataclasses.replace(said, closed_to=after.closed_to)
        assert (tmp_path / f"later.{kind}").read_bytes() == (tmp_path / f"first.{kind}").read_bytes()


DEARER = """
[[price]]
model = "gpt-4o"
from = 2026-01-01
usd_per_mtok = {input = "9", output = "90"}

[[price]]
provider = "anthropic"
model = "*"
tenant = "acme"
from = 2026-01-01
discount_percent = "30"
"""


@pytest.mark.parametrize("kind", few(["csv", "parquet"], "csv"))
def test_the_file_of_a_closed_month_is_the_same_byte_for_byte_with_other_prices_and_names(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "prices.toml").write_text(SELLING)
    selling = PriceBook.from_settings({}, str(tmp_path / "prices.toml"))
    world = world_of(tmp_path, *CALLS, call("own", **CLAUDE | {"tenant": "acme"}), book=selling)
    first, later = (tmp_path / f"{name}.{kind}" for name in ("first", "later"))
    world.close(NOVEMBER, AFTER_NOVEMBER)
    before = export(world, NOVEMBER, first)[0]
    (tmp_path / "prices.toml").write_text(DEARER)
    world.book = PriceBook.from_settings({}, str(tmp_path / "prices.toml"))
    unlisted = BookSellers.offers

    def cheaper(*asked: Any, **when: Any) -> Any:
        return [
            {kind: dataclasses.replace(one, listed=one.paid * 7) for kind, one in cell.items()}
            for cell in unlisted(*asked, **when) or ()
        ] or None

    monkeypatch.setattr(BookSellers, "offers", cheaper)
    monkeypatch.setattr(BookSellers, "seller", lambda *_: Seller(id="another", name="Another", publisher="Another"))

    after = export(world, NOVEMBER, later)[0]

    assert before.is_kept
    assert after == before
    assert later.read_bytes() == first.read_bytes()


def test_what_is_kept_of_a_closed_month_is_what_it_said_when_it_was_open(tmp_path: Path):
    world = world_of(tmp_path, *CALLS)
    before, rows = export(world, NOVEMBER, tmp_path / "open.csv")

    world.close(NOVEMBER, AFTER_NOVEMBER)

    after, kept = export(world, NOVEMBER, tmp_path / "closed.csv")
    assert (before.is_kept, after.is_kept, after.settlement) == (False, True, 2)
    assert [row | {"x_Settlement": "2"} for row in rows] == kept


def test_a_month_that_was_closed_without_its_rows_gets_them_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world = world_of(tmp_path, *CALLS, call("of-december", day=15, **GPT))
    with monkeypatch.context() as earlier:
        earlier.setattr("warehouse.settle.months.rows_to_keep", lambda *_, **__: [])
        world.close(NOVEMBER, AFTER_NOVEMBER)
    unkept, before = export(world, NOVEMBER, tmp_path / "before.csv")
    world.settle(now=AFTER_DECEMBER)

    world.close(DECEMBER, AFTER_DECEMBER)

    kept, after = export(world, NOVEMBER, tmp_path / "after.csv")
    assert (unkept.is_kept, kept.is_kept, kept.settlement) == (False, True, 2)
    assert after == before
    assert export(world, DECEMBER, tmp_path / "december.csv")[0].is_kept


def test_csv_and_parquet_have_the_same_rows(months: Any, tmp_path: Path):
    world, rows = months

    export(world, NOVEMBER, tmp_path / "again.parquet")

    assert rows_of(tmp_path / "again.parquet") == rows[NOVEMBER]


def test_an_empty_month_has_a_header_and_no_rows(months: Any, tmp_path: Path):
    done, rows = export(months[0], dt.date(2026, 10, 1), tmp_path / "october.csv")

    assert (done.rows, rows, done.billed_usd, done.is_closed) == (0, [], 0, True)
    assert (tmp_path / "october.csv").read_text().startswith("BilledCost,")


def test_repriced_calls_of_an_open_month_have_their_new_price_alone(tmp_path: Path):
    world = world_of(tmp_path, call("a", **GPT))
    dear = PriceBook.from_settings({"openai/gpt-4o": {"input": 5.0, "output": 20.0}})
    window = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), AFTER_NOVEMBER)
    reprice(world.lake, world.settings, HOW, pricing_of(dear), now=AFTER_NOVEMBER, window=window)

    _, rows = export(world, NOVEMBER, tmp_path / "rows.csv")

    assert [row["BilledCost"] for row in rows] == [Decimal("0.005"), Decimal("0.002")]
    assert {row["x_PriceVersion"] for row in rows} == {dear.version}


def test_calls_of_a_closed_month_that_got_a_price_are_not_counted_below_nothing(tmp_path: Path):
    house = {"provider": "house", "request_model": "our-own-7b"}
    world = world_of(tmp_path, call("a", **house), call("b", day=1, **house))
    world.close(NOVEMBER, AFTER_NOVEMBER)
    known = PriceBook.from_settings({"house/our-own-7b": {"input": 1.0, "output": 1.0}})
    window = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), NOON + dt.timedelta(hours=1))
    reprice(world.lake, world.settings, HOW, pricing_of(known), now=AFTER_NOVEMBER, window=window)
    world.flush([call("late", day=2, **house), call("in-december", day=15, **house)], partition=1)
    world.settle(now=AFTER_DECEMBER)

    own, later = (export(world, month, tmp_path / f"{month}.csv") for month in (NOVEMBER, DECEMBER))

    assert (own[0].unpriced, later[0].unpriced) == ({"our-own-7b": 2}, {"our-own-7b": 2})
    assert total(later[1], "BilledCost") == Decimal("0.0011")
    assert {row["ChargeClass"] for row in later[1]} == {"Correction"}


def test_hours_that_are_not_settled_are_counted(tmp_path: Path):
    world = World(tmp_path)
    world.flush([call("a", **GPT), call("b", day=1, **GPT)])
    world.settle(now=dt.datetime(2026, 11, 20, 20, tzinfo=dt.UTC))

    done, rows = export(world, NOVEMBER, tmp_path / "rows.csv")

    assert (done.open_calls, done.open_usd, total(rows, "BilledCost")) == (1, Decimal("0.0035"), Decimal("0.0035"))
    assert not done.is_closed


def test_nothing_is_exported_before_anything_is_settled(tmp_path: Path):
    world = World(tmp_path)
    world.flush([call("a", **GPT)])

    with pytest.raises(NothingSettled, match="spanledger settle"):
        export(world, NOVEMBER, tmp_path / "rows.csv")


SELLING = """
[[price]]
provider = "openai"
model = "*"
from = 2026-01-01
discount_percent = "7.3"

[[price]]
provider = "vllm"
model = "our-7b"
from = 2026-01-01
gpu = true
"""
OWN = """
[[price]]
model = "gpt-4o"
tenant = "acme"
from = 2026-01-01
discount_percent = "50"
"""


@dataclasses.dataclass(frozen=True)
class Month:
    """A settled world, what its November's export said, and its rows."""

    world: World
    done: Exported
    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, directory: Path, prices: str, *calls: dict[str, Any]) -> Month:
        """Of these calls at these prices."""
        file = directory / "prices.toml"
        file.write_text(prices)
        world = world_of(directory, *calls, book=PriceBook.from_settings({}, str(file)))
        return cls(world, *export(world, NOVEMBER, directory / "rows.csv"))

    def rows_of(self, **values: str) -> list[dict[str, Any]]:
        """The rows with these values."""
        return [row for row in self.rows if all(row[name] == value for name, value in values.items())]


@pytest.fixture(scope="module")
def selling(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """Calls with a discount, and free ones."""
    calls = [call(f"{n}", **GPT | {"input_tokens": n}) for n in (7, 11)]
    free = call("a", provider="vllm", request_model="our-7b")
    return Month.of(tmp_path_factory.mktemp("selling"), SELLING, *calls, free)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """Calls of two tenants of which one has a price of its own; of several prices; with a search; without a price."""
    return Month.of(
        tmp_path_factory.mktemp("own"),
        OWN,
        *(call(name, **GPT | {"tenant": name}) for name in ("acme", "beta")),
        *(call(f"{n}", **CLAUDE | {"input_tokens": n, "tenant": "several"}) for n in (1_000, 201_000)),
        call("searching", **CLAUDE, tenant="searching", units={"searches": 3.0}),
        call("unknown", provider="house", request_model="our-own-7b"),
    )


def test_a_discount_is_between_the_contracted_and_the_list_price(selling: Month):
    (row,) = selling.rows_of(x_TokenKind="input", x_Model="gpt-4o")

    assert (row["ContractedUnitPrice"], row["ListUnitPrice"]) == (Decimal("0.0000023175"), Decimal("0.0000025"))
    assert (row["BilledCost"], row["ListCost"]) == (Decimal("0.000041715"), Decimal("0.000045"))


def test_free_calls_cost_nothing_and_say_so(selling: Month):
    rows = selling.rows_of(x_Model="our-7b")

    assert {row["x_TokenKind"]: (row["BilledCost"], row["ContractedUnitPrice"]) for row in rows} == {
        "input": (0, 0),
        "output": (0, 0),
    }
    assert {row["x_PriceStatus"] for row in rows} == {"free"}
    assert selling.done.unpriced == {}


def test_calls_of_two_prices_in_an_hour_are_rows_of_their_own(own: Month):
    rows = own.rows_of(x_Tenant="several")

    assert unit_prices(rows) == [
        ("input", 1_000, 3, 3),
        ("input", 201_000, 6, 6),
        ("output", 100, 15, 15),
        ("output", 100, Decimal("22.5"), Decimal("22.5")),
    ]
    assert total(rows, "ListCost") == total(rows, "BilledCost") == Decimal("1.21275")
    assert own.done.mixed == 1  # the one of searches


APPENDED = """
[[price]]
model = "*"
from = 2026-01-01
markup_percent = "10"
"""
HOUSE = """
[[price]]
provider = "house"
model = "our-own-7b"
from = 2026-01-01
usd_per_mtok = {input = "1", output = "2"}

[[price]]
provider = "anthropic"
model = "*"
from = 2026-01-01
discount_percent = "10"
"""


def unit_prices(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Kind, tokens, contracted and list price of a million."""
    names = ("ContractedUnitPrice", "ListUnitPrice")
    return sorted(
        (
            row["x_TokenKind"],
            row["ConsumedQuantity"],
            *(None if row[one] is None else row[one] * 10**6 for one in names),
        )
        for row in rows
    )


def test_two_prices_are_told_apart_at_a_discount_and_in_what_is_taken_back(tmp_path: Path):
    (tmp_path / "prices.toml").write_text(HOUSE)
    calls = [call(f"{n}", seconds=n % 7, **CLAUDE | {"input_tokens": n}) for n in (1_000, 201_000, 1_777, 350_013)]
    world = world_of(tmp_path, *calls, book=PriceBook.from_settings({}, str(tmp_path / "prices.toml")))
    world.close(NOVEMBER, AFTER_NOVEMBER)
    (tmp_path / "prices.toml").write_text(HOUSE + APPENDED)
    world.book = PriceBook.from_settings({}, str(tmp_path / "prices.toml"))
    window = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), AFTER_NOVEMBER)
    reprice(world.lake, world.settings, HOW, pricing_of(world.book), now=AFTER_NOVEMBER, window=window)

    own, later = (export(world, month, tmp_path / f"{month}.csv")[1] for month in (NOVEMBER, DECEMBER))

    inputs = [one for one in unit_prices(own) if one[0] == "input"]
    assert inputs == [("input", 2_777, Decimal("2.7"), 3), ("input", 551_013, Decimal("5.4"), 6)]
    back = [one for one in unit_prices(later) if one[0] == "input"]
    assert back == [
        ("input", -551_013, Decimal("5.4"), 6),
        ("input", -2_777, Decimal("2.7"), 3),
        ("input", 2_777, Decimal("2.97"), 3),
        ("input", 551_013, Decimal("5.94"), 6),
    ]


def test_lines_that_a_shorter_book_priced_have_its_prices(tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text(HOUSE)
    calls = [call(f"{n}", **CLAUDE | {"input_tokens": n}) for n in (1_000, 201_000)]
    world = world_of(tmp_path, *calls, book=PriceBook.from_settings({}, str(file)))
    before = export(world, NOVEMBER, tmp_path / "before.csv")[1]
    file.write_text(HOUSE + APPENDED)
    world.book = PriceBook.from_settings({}, str(file))

    assert export(world, NOVEMBER, tmp_path / "after.csv")[1] == before


def test_cached_tokens_without_a_price_of_their_own_have_that_of_the_input(tmp_path: Path):
    gpt4 = {"provider": "openai", "request_model": "gpt-4", "cached_input_tokens": 300}

    _, rows = export(world_of(tmp_path, call("a", **gpt4), call("b", **gpt4)), NOVEMBER, tmp_path / "rows.csv")

    assert unit_prices(rows) == [("cached_input", 600, 30, 30), ("input", 1_400, 30, 30), ("output", 200, 60, 60)]
    assert total(rows, "BilledCost") == Decimal("0.072")


def test_a_snapshot_that_is_priced_as_what_was_asked_for_has_that_list_price(tmp_path: Path):
    answered = call("a", **GPT | {"response_model": "gpt-4o-2099-01-01"})
    searched = call("b", **GPT | {"response_model": "gpt-4o-2098-01-01", "input_tokens": 7})

    _, rows = export(world_of(tmp_path, answered, searched), NOVEMBER, tmp_path / "rows.csv")

    assert {row["x_Model"] for row in rows} == {"gpt-4o-2099-01-01", "gpt-4o-2098-01-01"}
    assert {one[2:] for one in unit_prices(rows)} == {(Decimal("2.5"), Decimal("2.5")), (10, 10)}


def test_what_no_list_has_is_listed_at_the_price_of_the_book_before_discount_and_markup(tmp_path: Path):
    house = call("a", provider="house", request_model="our-own-7b")

    rows = Month.of(tmp_path, HOUSE + APPENDED, house).rows

    assert unit_prices(rows) == [("input", 1_000, Decimal("1.1"), 1), ("output", 100, Decimal("2.2"), 2)]
    assert (total(rows, "ListCost"), total(rows, "BilledCost")) == (Decimal("0.0012"), Decimal("0.00132"))


def test_what_the_list_has_for_free_and_what_a_gpu_pays_for_is_listed_at_nothing(tmp_path: Path):
    free = {"provider": "openrouter", "request_model": "meta-llama/llama-3.3-70b-instruct:free"}

    rows = Month.of(tmp_path, SELLING, call("a", **free), call("b", provider="vllm", request_model="our-7b")).rows

    assert {one[2:] for one in unit_prices(rows)} == {(0, 0)}


def test_a_committed_price_does_not_tell_which_of_two_list_prices_there_was(tmp_path: Path):
    flat = HOUSE.replace('"house"', '"anthropic"').replace("our-own-7b", "claude-sonnet-4-5")
    calls = [call(f"{n}", **CLAUDE | {"input_tokens": n}) for n in (1_000, 201_000)]

    rows = Month.of(tmp_path, flat, *calls).rows

    assert unit_prices(rows) == [("input", 202_000, 1, None), ("output", 200, 2, None)]


def test_calls_without_a_price_are_counted_and_never_free(own: Month):
    assert own.done.unpriced == {"our-own-7b": 1}
    assert {row["x_Model"] for row in own.rows} == {"gpt-4o", "claude-sonnet-4-5"}


def test_a_tenants_own_price_is_its_contracted_price(own: Month):
    inputs = own.rows_of(x_Model="gpt-4o", x_TokenKind="input")

    assert {row["x_Tenant"]: row["ContractedUnitPrice"] for row in inputs} == {
        "acme": Decimal("0.00000125"),
        "beta": Decimal("0.0000025"),
    }
    assert {row["ListUnitPrice"] for row in inputs} == {Decimal("0.0000025")}


def test_what_is_not_billed_by_the_token_is_counted_in_requests(own: Month):
    other = found(own.rows, x_TokenKind="other")

    assert (other["ConsumedQuantity"], other["ConsumedUnit"], other["PricingUnit"]) == (1, "Requests", "Requests")
    assert (other["BilledCost"], other["ContractedUnitPrice"], other["x_Tenant"]) == (
        Decimal("0.03"),
        None,
        "searching",
    )
    assert own.done.billed_usd == own.world.total()[1]


@pytest.mark.long
def test_every_kind_of_row_is_in_its_month_with_its_list_price(tmp_path: Path):
    world = every_kind(tmp_path)

    november, december = (export(world, month, tmp_path / f"{month}.csv") for month in (NOVEMBER, DECEMBER))

    for month, (done, rows) in ((NOVEMBER, november), (DECEMBER, december)):
        assert done.billed_usd == total(rows, "BilledCost") == booked(world, month)[0]
    sums = {
        (row["x_Model"], row["x_TokenKind"], row["x_ServiceTier"], row["x_PriceStatus"], row["BilledCost"])
        for row in november[1]
        if row["x_Model"] in ("o3", "rerank-v3.5", "whisper-1", "any", "llama-3-70b", "gpt-image-1")
    }
    assert sums == {
        ("o3", "input", "flex", "priced", Decimal("0.0011")),
        ("o3", "output", "flex", "priced", Decimal("0.00044")),
        ("rerank-v3.5", "other", None, "priced", Decimal("0.0066")),
        ("whisper-1", "other", None, "priced", Decimal("0.000715")),
        ("any", "input", None, "priced", Decimal(0)),
        ("any", "output", None, "priced", Decimal(0)),
        ("any", "other", None, "priced", Decimal("0.01353")),
        ("llama-3-70b", "input", None, "free", Decimal(0)),
        ("llama-3-70b", "output", None, "free", Decimal(0)),
        ("gpt-image-1", "input", None, "priced", Decimal("0.0055")),
        ("gpt-image-1", "output", None, "priced", Decimal("0.0044")),
    }
    assert set(november[0].unpriced) == {"our-own-7b", "dall-e-3", None}


@pytest.mark.long
def test_what_repricing_takes_back_has_the_list_price_of_what_it_books(tmp_path: Path):
    rows = export(every_kind(tmp_path), DECEMBER, tmp_path / "rows.csv")[1]
    repriced = [
        row
        for row in rows
        if row["ChargeClass"]
        and row["x_Model"] in ("gpt-4o", "gpt-4o-mini")
        and row["ChargePeriodStart"] < "2026-11-23"
    ]

    assert len(repriced) > 10
    assert total(repriced, "BilledCost") < 0
    assert total(repriced, "ListCost") == 0


def test_a_damaged_file_of_the_ledger_is_named(own: Month, tmp_path: Path):
    shutil.copytree(own.world.directory / "lake", tmp_path / "lake")
    world = World(tmp_path)
    (file,) = (tmp_path / "lake" / "ledger").rglob("*.parquet")
    file.write_bytes(b"PAR1 no more PAR1")

    with pytest.raises(LakeDamaged, match=file.name):
        export(world, NOVEMBER, tmp_path / "rows.csv")
