"""What a backtest tells: each incident once, its scope and who contributes; nothing announced, nothing looked ahead."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alerts.backtest import LEAST_USD, as_line, backtest
from alerts.calendar import Event, parse_calendar
from alerts.errors import BadCalendar, BadUsage
from alerts.signals.bars import LEAST_BUDGET, MOST_BUDGET, bars_for
from alerts.usage_file import COLUMNS, COUNTS, read_usage
from tests.alerts.histories import BEGINS, DAY, HOUR, USD_PER_CALL, rate, usage_of

DAYS = 10
NOON = 9 * DAY + 12 * HOUR
SPIKING = ("acme", "search", "swift", "app")
QUIET = ("acme", "mail", "swift", "app 2")
OTHER = ("globex", "search", "swift", "app")
STOLEN = ("globex", None, "verse", "stolen key")


def spiking(times: float = 6.0, lasts: int = 40) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    calls = rate(DAYS)
    calls[NOON : NOON + lasts] *= times
    return calls


@pytest.fixture(scope="module")
def usage() -> pa.Table:
    stolen = rate(DAYS, 0.0)
    stolen[NOON + 2 * HOUR :] = 5.0
    return usage_of({SPIKING: spiking(), QUIET: rate(DAYS), OTHER: rate(DAYS), STOLEN: stolen})


@pytest.fixture(scope="module")
def lines(usage: pa.Table) -> list[Any]:
    return [as_line(episode) for episode in backtest(usage, budget=0.1)]


def minutes_after_noon(line: Any) -> float:
    return (datetime.fromisoformat(line["opened_at"]) - BEGINS) / timedelta(minutes=1) - NOON


def test_each_incident_is_told_once_within_minutes_by_its_scope(lines: list[Any]) -> None:
    assert [(one["tenant"], one["feature"], one["model"], one["principal"]) for one in lines] == [SPIKING, STOLEN]
    assert 0 <= minutes_after_noon(lines[0]) <= 10
    assert 0 <= minutes_after_noon(lines[1]) - 2 * HOUR <= 25


def test_amounts_are_of_the_window_and_contributors_add_up(lines: list[Any]) -> None:
    for one in lines:
        assert one["excess_usd"] == pytest.approx(one["observed_usd"] - one["expected_usd"], abs=2e-6)
        assert sum(part["share"] for part in one["contributors"]) == pytest.approx(1, abs=0.05)
    per_minute = 6 * USD_PER_CALL
    assert lines[0]["expected_usd"] == pytest.approx(5 * per_minute, rel=0.3)
    assert lines[1]["expected_usd"] == 0


def test_it_is_resolved_when_it_has_been_quiet_for_hours(lines: list[Any]) -> None:
    assert lines[0]["opened_at"] < lines[0]["resolved_at"] < _at(NOON + 2 * HOUR)
    assert lines[1]["resolved_at"] is None


@pytest.mark.long
@pytest.mark.parametrize("begins", [NOON + 2, NOON + 32])
def test_a_stolen_key_is_not_over_before_it_is(begins: int) -> None:
    ends = begins + 5 * HOUR
    stolen = rate(DAYS, 0.0)
    stolen[begins:ends] = 300.0

    (line,) = (as_line(one) for one in backtest(usage_of({SPIKING: rate(DAYS), STOLEN: stolen}), budget=0.5))

    assert _at(ends) <= line["resolved_at"] <= _at(ends + 2 * HOUR)


@pytest.mark.long
def test_what_was_told_does_not_depend_on_what_came_later(usage: pa.Table, lines: list[Any]) -> None:
    until = BEGINS + timedelta(minutes=NOON + 30)
    before = usage.filter(pc.less(usage["minute"], pa.scalar(until, usage.schema.field("minute").type)))

    [again] = [as_line(episode) for episode in backtest(before, budget=0.1)]

    assert {**again, "resolved_at": None} == {**lines[0], "resolved_at": None}


@pytest.mark.long
def test_rows_may_come_in_any_order_and_in_parts(usage: pa.Table, lines: list[Any]) -> None:
    order = np.random.default_rng(1).permutation(usage.num_rows)
    halves = pa.concat_tables([_halved(usage), _halved(usage)]).take(np.concatenate([order, order + usage.num_rows]))

    assert [as_line(episode) for episode in backtest(halves, budget=0.1)] == lines


def _halved(usage: pa.Table) -> pa.Table:
    for name in COUNTS:
        index = usage.schema.get_field_index(name)
        usage = usage.set_column(index, name, pc.divide(usage[name].cast(pa.float64()), 2.0))
    return usage


@pytest.mark.long
def test_an_announced_spike_is_not_told_and_another_one_is(usage: pa.Table) -> None:
    event = {"kind": "campaign", "starts_at": _at(NOON), "ends_at": _at(NOON + HOUR), "tenant": "acme"}
    named = [as_line(episode) for episode in backtest(usage, _events(event), budget=0.1)]
    other = [
        as_line(episode) for episode in backtest(usage, _events(event | {"feature": "something else"}), budget=0.1)
    ]

    ended = [as_line(episode) for episode in backtest(usage, _events(event | {"kind": "decommission"}), budget=0.1)]

    assert [one["tenant"] for one in named] == ["globex"]
    assert ended == other
    assert [one["tenant"] for one in other] == ["acme", "globex"]


def _at(minute: int) -> str:
    return (BEGINS + timedelta(minutes=minute)).isoformat()


def _events(*entries: dict[str, str]) -> tuple[Event, ...]:
    return parse_calendar({"event": list(entries)})


@pytest.mark.long
def test_several_features_of_one_key_are_one_incident_of_the_key() -> None:
    keys = {("acme", feature, "swift", "one key"): spiking() for feature in ("a", "b", "c")}

    [one] = [as_line(episode) for episode in backtest(usage_of({**keys, OTHER: rate(DAYS)}), budget=0.1)]

    assert (one["tenant"], one["feature"], one["principal"]) == ("acme", None, "one key")
    assert {part["feature"] for part in one["contributors"]} == {"a", "b", "c"}


@pytest.mark.long
def test_who_tells_of_a_price_names_the_model_and_its_tenants(usage: pa.Table) -> None:
    dearer = pc.and_(
        pc.greater_equal(usage["minute"], pa.scalar(BEGINS + timedelta(minutes=NOON + 5 * HOUR), usage["minute"].type)),
        pc.equal(usage["model"], "swift"),
    )
    cost = pc.if_else(dearer, pc.multiply(usage["cost_usd"], 1.5), usage["cost_usd"])
    changed = usage.set_column(usage.schema.get_field_index("cost_usd"), "cost_usd", cost)

    [one] = [line for line in map(as_line, backtest(changed, budget=0.1)) if line["signal"] == "unit_price"]

    assert (one["tenant"], one["model"]) == (None, "swift")
    assert {part["tenant"] for part in one["contributors"]} == {"acme", "globex"}
    assert one["excess_usd"] == pytest.approx(LEAST_USD, rel=0.3)  # told at once when it is worth it
    assert one["expected_usd"] == pytest.approx(15 * 3 * 6 * USD_PER_CALL, rel=0.2)  # of the quarter that holds it


def test_a_smaller_budget_has_higher_bars() -> None:
    budgets = [LEAST_BUDGET, 0.1, 0.5, 1.0, MOST_BUDGET]

    for seldom, often in itertools.pairwise(budgets):
        assert all(bars_for(seldom)[key] >= bar for key, bar in bars_for(often).items())
        assert bars_for(seldom) != bars_for(often)


def test_nothing_used_is_nothing_told(usage: pa.Table) -> None:
    assert backtest(usage.slice(0, 0)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda usage: usage.drop_columns(["model", "calls"]), "lacks model, calls"),
        (lambda usage: _with(usage, "minute", usage["minute"].cast(pa.int64())), "minute is Int64"),
        (lambda usage: _with(usage, "tenant", usage["calls"]), "tenant is Int64"),
        (lambda usage: _with(usage, "calls", usage["tenant"]), "calls is String"),
        (lambda usage: _with(usage, "cost_usd", pc.negate(usage["cost_usd"])), "cost_usd has values that are below 0"),
        (lambda usage: _with(usage, "cost_usd", pc.multiply(usage["cost_usd"], float("nan"))), "no finite numbers"),
        (lambda usage: pa.concat_tables([usage, _a_year_later(usage)]), "a backtest takes 400 days at most"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_what_is_wrong(
    change: Any, said: str, usage: pa.Table, tmp_path: Path
) -> None:
    path = tmp_path / "usage.parquet"
    pq.write_table(change(usage.slice(0, 100)), path)

    with pytest.raises(BadUsage) as refused:
        read_usage(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def _a_year_later(usage: pa.Table) -> pa.Table:
    later = pc.add(usage["minute"], pa.scalar(timedelta(days=500)))
    return _with(usage, "minute", later.cast(usage["minute"].type))


def _with(usage: pa.Table, name: str, column: Any) -> pa.Table:
    return usage.set_column(usage.schema.get_field_index(name), name, column)


@pytest.mark.long
def test_columns_beyond_those_are_left_and_unknown_costs_are_none(usage: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "usage.parquet"
    nulls = _with(usage, "cost_usd", pa.nulls(usage.num_rows, pa.float64())).append_column("note", usage["tenant"])
    pq.write_table(nulls, path)

    assert read_usage(path).column_names == list(COLUMNS)
    assert backtest(read_usage(path)) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "starts_at = None"),
        ({"starts_at": "yesterday"}, "starts_at = 'yesterday'"),
        ({"starts_at": "2026-03-11T00:00:00"}, "with its zone"),
        ({"starts_at": _at(2), "ends_at": _at(1)}, "ends_at must be after starts_at"),
        ({"starts_at": _at(1), "ends_at": _at(2)}, "kind is missing"),
        ({"starts_at": _at(1), "ends_at": _at(2), "kind": "launch"}, "must name at least one of tenant"),
        ({"starts_at": _at(1), "ends_at": _at(2), "kind": "launch", "tenant": 3}, "tenant = 3: must be text"),
        ({"starts_at": _at(1), "ends_at": _at(2), "kind": "launch", "team": "x"}, "has no 'team'"),
    ],
)
def test_an_entry_of_the_calendar_is_refused_by_what_is_wrong(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadCalendar) as refused:
        parse_calendar({"event": [entry]})

    assert "event 1" in str(refused.value)
    assert said in str(refused.value)


def test_other_tables_of_the_calendar_are_refused() -> None:
    with pytest.raises(BadCalendar):
        parse_calendar({"events": []})
