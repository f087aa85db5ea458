"""Shared costs: whatever the rule, the parts add up to the picodollar; a file that cannot be is refused by name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.settling import HOW, World
from tests.warehouse.told import START, span
from warehouse.allocation import charge_back, read_dimensions
from warehouse.allocation.chargeback import shares_of
from warehouse.allocation.file import BASES, RULES, Dimensions, Rule, parse_dimensions_file
from warehouse.allocation.shares import split
from warehouse.errors import BadDimensions, BadQuestion
from warehouse.questions.dimensions import filter_sql
from warehouse.reader import ALL, Scope, Warehouse

NOVEMBER = dt.date(2026, 11, 1)
USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
COST = Decimal("0.0035")
NAMES = st.text("abcdef", min_size=1, max_size=3)
AMOUNTS = st.integers(-(10**24), 10**24)


@given(AMOUNTS, st.dictionaries(NAMES, st.integers(-(10**20), 10**30), max_size=8))
def test_parts_add_up_to_the_whole_and_none_is_off_by_more_than_one(total: int, weights: dict[str, int]):
    parts = split(total, weights)

    above = {name: weight for name, weight in weights.items() if weight > 0}
    assert parts.keys() == above.keys()
    assert not parts or sum(parts.values()) == total
    whole = sum(above.values())
    assert all(abs(part * whole - total * above[name]) < whole for name, part in parts.items())


@given(AMOUNTS, st.dictionaries(NAMES, st.integers(1, 10**12), min_size=1, max_size=8))
def test_who_has_more_weight_bears_no_less(total: int, weights: dict[str, int]):
    parts = split(abs(total), weights)

    ordered = sorted(weights, key=lambda name: (weights[name], parts[name]))
    assert [parts[name] for name in ordered] == sorted(parts.values())


SUMS = st.fixed_dictionaries(
    {"unattributed": AMOUNTS, "cost": AMOUNTS, "calls": st.integers(-5, 10**6), "tokens": st.integers(-5, 10**12)}
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=4))
    cuts = sorted(draw(st.lists(st.integers(0, 10**8), min_size=len(names) - 1, max_size=len(names) - 1)))
    sizes = [high - low for low, high in zip([0, *cuts], [*cuts, 10**8], strict=True)]
    rule = draw(st.sampled_from(RULES))
    return Rule(
        name="it",
        to="tenant",
        rule=rule,
        base=draw(st.sampled_from(BASES)),
        months=draw(st.none() | st.just({NOVEMBER: draw(AMOUNTS)})),
        parts=dict(zip(names, sizes, strict=True)) if rule == "fixed" else {},
    )


@given(rules(), st.dictionaries(st.none() | NAMES, SUMS, max_size=6))
def test_any_rule_shares_amounts_as_a_whole_and_moves_what_nobody_bore_without_a_rest(rule: Rule, bearers: Any):
    shares = shares_of(rule, NOVEMBER, bearers)

    assert sum(picos for _, picos in shares) == (rule.months[NOVEMBER] if rule.months else 0)


FILE = """
[levels.business_unit]
over = "tenant"
holds.Retail = ["acme", "beta"]
holds.Labs = ["gamma"]

[levels.cost_centre]
over = "business_unit"
holds."CC-1" = ["Retail"]
holds."CC-9" = ["Labs", "unattributed"]

[[allocations]]
name = "platform"
months = {2026-11 = "100.00", 2026-12 = "7"}
rule = "proportional"
by = "calls"

[[allocations]]
name = "unknown callers"
share = "unattributed"
rule = "even"

[[allocations]]
name = "GPU idle"
months = {2026-11 = "0.01"}
to = "business_unit"
rule = "fixed"
parts = {Retail = "66.6", Labs = "33.4"}
"""


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Calls of three tenants and of nobody, one of them late."""
    world = World(tmp_path_factory.mktemp("lake"))
    world.flush(
        [
            span("a", trace="a", tenant="acme", feature="chat", **USED),
            span("b", trace="b", tenant="beta", **USED),
            span("c", trace="c", tenant="gamma", **USED),
            span("d", trace="d", **USED),
        ]
    )
    world.settle()
    world.flush([span("e", trace="e", tenant="acme", feature="chat", **USED)])
    world.settle()
    return world


def said(text: str = FILE) -> Dimensions:
    return parse_dimensions_file(tomllib.loads(text))


def charge(world: World, scope: Scope = ALL, **params: object) -> list[dict[str, Any]]:
    """The lines of statements under FILE."""
    snapshot = Warehouse(world.settings, said().levels).snapshot()
    lines: list[dict[str, Any]] = charge_back(snapshot, scope, said(), **params).to_pylist()
    return lines


def sums(lines: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], Decimal]:
    found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        found[tuple(line[name] for name in names)] += line["cost_usd"]
    return dict(found)


def test_a_statement_has_direct_adjusted_and_allocated_lines(settled: World):
    own = [line for line in charge(settled, start=NOVEMBER, end=dt.date(2026, 12, 1)) if line["tenant"] == "acme"]

    names = ("line", "rule", "entry", "settlement", "feature", "model", "calls", "cost_usd")
    assert [tuple(line[name] for name in names) for line in own] == [
        ("direct", None, None, None, "chat", "gpt-4o", 1, COST),
        ("adjustment", None, "late", 2, "chat", "gpt-4o", 1, COST),
        ("allocated", "platform", None, None, None, None, None, Decimal(50)),
        ("allocated", "unknown callers", None, None, None, None, None, Decimal("0.001166666667")),
    ]


@pytest.mark.parametrize("by", ["tenant", "business_unit", "cost_centre", "feature", "service"])
def test_statements_add_up_to_the_ledger_and_what_is_shared(by: str, settled: World):
    lines = charge(settled, by=by)

    assert sums(lines, "period") == {
        (NOVEMBER,): 5 * COST + Decimal("100.01"),
        (dt.date(2026, 12, 1),): Decimal(7),
    }


def test_shares_of_tenants_stand_on_the_statements_of_their_cost_centre(settled: World):
    told = sums(
        [line for line in charge(settled, by="cost_centre") if line["line"] == "allocated"], "cost_centre", "rule"
    )

    assert told["CC-1", "platform"] == 75
    assert told["CC-9", "platform"] == 25
    assert told[None, "platform"] == 7  # nobody was there in December
    assert told["CC-1", "unknown callers"] == -told["CC-9", "unknown callers"] == Decimal("0.002333333334")
    assert told["CC-1", "GPU idle"] == Decimal("0.00666")


def test_what_leads_to_nobody_stays_visible(settled: World):
    told = sums([line for line in charge(settled) if line["line"] == "allocated"], "tenant", "rule", "period")

    assert told[None, "GPU idle", NOVEMBER] == Decimal("0.01")
    assert told[None, "platform", dt.date(2026, 12, 1)] == 7


@pytest.mark.parametrize("by", ["tenant", "business_unit", "cost_centre", "feature"])
def test_what_is_left_visible_is_nobodys_whoever_holds_calls_without_a_tenant(by: str, settled: World):
    levels = """
[levels.business_unit]
over = "tenant"
holds.Labs = ["gamma", "unattributed"]

[levels.cost_centre]
over = "business_unit"
holds."CC-9" = ["Labs", "unattributed"]
"""
    plans = said(levels + '[[allocations]]\nname = "idle"\nmonths = {2026-11 = "5"}\nrule = "visible"\n')
    snapshot = Warehouse(settled.settings, plans.levels).snapshot()

    lines = charge_back(snapshot, ALL, plans, by=by).to_pylist()

    assert sums([line for line in lines if line["line"] == "allocated"], by) == {(None,): Decimal(5)}
    assert sums(lines, "period")[NOVEMBER,] == 5 * COST + 5


def test_what_calls_without_a_tenant_cost_is_shared_whoever_bears_it(settled: World):
    """Of four calls and a late one, beta's is of no unit and one of no tenant."""
    levels = '[levels.unit]\nover = "tenant"\nholds.Retail = ["acme"]\nholds.Labs = ["gamma", "unattributed"]\n'

    def shared(to: str, by: str) -> dict[tuple[Any, ...], Decimal]:
        plans = said(levels + f'[[allocations]]\nname = "x"\nshare = "unattributed"\nrule = "even"\nto = "{to}"\n')
        snapshot = Warehouse(settled.settings, plans.levels).snapshot()
        return sums(
            [line for line in charge_back(snapshot, ALL, plans, by=by).to_pylist() if line["line"] == "allocated"], by
        )

    assert shared("unit", "unit") == {("Retail",): COST / 2, ("Labs",): -COST / 2}  # Labs bore all of it
    assert shared("unit", "tenant") == {}  # which of Retail's tenants bears it is not said
    assert shared("feature", "feature") == {("chat",): COST, (None,): -COST}
    assert shared("model", "model") == {}  # the one that they went to takes over its own
    third = (COST / 3).quantize(Decimal("1e-12"))
    assert abs(shared("tenant", "unit")["Retail",] - third) <= Decimal("1e-12")


def test_what_changes_of_a_closed_month_moves_no_share_of_the_next_one(tmp_path: Path):
    world = World(tmp_path)
    december = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    after = (december - START).total_seconds() * 1000
    calls = [span(name, trace=name, tenant=name, **USED) for name in ("acme", "beta")]
    world.flush([*calls, *(span(f"{n}{n}", trace=f"{n}{n}", tenant=n, at=after, **USED) for n in ("acme", "beta"))])
    world.settle(now=december + dt.timedelta(hours=5))
    how = dataclasses.replace(HOW, lookback_days=60)
    world.close(NOVEMBER, december, how)
    before = shares_in(world, december.date())
    world.flush([span(f"l{n}", trace=f"l{n}", tenant="acme", **USED) for n in range(5)], partition=1)
    world.settle(now=december + dt.timedelta(hours=9), how=how)

    late = [line for line in charge(world) if line["line"] == "adjustment"]

    assert [(line["tenant"], line["period"], line["corrects"]) for line in late] == [
        ("acme", december.date(), NOVEMBER)
    ]
    assert shares_in(world, december.date()) == before == {("acme",): Decimal("3.5"), ("beta",): Decimal("3.5")}


def shares_in(world: World, month: dt.date) -> dict[tuple[Any, ...], Decimal]:
    return sums([line for line in charge(world, start=month) if line["rule"] == "platform"], "tenant")


def test_a_tenant_sees_its_own_share_of_the_whole_and_nobody_elses(settled: World):
    own = charge(settled, frozenset({"beta"}))

    assert {line["tenant"] for line in own} == {"beta"}
    assert sums(own, "rule")["platform",] == 25
    assert sums(charge(settled, frozenset({"beta"}), by="cost_centre"), "cost_centre", "rule")["CC-1", "platform"] == 25


def test_statements_as_of_a_settlement_are_those_that_were_written_then(settled: World):
    then = charge(settled, as_of_settlement=1)

    assert not [line for line in then if line["line"] == "adjustment"]
    assert sums(then, "tenant", "rule")["acme", "platform"] == Decimal("33.333333333334")


def test_levels_group_any_question_that_knows_their_dimension(settled: World):
    warehouse = Warehouse(settled.settings, said().levels)

    spend = warehouse.ask("spend", ALL, by="business_unit").to_pylist()
    units = warehouse.ask("cost-per-successful-task", ALL, by="cost_centre", where="business_unit=Retail").to_pylist()

    assert {row["business_unit"]: row["calls"] for row in spend} == {"Retail": 3, "Labs": 1, None: 1}
    assert [(row["cost_centre"], row["tasks"], row["cost_usd"]) for row in units] == [("CC-1", 3, 3 * COST)]
    own = warehouse.ask("spend", frozenset({"acme"}), by="cost_centre", where="business_unit=Retail").to_pylist()
    assert [(row["cost_centre"], row["calls"]) for row in own] == [("CC-1", 2)]
    with pytest.raises(BadQuestion, match="no dimension 'cost_centre'"):
        Warehouse(settled.settings).ask("spend", ALL, by="cost_centre")


def test_statements_are_made_by_one_dimension(settled: World):
    with pytest.raises(BadQuestion, match="one dimension"):
        charge(settled, by="tenant,feature")


RULE = '[[allocations]]\nname = "x"\n'
LEVEL = "[levels.unit]\n"
NOBODY = "share = 'unattributed'\nrule = 'even'\n"


@pytest.mark.parametrize(
    ("text", "named", "allowed"),
    [
        ("[level.x]", "has no 'level'", "levels, allocations"),
        ('[levels.Unit]\nover = "tenant"\nholds.A = ["a"]', "levels.Unit", "small letters"),
        ('[levels.feature]\nover = "tenant"\nholds.A = ["a"]', "levels.feature", "no column"),
        (LEVEL + 'over = "tenannt"\nholds.A = ["a"]', "levels.unit: over = 'tenannt'", "tenant, feature"),
        (LEVEL + 'over = "unit"\nholds.A = ["a"]', "levels.unit", "stands on itself"),
        (LEVEL + 'over = "tenant"', "levels.unit.holds", "is missing"),
        (LEVEL + 'over = "tenant"\nholds.A = "a"', "levels.unit.holds.A = 'a'", "list of names"),
        (LEVEL + 'over = "tenant"\nholds.A = ["a"]\nholds.B = ["a"]', "'a' stands under 'A' and under 'B'", ""),
        (LEVEL + 'over = "tenant"\nhold.A = ["a"]', "has no 'hold'", "over, holds"),
        ("allocations = 3", "allocations", "[[allocations]]"),
        ("[[allocations]]\nrule = 'even'", "entry 1: name", "must be a name"),
        (RULE + "rule = 'fair'\nmonths = {}", "'x': rule = 'fair'", "even, proportional, fixed, visible"),
        (RULE + "rule = 'even'\nmonths = {2026-13 = '1'}", "'2026-13'", "a month like 2026-11"),
        (RULE + "rule = 'even'\nmonths = {2026-11 = 1.5}", "months.2026-11 = 1.5", "text like"),
        (RULE + "rule = 'even'\nmonths = {2026-11 = '1e-13'}", "months.2026-11", "12 decimals"),
        (RULE + "rule = 'even'\nmonths = {2026-11 = 'NaN'}", "months.2026-11", "must be USD"),
        (RULE + "rule = 'even'", "'x': months", "is missing"),
        (RULE + "rule = 'even'\nby = 'cost'\nmonths = {}", "by belongs to", "proportional"),
        (RULE + "rule = 'proportional'\nby = 'size'\nmonths = {}", "by = 'size'", "cost, calls, tokens"),
        (RULE + "rule = 'fixed'\nmonths = {}\nparts = {a = 60, b = 30}", "parts add up to 90", "must be 100"),
        (RULE + "rule = 'fixed'\nmonths = {}\nparts = {a = 120, b = -20}", "parts.a = 120", "0 to 100"),
        (RULE + "rule = 'fixed'\nmonths = {}\nparts = {unattributed = 100}", "parts.unattributed", "borne by somebody"),
        (RULE + "rule = 'even'\nto = 'nobody'\nmonths = {}", "to = 'nobody'", "tenant, feature"),
        (RULE + "rule = 'even'\nshare = 'unattributed'\nmonths = {}", "months belongs to", "amounts"),
        (RULE + "rule = 'even'\nmonths = {}\n" + RULE + "rule = 'even'\nmonths = {}", "entry 2: name = 'x'", "another"),
        (
            f"{RULE}{NOBODY}[[allocations]]\nname = 'y'\n{NOBODY}",
            "'y'",
            "shares unattributed already",
        ),
    ],
)
def test_a_bad_file_is_refused_by_the_entry_and_what_is_allowed(text: str, named: str, allowed: str, tmp_path: Path):
    file = tmp_path / "dims.toml"
    file.write_text(text)

    with pytest.raises(BadDimensions) as refused:
        read_dimensions(str(file))

    assert str(file) in str(refused.value)
    assert named in str(refused.value)
    assert allowed in str(refused.value)


def test_a_file_that_is_none_is_refused_and_no_file_says_nothing(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("x =")

    assert read_dimensions("") == Dimensions()
    for name, why in (("none.toml", "cannot be read"), ("bad.toml", "is not TOML")):
        with pytest.raises(BadDimensions, match=why):
            read_dimensions(str(tmp_path / name))


@settings(max_examples=30)
@given(st.dictionaries(st.none() | NAMES, NAMES, max_size=6), st.none() | NAMES)
def test_a_level_says_the_same_in_sql_and_in_python(members: dict[str | None, str], value: str | None):
    import duckdb

    holds = {name: frozenset(key for key, one in members.items() if one == name) for name in set(members.values())}
    text = {name: ["unattributed" if key is None else key for key in keys] for name, keys in holds.items()}
    upper = {"Up": ["a", "b"], "Down": ["c", "unattributed"]}
    file = {"levels": {"unit": {"over": "tenant", "holds": text}, "upper": {"over": "unit", "holds": upper}}}

    for level in parse_dimensions_file(file).levels:
        tenants = duckdb.sql("SELECT $tenant::VARCHAR AS tenant", params={"tenant": value})
        found = level.of("tenant", value)
        assert tenants.project(level.sql()).fetchall() == [(found,)]
        for asked in ("Up", "Down", "a", None):
            assert tenants.filter(filter_sql(((level.name, frozenset({asked})),), [level])).fetchall() == (
                [(value,)] if asked == found else []
            )
