"""No data is not zero: a gap of the feed calms nobody, and hours in which nothing usually comes do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from alerts.backtest import backtest
from alerts.incidents import OPENED, RESOLVED
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.minutes import to_minute, to_time
from alerts.settings import AlertSettings
from alerts.signals.feed import Feed
from tests.alerts.histories import BEGINS, DAY, rate, usage_of
from tests.alerts.test_lookout import told
from tests.alerts.workload import Spent, usage_table

HOUR = 60
FIRST = to_minute(BEGINS)
KEY = ("acme", "chat", "sonnet", "key-1")


def heard(minutes: Sequence[bool], width: int = 1) -> list[bool]:
    """Of each minute, or several: whether it was no gap."""
    feed, found = Feed(), []
    for place, came in enumerate(minutes):
        feed.step(place * width, bool(came), width)
        found.append(feed.is_heard)
    return found


@pytest.mark.parametrize("width", [1, 5])
def test_nothing_is_a_gap_where_something_came_yesterday_and_a_week_ago(width: int) -> None:
    a_day = DAY // width
    minutes = np.ones(10 * a_day, np.bool_)
    minutes[6 * a_day : 6 * a_day + 10] = False  # in the first week nobody knows
    minutes[8 * a_day : 9 * a_day + HOUR // width] = False

    found = np.array(heard(minutes.tolist(), width))

    assert found[: 8 * a_day].all()
    assert not found[8 * a_day : 9 * a_day].any()
    assert found[9 * a_day :].all()  # on its second day: it was so yesterday


def test_nights_and_weekends_and_a_feed_that_is_thin_have_no_gaps() -> None:
    office = [day % 7 < 5 and 8 * HOUR <= minute < 18 * HOUR for day in range(21) for minute in range(DAY)]
    thin = (np.random.default_rng(3).random(14 * DAY) < 0.7).tolist()

    assert all(heard(office))
    assert all(heard(thin))


def spent(gap: range, until: int, days: float = 8.5) -> list[float]:
    """Twenty times as much from half past nine on the ninth day till ``until`` minutes later; nothing in the gap."""
    calls = rate(days)
    begins = 8 * DAY + 570
    calls[begins : begins + until] *= 20
    calls[begins + gap.start : begins + gap.stop] = 0
    return calls.tolist()


@pytest.mark.parametrize(("gap", "until", "over"), [(range(10, 40), 60, 121), (range(10, 40), 10, 103)])
def test_an_incident_goes_on_in_a_gap_and_ends_with_calm_minutes_alone(gap: range, until: int, over: int) -> None:
    """It lasts or not: its hour of calm is of minutes that say so."""
    (found,) = (one for one in backtest(usage_of({KEY: spent(gap, until)}), least_usd=0.5) if one.opened > FIRST)

    assert found.resolved is not None
    assert abs(found.resolved - FIRST - 8 * DAY - 570 - over) <= 6


def load(first: int, end: int, usd: float = 0.05) -> pa.Table:
    """The same in every minute."""
    return usage_table(Spent(minute=minute, usd=usd, calls=10) for minute in range(first, end))


def test_the_worker_resolves_nothing_in_a_gap_and_all_when_calm_minutes_have_come() -> None:
    ledger = MemoryLedger()
    begins = FIRST + 8 * DAY
    one = Lookout(AlertSettings(health=False, min_excess_usd=0.5), ledger, ())
    for rows in (load(FIRST, begins), load(begins, begins + 5, 1.0)):
        ledger.add_usage(rows)

    def looks(*after: int) -> list[str]:
        return told([one.step(to_time(begins + minutes)) for minutes in after])

    assert looks(5) == [OPENED]
    assert looks(20, 40, 62, 90, 110) == []  # of an outage also that part which is learnt
    ledger.add_usage(load(begins + 110, begins + 140))
    assert looks(115) == []
    assert looks(130) == [RESOLVED]
