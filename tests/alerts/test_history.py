"""Training, and going back to train again; what is known goes on, and nothing is learnt by judging."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from alerts.history import History, Judged
from alerts.ledger import LEAF, Ledger, MemoryLedger
from alerts.minutes import DAY_MINUTES, to_minute, to_time
from alerts.signals.episode import Episode
from alerts.signals.episodes import Episodes
from tests.alerts.workload import FIRST, Spent, spend_of, usage_of, usage_table

DAYS = 3
NOW = FIRST + DAYS * DAY_MINUTES + 600
SPIKE = usage_table([Spent(minute=NOW - 20, usd=60, calls=3000)])


def load(first: int, end: int, seed: int = 5) -> pa.Table:
    """Steady spend of two features."""
    rng = np.random.default_rng(seed)
    rate = np.full(end - first, 6.0)
    return pa.concat_tables(usage_of(first, spend_of(rng, rate), feature=feature) for feature in ("chat", "search"))


BASE = load(FIRST, NOW)


def ledger_of(*tables: pa.Table) -> MemoryLedger:
    ledger = MemoryLedger()
    for table in tables:
        ledger.add_usage(table)
    return ledger


def history(days: int = 35) -> History:
    return History(lambda: Episodes(0.5, least_usd=0.5, calm=10), days=days)


def judged(one: History, ledger: Ledger, told: Mapping[int, Sequence[Episode]] | None = None) -> Judged:
    """As the lookout does it: trained up to an hour ago, judged up to now."""
    first = one.train(ledger, told or {}, NOW - 60)
    return one.judge(ledger.usage(to_time(first), to_time(NOW), LEAF), told or {}, NOW, open_from=NOW - 60)


def amounts(found: Judged) -> list[tuple[int, str, float, float]]:
    return [(one.opened, one.signal, one.observed_usd, one.expected_usd) for one in found.opened]


def test_times_and_minutes_are_two_names_of_one_thing() -> None:
    assert to_minute(datetime(1970, 1, 2, tzinfo=UTC)) == DAY_MINUTES
    assert to_time(to_minute(datetime(2026, 3, 2, 1, 2, 59, tzinfo=UTC))) == datetime(2026, 3, 2, 1, 2, tzinfo=UTC)


def test_an_empty_ledger_trains_nothing_and_says_nothing() -> None:
    found = judged(history(), ledger_of())

    assert (found.opened, found.known) == ([], [])


@pytest.mark.long
def test_training_step_by_step_is_training_at_once() -> None:
    ledger = ledger_of(BASE, SPIKE)
    steps, at_once = history(), history()
    for until in range(NOW - 2000, NOW - 60, 7):
        steps.train(ledger, {}, until)

    assert amounts(judged(steps, ledger)) == amounts(judged(at_once, ledger))
    assert len(judged(at_once, ledger).opened) == 1


@pytest.mark.long
@pytest.mark.parametrize("ago", [1, 2 * DAY_MINUTES], ids=["today", "days ago"])
def test_rows_that_come_late_are_trained_as_if_they_had_been_in_time(ago: int) -> None:
    late = usage_table([Spent(minute=NOW - 100 - ago, usd=40, calls=2000)])
    ledger, one = ledger_of(BASE), history()
    judged(one, ledger)

    ledger.add_usage(late)
    ledger.add_usage(SPIKE)

    assert amounts(judged(one, ledger)) == amounts(judged(history(), ledger_of(BASE, late, SPIKE)))


@pytest.mark.long
def test_a_back_dated_day_before_all_that_is_known_is_trained() -> None:
    ledger, one = ledger_of(BASE), history()
    judged(one, ledger)

    ledger.add_usage(load(FIRST - 2 * DAY_MINUTES, FIRST, seed=6))
    ledger.add_usage(SPIKE)
    judged(one, ledger)  # it may still change: it is learnt at the next look

    again = history()
    assert amounts(judged(one, ledger)) == amounts(judged(again, ledger))


@pytest.mark.long
def test_while_weeks_are_filled_in_nothing_opens_and_all_is_learnt_once_at_their_end() -> None:
    now_s = itertools.count(1.0, 1.0)  # a look takes a second, learning all likewise
    ledger = ledger_of(BASE)
    one = History(lambda: Episodes(0.5, least_usd=0.5, calm=10), days=35, clock=lambda: next(now_s))
    judged(one, ledger)
    ledger.add_usage(SPIKE)

    behind = []
    for days_ago in (5, 4, 3, 2, None):
        if days_ago:
            ledger.add_usage(load(FIRST - days_ago * DAY_MINUTES, FIRST - (days_ago - 1) * DAY_MINUTES, seed=days_ago))
        one.train(ledger, {}, NOW - 60)
        behind.append(one.is_behind)

    assert behind == [True, True, True, True, False]
    assert amounts(judged(one, ledger)) == amounts(judged(history(), ledger))


@pytest.mark.long
def test_what_comes_late_all_the_time_is_learnt_too() -> None:
    now_s = itertools.count(1.0, 1.0)
    ledger = ledger_of(BASE)
    one = History(lambda: Episodes(0.5, least_usd=0.5, calm=10), days=35, clock=lambda: next(now_s))
    judged(one, ledger)

    looks = 0
    while one.is_behind or not looks:
        ledger.add_usage(usage_table([Spent(minute=FIRST - DAY_MINUTES + looks, usd=600, calls=30_000)]))
        one.train(ledger, {}, NOW - 60)
        looks += 1

    assert 5 < looks < 30


@pytest.mark.long
def test_rows_older_than_the_history_are_not_read() -> None:
    old = load(FIRST - 5 * DAY_MINUTES, FIRST, seed=6)

    short = amounts(judged(history(days=DAYS), ledger_of(old, BASE, SPIKE)))

    assert short == amounts(judged(history(), ledger_of(BASE, SPIKE)))


@pytest.mark.long
def test_the_order_of_rows_does_not_matter() -> None:
    rows = pa.concat_tables([BASE, SPIKE])
    indices = list(range(rows.num_rows))
    random.Random(3).shuffle(indices)

    assert amounts(judged(history(), ledger_of(rows.take(indices)))) == amounts(judged(history(), ledger_of(rows)))


def test_judging_teaches_nothing() -> None:
    one, ledger = history(), ledger_of(BASE, SPIKE)

    assert amounts(judged(one, ledger)) == amounts(judged(one, ledger))


def test_a_series_that_is_new_in_the_judged_minutes_is_seen() -> None:
    stolen = usage_table([Spent(minute=NOW - 20, usd=60, calls=100, principal="stolen", model="opus")])

    (found,) = judged(history(), ledger_of(BASE, stolen)).opened

    assert (found.scope["principal"], found.scope["model"], found.signal) == ("stolen", "opus", "spend")


@pytest.mark.parametrize("ago", range(20, 26))
def test_a_spike_of_one_minute_hides_itself_at_no_minute_of_the_hour(ago: int) -> None:
    short = load(NOW - 240, NOW)
    stolen = usage_table([Spent(minute=NOW - ago, usd=40, calls=2000, principal="stolen")])

    (found,) = judged(history(), ledger_of(short, stolen)).opened

    assert (found.opened, found.scope["principal"]) == (NOW - ago, "stolen")


def known(found: Judged, name: str = "it") -> dict[int, list[Episode]]:
    """What has been told, as the journal gives it back."""
    (episode,) = found.opened
    episode.known_as, episode.resolved, episode.counted, episode.seen = name, None, episode.active, False
    return {episode.opened: [episode]}


def test_what_has_been_told_goes_on_and_is_not_told_again() -> None:
    one, ledger = history(), ledger_of(BASE, SPIKE)
    told = known(judged(one, ledger))

    again = judged(one, ledger, told)

    assert again.opened == []
    assert [(episode.known_as, episode.seen, episode.resolved is None) for episode in again.known] == [
        ("it", True, False)  # the spike was of one minute: it has been calm since
    ]


@pytest.mark.long
def test_what_another_worker_told_of_trained_minutes_is_taken_in() -> None:
    one, ledger = history(), ledger_of(BASE)
    judged(one, ledger)
    episode = Episode(
        opened=NOW - 90,
        began=NOW - 95,
        signal="spend",
        window=5,
        scope={"tenant": "acme"},
        severity="warning",
        observed_usd=1.0,
        expected_usd=0.0,
        contributors=(),
        leaves=[judged(history(), ledger_of(BASE, SPIKE)).opened[0].leaves[0]],
        active=NOW - 90,
        last=NOW - 90,
        known_as="other",
    )

    (kept,) = judged(one, ledger, {NOW - 90: [episode]}).known

    assert (kept.known_as, kept.resolved) == ("other", NOW - 61 + 10)


def test_what_is_no_longer_odd_is_unseen() -> None:
    told = known(judged(history(), ledger_of(BASE, SPIKE)))

    assert [episode.seen for episode in judged(history(), ledger_of(BASE), told).known] == [False]
