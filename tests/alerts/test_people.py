"""What people say of incidents: it is kept, heeded and forgotten as the table of ``alerts.people`` says."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from alerts.channels import MemoryChannel
from alerts.incidents import (
    ACKNOWLEDGED,
    ESCALATED,
    EXPECTED,
    FEEDBACK,
    OPENED,
    PLANNED,
    RESOLVED,
    SILENCED,
    TOLD,
    TOO_SMALL,
    UNEXPECTED,
    UPDATED,
    Incident,
    incidents_of,
)
from alerts.journal import Journal
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.people import heed, say
from alerts.routing.routes import Route, Subscription, to_all
from alerts.settings import AlertSettings
from tests.alerts.samples import opened
from tests.alerts.test_lookout import LIVE, LIVE_MINUTE, MINUTE, SECOND, hours, ledger_of, spike, told

SETTINGS = AlertSettings(min_excess_usd=0.5)
FIVE = 5 * MINUTE


def incident(ledger: MemoryLedger) -> Incident:
    journal = Journal(ledger)
    journal.refresh()
    return list(journal.incidents.values())[-1]


def tell(ledger: MemoryLedger, kind: str, now: datetime, *, note: str | None = None, lasts: timedelta | None = None):
    """Somebody says it."""
    journal = Journal(ledger)
    journal.refresh()
    until = None if lasts is None else now + lasts
    assert journal.commit([say(incident(ledger), kind, who="ada", now=now, note=note, until=until)])


def looks(ledger: MemoryLedger, since: datetime, minutes: int) -> list[str]:
    """What is told by a worker that looks every minute."""
    one = Lookout(SETTINGS, ledger, ())
    return told([one.step(since + n * MINUTE + 20 * SECOND) for n in range(minutes)])


def with_spike(*more: pa.Table) -> MemoryLedger:
    ledger = ledger_of(hours(), spike(LIVE_MINUTE, 9), *more)
    assert looks(ledger, LIVE, 1) == [OPENED]
    return ledger


def test_who_has_it_hears_of_its_end_alone() -> None:
    ledger = with_spike(spike(LIVE_MINUTE + 1, 30))
    tell(ledger, ACKNOWLEDGED, LIVE + 40 * SECOND)

    assert incident(ledger).is_acknowledged
    assert looks(ledger, LIVE + MINUTE, 25) == [RESOLVED]


@pytest.mark.long
def test_who_has_a_warning_hears_that_it_is_critical_now_and_who_silenced_it_does_not() -> None:
    for kind, lasts, heard in ((ACKNOWLEDGED, None, [ESCALATED, RESOLVED]), (SILENCED, timedelta(hours=6), [RESOLVED])):
        ledger = ledger_of(hours(), spike(LIVE_MINUTE, 3), spike(LIVE_MINUTE + 1, 30))
        assert looks(ledger, LIVE, 1) == [OPENED]
        tell(ledger, kind, LIVE + 40 * SECOND, lasts=lasts)

        assert looks(ledger, LIVE + MINUTE, 25) == heard


def test_a_channel_that_hears_who_has_it_is_told_once_and_others_are_not() -> None:
    ledger, pager, other, deaf = with_spike(), MemoryChannel("pager"), MemoryChannel("other"), MemoryChannel("deaf")
    for channel in (pager, deaf):
        channel.hears = (*TOLD, ACKNOWLEDGED)
    unheard = Subscription(channel=deaf, route=Route(severities=frozenset({"warning"})))
    tell(ledger, ACKNOWLEDGED, LIVE + 40 * SECOND)

    one = Lookout(SETTINGS, ledger, (*to_all(pager, other), unheard))
    for step in range(8):
        one.step(LIVE + 5 * MINUTE + step * SECOND, wait_s=5)

    assert [event.event for event in pager.events] == [OPENED, ACKNOWLEDGED]
    assert [event.event for event in other.events] == [OPENED]
    assert deaf.events == []


@pytest.mark.long
def test_without_a_word_the_same_is_updated() -> None:
    ledger = with_spike(spike(LIVE_MINUTE + 1, 30))

    assert looks(ledger, LIVE + MINUTE, 25) == [UPDATED, RESOLVED]


@pytest.mark.parametrize(("lasts", "heard"), [(timedelta(hours=6), []), (timedelta(minutes=90), [OPENED])])
def test_a_silenced_scope_opens_nothing_until_then(lasts: timedelta, heard: list[str]) -> None:
    ledger = with_spike()
    tell(ledger, SILENCED, LIVE + 40 * SECOND, lasts=lasts)
    looks(ledger, LIVE + MINUTE, 25)

    later = LIVE + timedelta(hours=4)
    ledger.add_usage(spike(LIVE_MINUTE + 240, 200))

    assert looks(ledger, later, 1) == heard


def test_a_silence_is_of_its_scope_alone() -> None:
    ledger = with_spike()
    tell(ledger, SILENCED, LIVE + 40 * SECOND, lasts=timedelta(hours=6))

    ledger.add_usage(spike(LIVE_MINUTE + 30, 60, feature="search", principal="key-8"))

    assert OPENED in looks(ledger, LIVE + 30 * MINUTE, 1)


@pytest.mark.long
def test_of_what_is_too_small_only_more_is_told() -> None:
    for usd, heard in ((8.5, []), (200, [OPENED])):
        ledger = with_spike()
        tell(ledger, FEEDBACK, LIVE + 40 * SECOND, note=TOO_SMALL)
        looks(ledger, LIVE + MINUTE, 25)
        ledger.add_usage(spike(LIVE_MINUTE + 240, usd))

        assert looks(ledger, LIVE + timedelta(hours=4), 1) == heard


def test_what_was_expected_raises_bars_and_what_was_planned_is_announced() -> None:
    event = opened()
    now = event.recorded_at + FIVE

    said = {
        note: heed(incidents_of([event, say(incidents_of([event])[event.incident_id], FEEDBACK, who="ada", now=now,
                                            note=note)]).values())
        for note in (EXPECTED, PLANNED, UNEXPECTED)
    }  # fmt: skip

    (tuning,) = said[EXPECTED].tunings
    assert (tuning.times, tuning.scope) == (1.5, {"tenant": "acme", "feature": "chat"})
    (announced,) = said[PLANNED].announced
    assert (announced.starts_at, announced.ends_at) == (event.window_start, now + timedelta(days=1))
    assert (said[UNEXPECTED].tunings, said[UNEXPECTED].announced) == ([], [])


def test_the_last_word_counts() -> None:
    event = opened()
    known = incidents_of([event])[event.incident_id]
    words = [say(known, FEEDBACK, who="ada", now=event.recorded_at + n * FIVE, note=note)
             for n, note in enumerate((EXPECTED, UNEXPECTED))]  # fmt: skip

    found = incidents_of([event, *reversed(words)])[event.incident_id]

    assert (found.verdict, found.is_open, found.last) == (UNEXPECTED, True, event)
