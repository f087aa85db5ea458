"""Prices that rose, and what is paid at other prices by habit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from alerts.incidents import OPENED, UPDATED
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.minutes import to_time
from alerts.settings import AlertSettings
from alerts.signals.rises import rise_of, window_of_rise
from alerts.signals.unit_prices import UnitPrices
from tests.alerts.workload import FIRST, Spent, usage_table

HOUR, DAY = 60, 1440
RATES = np.array([2.0, 0.2, 10.0])  # USD per million: fresh, cached, output


def scores(days: int, factor: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Of each minute of one model, whose prices are so many times RATES."""
    dice, prices, found = np.random.default_rng(2), UnitPrices(), []
    prices.grow(1)
    one = np.zeros(1, np.int64)
    for minute in range(days * DAY):
        if minute % HOUR == 0 and minute:
            prices.end_hour()
        tokens = dice.uniform(500, 1500, (3, 1))
        prices.push(minute, tokens, (RATES @ tokens) * 1e-6 * factor[minute])
        found.append(float(prices.scores(one, 1)[0]))
    return found


def test_a_tier_of_half_the_price_at_night_is_no_price_that_rose_in_the_morning():
    hours = np.arange(6 * DAY) // HOUR % 24

    told = scores(6, np.where(hours < 6, 0.5, 1.0))

    assert max(told[2 * DAY :]) < 0.02


def test_a_price_that_rose_is_told_at_once_also_where_nights_are_cheap():
    minutes = np.arange(6 * DAY)
    rose = np.where(minutes >= 4 * DAY + 15 * HOUR, 1.1, 1.0)

    told = scores(6, np.where(minutes // HOUR % 24 < 6, 0.5, 1.0) * rose)

    assert max(told[2 * DAY : 4 * DAY + 15 * HOUR]) < 0.02
    assert 0.09 < max(told[4 * DAY + 15 * HOUR : 4 * DAY + 16 * HOUR]) < 0.11


def test_a_rise_is_that_of_the_last_minute_while_it_is_young_and_then_of_five():
    young = rise_of(0.07, (1.4, 1.0), (5.4, 5.0), (15.4, 15.0))
    older = rise_of(0.2, (1.5, 1.0), (7.0, 5.0), (18.2, 15.0))
    nothing_now = rise_of(0.2, (0.0, 0.0), (0.0, 0.0), (18.2, 15.0))

    assert (young, older, nothing_now) == (pytest.approx(0.4), pytest.approx(0.4), 0.2)


def test_the_window_that_is_told_is_the_shortest_that_holds_the_change():
    before = [(5.0, 5.0), (15.0, 15.0), (60.0, 60.0), (360.0, 360.0)]

    def dearer_for(minutes: int) -> int:
        return window_of_rise([(paid + 0.4 * min(minutes, paid), due) for paid, due in before])

    assert [dearer_for(minutes) for minutes in (1, 15, 16, 40, 60, 90, 400)] == [15, 15, 15, 60, 60, 360, 360]


def told_of(times: float, percent: float) -> list[Mapping[str, Any]]:
    """Events of a worker's looks, one each five minutes, for two hours; 0.1 USD a minute, dearer from the first on."""
    change = FIRST + 10 * HOUR
    spent = [
        Spent(minute=minute, usd=0.1 * (times if minute >= change else 1), calls=10)
        for minute in range(FIRST, change + 2 * HOUR)
    ]
    ledger, events = MemoryLedger(), []
    ledger.add_usage(usage_table(spent[: 10 * HOUR]))
    one = Lookout(AlertSettings(min_excess_usd=0.5, min_excess_percent=percent, health=False), ledger, ())
    one.step(to_time(change))
    for begin in range(10 * HOUR, len(spent), 5):
        ledger.add_usage(usage_table(spent[begin : begin + 5]))
        events += one.step(to_time(FIRST + begin + 5)).events
    return events


@pytest.mark.parametrize(("times", "minutes"), [(1.1, 50), (1.4, 13), (2.0, 5)])
def test_a_price_is_held_against_what_it_rose_by_and_not_against_hours_before_it(times: float, minutes: int):
    opened = next(one for one in told_of(times, 5.0) if one["event"] == OPENED)

    assert opened["opened_at"] == to_time(FIRST + 10 * HOUR + minutes - 1).isoformat().replace("+00:00", "Z")
    assert opened["opened_at"] == next(one for one in told_of(times, 0.0) if one["event"] == OPENED)["opened_at"]
    assert f"; paid {round(100 * times - 100)} % more per token than before; " in opened["summary"]


def test_a_price_that_rose_by_less_than_the_gate_is_not_told():
    assert told_of(1.4, 50.0) == []


def test_a_price_is_told_in_amounts_of_a_window_that_holds_the_change():
    opened, *others = told_of(1.4, 5.0)

    assert opened["summary"] == (
        "provider unattributed, model gpt-4o: $2.30 in 17 min, expected $1.70 (+$0.60, $2.12/h); "
        "paid 40 % more per token than before; 100 % from tenant acme, principal key-1"
    )
    assert {one["event"] for one in others} == {UPDATED}
    rises = [int(re.findall(r"; paid (\d+) % more per token than before; ", one["summary"])[0]) for one in others]
    assert all(33 <= rise <= 40 for rise in rises)  # hour by hour what is paid is learnt
