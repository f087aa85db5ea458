"""The first two days: a series is compared with itself as soon as it can be, a new one with its kin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from alerts.backtest import backtest
from alerts.signals.episode import Episode
from tests.alerts.histories import HOUR, rate, usage_of

APP = ("acme", "search", "swift", "app")
BATCH = ("acme", "search", "swift", "batch")
HOURS = 24


def told(series: dict[tuple[str, str, str, str], np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Sequence[Episode]:
    return backtest(usage_of(series), budget=0.5)


def steady(hours: float = HOURS, calls: float = 6.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return rate(hours / 24, calls)


def with_spike(at_hour: float, times: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    calls = steady()
    calls[round(at_hour * HOUR) :] *= times
    return calls


@pytest.mark.parametrize("at_hour", [2.5, 12.2, 23.4])
def test_ten_times_as_much_is_told_within_minutes_after_two_hours(at_hour: float) -> None:
    (first, *others) = told({APP: with_spike(at_hour, 10)})

    minute = first.opened % (24 * HOUR) - round(at_hour * HOUR)
    assert (first.signal in ("spend", "calls"), others) == (True, [])
    assert 0 <= minute <= 5


def test_nothing_is_told_in_the_first_hour() -> None:
    assert told({APP: with_spike(0.5, 10)[:HOUR]}) == []


def test_a_morning_after_a_night_is_nothing_odd() -> None:
    hours = np.arange(HOURS * HOUR) / HOUR
    calls = 6 * (1 + 0.8 * np.sin(2 * np.pi * (hours - 9) / 24))

    assert told({APP: calls}) == []


def test_a_new_key_is_told_of_where_it_takes_more_than_its_feature_ever_did() -> None:
    quiet, loud = steady(), steady()
    quiet[: 12 * HOUR], loud[: 12 * HOUR] = 0, 0

    assert told({APP: steady(), BATCH: quiet}) == []
    (found,) = told({APP: steady(), BATCH: loud * 10})
    assert found.scope["principal"] == "batch"


def test_a_new_tenant_is_told_of_nothing_in_its_first_hour() -> None:
    other = steady(calls=60.0)
    other[: 12 * HOUR] = 0

    assert told({APP: steady(), ("globex", "mail", "verse", "app"): other}) == []


def test_what_is_usual_on_the_first_day_is_the_mean_so_far() -> None:
    (found,) = told({APP: with_spike(12.2, 10)})

    assert found.expected_usd == pytest.approx(found.window * 6 * 0.005, rel=0.2)


def test_a_key_that_is_stolen_by_many_at_once_is_told_by_what_they_spend_together() -> None:
    """Twelve strangers ask a model that is new to the feature, each for no more than the feature does itself."""
    thieves = {}
    for number in range(12):
        calls = np.zeros(HOURS * HOUR)
        calls[12 * HOUR : 12 * HOUR + 3] = 12.0
        thieves["acme", "search", "opus", f"anonymous-{number}"] = calls

    (found,) = told({APP: steady(), **thieves})

    assert (found.scope["tenant"], found.scope["model"]) == ("acme", "opus")
    assert "principal" not in found.scope
    assert found.opened % (24 * HOUR) - 12 * HOUR <= 3


def test_a_model_that_is_new_to_its_feature_need_not_take_twice_what_all_others_ever_have() -> None:
    calls = np.zeros(HOURS * HOUR)
    calls[12 * HOUR : 12 * HOUR + 10] = 12.0

    (found,) = told({APP: steady(), ("acme", "search", "opus", "stolen"): calls})

    assert (found.scope["model"], found.opened % (24 * HOUR) - 12 * HOUR <= 4) == ("opus", True)
    assert told({APP: steady(), ("acme", "search", "swift", "stolen"): calls * 0.8}) == []  # as others do
