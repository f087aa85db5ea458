"""Prices that rose, and what is paid at other prices by habit."""

from __future__ import annotations

import numpy as np

from alerts.signals.unit_prices import UnitPrices

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
