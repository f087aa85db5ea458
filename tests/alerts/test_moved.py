"""Traffic that moves inside a feature: nothing odd where the feature as a whole is as at this hour of the week."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerts.backtest import as_line, backtest
from alerts.signals.parents import Parents
from tests.alerts.histories import DAY, HOUR, rate, usage_of

DAYS = 11
WEDNESDAY = 9 * DAY + 10 * HOUR
CALLS = 40.0
OLD = ("acme", "chat", "swift", "old")
BESIDE = ("globex", "search", "swift", "app")
Rates = np.ndarray[tuple[int], np.dtype[np.float64]]


def office() -> Rates:
    """Monday to Friday from 8 to 18."""
    minutes = np.arange(DAYS * DAY)
    hour, weekday = minutes // HOUR % 24, minutes // DAY % 7
    return np.where((weekday < 5) & (hour >= 8) & (hour < 18), CALLS, CALLS / 50)


def told(usage: dict[tuple[str, ...], Rates]) -> list[Any]:
    """Lines from Wednesday on; the first morning of all is one too."""
    lines = [as_line(one) for one in backtest(usage_of({**usage, BESIDE: rate(DAYS)}), budget=0.5, least_usd=1.0)]
    return [line for line in lines if line["opened_at"] >= "2026-03-11"]


@pytest.mark.long
@pytest.mark.parametrize(
    "new",
    [("acme", "chat", "swift", "new"), ("acme", "chat", "swift 2", "old")],
    ids=["a key is rotated", "a model's next version"],
)
def test_what_moves_in_office_hours_is_nothing_odd_that_day_or_the_next(new: tuple[str, ...]) -> None:
    moved = np.arange(DAYS * DAY) >= WEDNESDAY

    assert not told({OLD: np.where(moved, 0, office()), new: np.where(moved, office(), 0)})


@pytest.mark.long
def test_a_key_that_comes_beside_them_in_office_hours_is_told_within_minutes() -> None:
    stolen = np.where(np.arange(DAYS * DAY) >= WEDNESDAY, office(), 0)

    [one, *_] = told({OLD: office(), ("acme", "chat", "swift", "stolen"): stolen})

    assert (one["tenant"], one["principal"]) == ("acme", "stolen")
    assert "2026-03-11T10:00" <= one["opened_at"] < "2026-03-11T10:30"


def test_expected_is_the_same_hour_a_week_ago_and_no_less_than_the_mean_of_the_week() -> None:
    parents, minutes = Parents(), np.arange(DAYS * DAY)
    monday = np.where(minutes // DAY % 7 == 0, 7.0, 0.0)  # one series of Mondays, one of all days
    parents.grow(2)
    expected = {}
    for minute in minutes.tolist():
        if minute % HOUR == 0:
            parents.begin_hour(minute // HOUR, minute / DAY)
        parents.push(minute, np.array([monday[minute], 2.0]))
        expected[minute] = parents.rate
        if minute % HOUR == HOUR - 1:
            parents.end_hour(minute // HOUR)

    assert expected[7 * DAY + 12 * HOUR] == pytest.approx([7, 2])
    assert expected[8 * DAY + 12 * HOUR] == pytest.approx([1, 2])
