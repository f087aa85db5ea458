"""The first week: habits that all tenants have at once are nothing odd, and the budget is kept by count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from alerts.backtest import backtest
from alerts.signals.cold import common_rise, young_edge
from alerts.signals.episode import Episode
from alerts.signals.leaves import Leaf, Leaves
from alerts.young import KNOWN_DAYS, times_while_young
from tests.alerts.histories import DAY, HOUR, usage_of

TENANTS, BUDGET = 8, 0.5
FRIDAY_EVENING, TUESDAY_NIGHT = 4 * DAY + 17 * HOUR, DAY + 2 * HOUR
Rate = np.ndarray[tuple[int], np.dtype[np.float64]]


def office(first: int, days: float, peak: float, zone: int) -> Rate:
    """Calls a minute of who works from 7 to 19 on five days, from the minute ``first`` of the week on."""
    hours = np.arange(first + round(days * DAY)) / HOUR + zone
    day = np.clip(np.minimum((hours % 24 - 7) / 2, (19 - hours % 24) / 2), 0, 1)
    calls = peak * np.where((hours // 24) % 7 < 5, 0.03 + 0.97 * day, 0.04)
    calls[:first] = 0
    return calls


def told(first: int, days: float, *, leak_at: int | None = None) -> Sequence[Episode]:
    series: dict[tuple[str | None, ...], Rate] = {}
    for number in range(TENANTS):
        calls = office(first, days, (40, 20, 10, 5)[number % 4], (0, 1, -5, 2)[number % 4])
        series[f"t{number}", "chat", "swift", "app"] = calls
        series[f"t{number}", "search", "swift", "app"] = calls / 2
    if leak_at is not None:
        leak = np.zeros(len(calls))
        leak[leak_at : leak_at + HOUR] = 60.0
        series["t2", "chat", "swift", "stolen"] = leak
    return backtest(usage_of(series), budget=BUDGET)


@pytest.mark.parametrize(("first", "days"), [(FRIDAY_EVENING, 2.9), (TUESDAY_NIGHT, 0.5)])
def test_the_first_workday_of_everybody_keeps_the_budget(first: int, days: float) -> None:
    assert len(told(first, days)) <= max(BUDGET * TENANTS * days / 7, 1)


def test_a_leaked_key_is_told_of_on_the_first_weekend() -> None:
    at = 6 * DAY + 12 * HOUR
    (found,) = told(FRIDAY_EVENING, 2.2, leak_at=at)

    assert found.scope["principal"] == "stolen"
    assert found.opened % (7 * DAY) - (at + 4 * DAY) % (7 * DAY) <= 5  # the epoch began on a Thursday


def test_the_next_notification_must_be_odder_by_as_much_as_the_budget_is_exceeded() -> None:
    def times(heard: float, days: float = 7.0) -> float:
        return times_while_young(heard, budget=0.5, tenants=4, days=days)

    assert [times(heard) for heard in (0, 1, 2, 5)] == [1, 1, 1.5, 3]
    assert times(2, days=0.1) == 3  # one is allowed at least
    assert times(100, days=KNOWN_DAYS) == 1


def leaves_of(*keys: tuple[str, str, str]) -> Leaves:
    leaves = Leaves()
    leaves.numbers(Leaf(tenant, feature, "swift", principal) for tenant, feature, principal in keys)
    return leaves


def test_what_several_tenants_rise_by_is_a_cause_in_common() -> None:
    leaves = leaves_of(("a", "x", "k"), ("b", "x", "k"), ("c", "x", "k"))
    edge = np.array([[1.0, 2.0, np.inf], [1.0, 1.0, 1.0]])

    rise = common_rise(np.array([[5.0, 6.0, 9.0], [9.0, 0.5, 0.5]]), edge, leaves)

    assert rise.tolist() == [[3.0], [1.0]]  # the second highest; what one does alone is its own
    assert common_rise(np.array([[5.0]]), np.array([[1.0]]), leaves_of(("a", "x", "k"))).tolist() == [[1.0]]


def test_what_is_new_is_compared_with_the_others_of_its_feature() -> None:
    leaves = leaves_of(("a", "x", "k"), ("a", "x", "new"), ("a", "y", "new"))

    assert young_edge(np.array([[4.0, 0.0, 0.0]]), leaves).tolist() == [[4.0, 4.0, 0.0]]
