"""Budgets: what is used, how fast, whether it lasts; a file that cannot be is refused by the entry."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanledger.__main__ import main
from tests.warehouse.planned import DAY, FIRST, Books, Row, line
from tests.warehouse.samples import APP, rows, stretch, usage
from warehouse.allocation.file import parse_dimensions_file
from warehouse.errors import BadPlans, BadQuestion
from warehouse.lake import Flush
from warehouse.planning.file import Plans, parse_plans, read_plans

MIDDLE = dt.datetime(2026, 10, 20, tzinfo=dt.UTC)
FILE = """
[[budgets]]
name = "all"
owner = "ann"
amount = "250"
thresholds = [50, "75.5", 100, 120]
burn_alerts = [{hours = 48, rate = "1.2"}, {hours = 48, rate = "1.3"}]

[[budgets]]
name = "chat of beta"
of = {tenant = "beta", feature = ["chat", "unattributed"]}
owner = "bob"
period = "week"
amount = "100"

[[budgets]]
name = "last year's"
owner = "ann"
amount = "1"
to = 2026-10-01

[[budgets]]
name = "quarter of the labs"
of = {unit = "Labs"}
owner = "cid"
period = "quarter"
amount = "1000.50"
"""
LEVELS = parse_dimensions_file(
    tomllib.loads('[levels.unit]\nover = "tenant"\nholds.Labs = ["acme"]\nholds.Shop = ["beta"]')
).levels


def plans(text: str = FILE) -> Plans:
    return parse_plans(tomllib.loads(text), LEVELS)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Seven weeks at 10 a day, of which 7 are acme's and 3 beta's: settled to Tuesday, the 20th of October."""
    books = Books(tmp_path_factory.mktemp("books"), LEVELS)
    days = [FIRST + n * DAY for n in range(49)]
    lines = [one for day in days for one in (line(day, 7), line(day, 3, tenant="beta"))]
    books.settle(lines, MIDDLE)
    return books


@pytest.fixture
def own(books: Books, tmp_path: Path) -> Books:
    """The same books, to write on."""
    return books.copy(tmp_path)


@pytest.fixture(scope="module")
def said(books: Books) -> dict[str, Row]:
    """What is said in the middle of the month."""
    return held(books)


def held(books: Books, text: str = FILE, **params: Any) -> dict[str, dict[str, Any]]:
    """The rows by budget."""
    return {row["budget"]: row for row in books.report("budgets", plans(text), **{"now": MIDDLE} | params)}


def test_a_budget_says_what_is_used_how_fast_and_when_it_is_used_up(said: dict[str, Row]):
    row = said["all"]

    assert (row["amount_usd"], row["settled_usd"], row["provisional_usd"], row["left_usd"]) == (250, 190, 0, 60)
    assert (row["owner"], row["of"], row["period"], row["period_start"]) == ("ann", "all", "month", MIDDLE - 19 * DAY)
    assert (row["used_share"], row["elapsed_share"]) == (pytest.approx(0.76), pytest.approx(19 / 31))
    assert row["burn_rate"] == pytest.approx(0.76 / (19 / 31))
    assert float(row["forecast_usd"]) == pytest.approx(310)
    assert (row["threshold_crossed"], row["threshold_ahead"]) == (75.5, 120)
    assert (row["days_left"], row["days_left_by"]) == (pytest.approx(6, abs=0.01), "forecast")


def test_of_calls_without_a_price_a_budget_says_how_many_and_nothing_where_all_are(own: Books):
    unpriced = {"price_status": "unpriced", "priced_calls": 0}
    late = [line(MIDDLE - DAY, 0, tenant=tenant, **unpriced) for tenant in ("acme", "gamma", "gamma")]
    own.settle(late, MIDDLE)
    of_gamma = '[[budgets]]\nname = "gamma"\nof = {tenant = "gamma"}\nowner = "ann"\namount = "5"\n'

    found = held(own, FILE + of_gamma)

    unknown = found["gamma"]
    sums = ("settled_usd", "spent_usd", "left_usd", "used_share", "burn_rate", "threshold_crossed", "days_left")
    assert [unknown[name] for name in sums] == [None] * 7
    assert (unknown["amount_usd"], unknown["unpriced_calls"], unknown["priced_share"]) == (5, 2, 0)
    assert (found["all"]["spent_usd"], found["all"]["unpriced_calls"]) == (190, 3)
    assert found["all"]["priced_share"] == pytest.approx(38 / 41)
    assert (found["chat of beta"]["unpriced_calls"], found["chat of beta"]["priced_share"]) == (0, 1)


def test_weeks_quarters_dimensions_and_levels_have_budgets(said: dict[str, Row]):
    found = said
    assert list(found) == ["all", "chat of beta", "quarter of the labs"]
    week, quarter = found["chat of beta"], found["quarter of the labs"]
    assert (week["period_start"], week["period_end"], week["settled_usd"]) == (MIDDLE - DAY, MIDDLE + 6 * DAY, 3)
    assert week["of"] == "tenant=beta,feature=chat,feature=unattributed"
    assert (quarter["settled_usd"], quarter["amount_usd"]) == (19 * 7, Decimal("1000.5"))
    assert (quarter["days_left"], quarter["threshold_crossed"]) == (None, None)


def test_a_burn_alert_is_on_where_the_last_hours_went_faster_than_allowed(said: dict[str, Row]):
    even = 250 / 31
    (alert,) = said["all"]["burn_alerts"].split("; ")

    assert alert == f"48 h at {10 / even:.2f} times the even pace (limit 1.2)"
    assert said["chat of beta"]["burn_alerts"] is None


def test_hours_of_the_stream_are_told_apart_and_burn_too(own: Books):
    part = stretch(0, 1)
    told = usage(minute=MIDDLE + DAY / 4, tenant="beta", cost_usd="70")
    own.lake.commit(Flush(ranges=(part,), tables={"usage": {APP: rows("usage", told)}}))

    row = held(own, now=MIDDLE + DAY / 2)["all"]

    assert (row["settled_usd"], row["provisional_usd"], row["left_usd"], row["provisional"]) == (190, 70, -10, True)
    assert (row["days_left"], row["threshold_crossed"]) == (0, 100)
    assert row["burn_alerts"].count("48 h") == 2
    assert held(own, now=MIDDLE + DAY / 2, as_of_settlement=1)["all"]["provisional_usd"] is None


def test_with_too_little_history_the_pace_says_how_long_it_lasts(tmp_path: Path):
    books = Books(tmp_path, LEVELS)
    books.settle([line(FIRST + n * DAY, 20) for n in range(10)], FIRST + 10 * DAY)

    row = held(books, now=FIRST + 10 * DAY)["all"]

    assert (row["forecast_usd"], row["threshold_ahead"], row["history_days"], row["needed_days"]) == (
        None,
        None,
        10,
        14,
    )
    assert (row["days_left"], row["days_left_by"]) == (pytest.approx(2.5), "pace")


def test_a_tenant_sees_the_budgets_of_its_own(books: Books):
    assert list(held(books, scope=frozenset({"beta"}))) == ["chat of beta"]
    assert list(held(books, scope=frozenset({"acme"}))) == []


def test_a_budget_says_itself_what_it_is_of(books: Books):
    with pytest.raises(BadQuestion, match="where = 'tenant=acme': a budget says itself"):
        held(books, where="tenant=acme")


def test_the_command_reads_the_file_and_ends_well(
    own: Books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = own.directory / "budgets.toml"
    file.write_text(FILE.replace('{unit = "Labs"}', '{tenant = "acme"}'))
    monkeypatch.setenv("SPANLEDGER_LAKE", own.settings.url)
    monkeypatch.setenv("SPANLEDGER_SETTLE_BUDGETS", str(file))
    now = ["--param", f"now={MIDDLE.isoformat()}"]

    assert main(["report", "budgets", *now, "--format", "json"]) == 0
    assert [row["spent_usd"] for row in json.loads(capsys.readouterr().out)] == [
        "190.000000000000",
        "3.000000000000",
        "133.000000000000",
    ]
    for asked in (
        ["budgets"],
        ["forecast", "--by", "tenant"],
        ["variance", "--to", "2026-10-20", "--param", "against=budget"],
    ):
        assert main(["report", *asked]) == 0
        assert ("chat of beta" in capsys.readouterr().out) == (asked[0] != "forecast")
    assert main(["report", "variance", "--by", "tenant", "--from", "2026-10-01"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["total", "190.0000", "190.0000"]

    file.write_text("[[budgets]]\nname = 'x'\n")
    assert main(["report", "budgets"]) == 2
    assert f"{file}: budgets, 'x': " in capsys.readouterr().err
    monkeypatch.setenv("SPANLEDGER_SETTLE_BUDGETS", "")
    assert main(["report", "budgets"]) == 0
    assert "settle.budgets names no file" in capsys.readouterr().err


GOOD = "name = 'x'\nowner = 'o'\namount = '1'\n"
BUDGET = f"[[budgets]]\n{GOOD}"
LAUNCH = "[[launches]]\nname = 'x'\nfrom = 2026-10-01\n"


@pytest.mark.parametrize(
    ("text", "named", "allowed"),
    [
        ("[budget]", "has no 'budget'", "budgets, launches"),
        ("[budgets.x]", "budgets: must be tables", "[[budgets]]"),
        ("[[budgets]]\nowner = 'o'", "budgets, entry 1: name is missing", "text of one line"),
        (BUDGET + BUDGET, "budgets, entry 2: name = 'x'", "another entry"),
        (BUDGET + "colour = 'red'", "budgets, 'x': has no 'colour'", "name, of, period, amount, owner"),
        (BUDGET + "period = 'year'", "budgets, 'x': period = 'year'", "month, quarter, week"),
        ("[[budgets]]\nname = 'x'\nowner = 'o'", "budgets, 'x': amount is missing", 'like "1200.50"'),
        (BUDGET.replace("'1'", "1.5"), "amount = 1.5", "text like"),
        (BUDGET.replace("'1'", "'0'"), "amount = '0'", "above 0"),
        (BUDGET.replace("'1'", "'1e-13'"), "amount = '1e-13'", "12 decimals"),
        (BUDGET.replace("'1'", "'NaN'"), "amount = 'NaN'", "USD"),
        (BUDGET.replace("'1'", "'1e999999'"), "amount = '1e999999'", "USD"),
        ("[[budgets]]\nname = 'x'\namount = 5", "budgets, 'x': owner is missing", "text"),
        (BUDGET + "of = {colour = 'red'}", "budgets, 'x': of: no dimension 'colour'", "tenant, feature"),
        (BUDGET + "of = {tenant = 7}", "of.tenant = 7", "a name or a list of names"),
        (BUDGET + "of = {tenant = []}", "of.tenant = []", "a name or a list of names"),
        (BUDGET + "of = 'acme'", "budgets, 'x': of", "must be a table"),
        (BUDGET + "thresholds = 80", "thresholds = 80", "[50, 80, 100]"),
        (BUDGET + "thresholds = [0]", "thresholds = 0", "percent above 0 up to 1000"),
        (BUDGET + "burn_alerts = [3]", "burn_alerts, entry 1", "must be a table"),
        (BUDGET + "burn_alerts = [{hours = 0, rate = 2}]", "burn_alerts, entry 1: hours = 0", "above 0 up to 2208"),
        (BUDGET + "burn_alerts = [{hours = '1.5', rate = 2}]", "hours = '1.5'", "whole hours"),
        (BUDGET + "burn_alerts = [{hours = 5, rate = '0.9'}]", "rate = '0.9'", "must be 1 (the even pace) or more"),
        (BUDGET + "burn_alerts = [{hours = 5}]", "rate is missing", "times the even pace"),
        (BUDGET + "from = 2026-10-01T00:00:00Z", "from = datetime", "a day like 2026-12-01"),
        (BUDGET + "from = '2026-13-01'", "from = '2026-13-01'", "a day like 2026-12-01"),
        (BUDGET + "from = 2026-10-01\nto = 2026-10-01", "from = 2026-10-01", "before to"),
        ("[[launches]]\nname = 'x'\nfactor = 2", "launches, 'x': from is missing", "the first day"),
        (LAUNCH, "launches, 'x'", "factor or usd_per_day, one of them"),
        (LAUNCH + "factor = 2\nusd_per_day = 5", "launches, 'x'", "factor or usd_per_day, one of them"),
        (LAUNCH + "factor = -1", "factor = -1", "above 0 up to 1000"),
        (LAUNCH + "usd_per_day = 'much'", "usd_per_day = 'much'", "USD"),
        (LAUNCH + "factor = 2\namount = 3", "launches, 'x': has no 'amount'", "factor, usd_per_day"),
    ],
)
def test_a_bad_file_is_refused_by_the_entry_and_what_is_allowed(text: str, named: str, allowed: str, tmp_path: Path):
    file = tmp_path / "budgets.toml"
    file.write_text(text)

    with pytest.raises(BadPlans) as refused:
        read_plans(str(file))

    assert str(file) in str(refused.value)
    assert named in str(refused.value)
    assert allowed in str(refused.value)


def test_a_file_that_is_none_is_refused_and_no_file_says_nothing(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("x =")

    assert read_plans("") == Plans()
    for name, why in (("none.toml", "cannot be read"), ("bad.toml", "is not TOML")):
        with pytest.raises(BadPlans, match=why):
            read_plans(str(tmp_path / name))


def test_the_file_of_the_manual_can_be_read():
    manual = Path(__file__).parents[2].joinpath("docs/finance.md").read_text(encoding="utf-8")
    text = next(block for block in manual.split("```") if "[[budgets]]" in block)

    said = parse_plans(tomllib.loads(text))

    assert said.budgets
    assert said.launches
