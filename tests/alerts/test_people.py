"""What people say of incidents: it is kept, heeded and forgotten as the table of ``alerts.people`` says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from alerts.calendar import is_announced
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
from alerts.people import Said, heed, say
from alerts.routing.routes import Route, Subscription, to_all
from alerts.settings import AlertSettings
from alerts.signals.causes import is_within
from alerts.signals.leaves import Leaf
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


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(("lasts", "heard"), [(timedelta(hours=6), []), (timedelta(minutes=90), [OPENED])])
def test_a_silenced_scope_opens_nothing_until_then(lasts: timedelta, heard: list[str]) -> None:
    ledger = with_spike()
    tell(ledger, SILENCED, LIVE + 40 * SECOND, lasts=lasts)
    looks(ledger, LIVE + MINUTE, 25)

    later = LIVE + timedelta(hours=4)
    ledger.add_usage(spike(LIVE_MINUTE + 240, 200))

    assert looks(ledger, later, 1) == heard


def test_a_silence_begins_with_its_minute_which_is_judged_whole() -> None:
    said = say(incident(with_spike()), SILENCED, who="ada", now=LIVE + 40 * SECOND, until=LIVE + 60 * MINUTE)
    known = Incident(opened=said, last=said, updates=0, said=(said,))

    assert [one.starts_at for one in heed([known]).announced] == [LIVE - timedelta(hours=1)] * 3


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
    times = {(one.starts_at, one.ends_at) for one in said[PLANNED].announced}
    assert times == {(event.window_start, now + timedelta(days=1))}
    assert (said[UNEXPECTED].tunings, said[UNEXPECTED].announced) == ([], [])


def test_the_last_word_counts() -> None:
    event = opened()
    known = incidents_of([event])[event.incident_id]
    words = [say(known, FEEDBACK, who="ada", now=event.recorded_at + n * FIVE, note=note)
             for n, note in enumerate((EXPECTED, UNEXPECTED))]  # fmt: skip

    found = incidents_of([event, *reversed(words)])[event.incident_id]

    assert (found.verdict, found.is_open, found.last) == (UNEXPECTED, True, event)


def said_of(*words: tuple[str, str | None, timedelta | None], **of: Any) -> Said:
    """What must be heeded of an incident of which this was said, five minutes apart."""
    event = replace(opened(), **of)
    known = incidents_of([event])[event.incident_id]
    times = [event.recorded_at + n * FIVE for n in range(len(words))]
    rows = [say(known, kind, who="ada", now=now, note=note, until=lasts and now + lasts)
            for now, (kind, note, lasts) in zip(times, words, strict=True)]  # fmt: skip
    return heed(incidents_of([event, *rows]).values())


@pytest.mark.parametrize("word", [(SILENCED, None, timedelta(days=2)), (FEEDBACK, PLANNED, None)])
@pytest.mark.parametrize(
    ("of", "muted", "others"),
    [
        (
            {"signal": "unit_price", "model": "opus", "provider": "x", "scoped_by": ("model", "provider")},
            {"signal": "unit_price", "model": "opus", "provider": "x"},
            {"signal": "spend", "tenant": "globex", "model": "opus", "provider": "x"},
        ),
        (
            {"signal": "budget_exceeded", "budget": "company", "scoped_by": ()},
            {"signal": "budget_exceeded", "budget": "company"},
            {"signal": "spend", "tenant": "globex"},
        ),
        (
            {"signal": "budget_exceeded", "budget": "company", "scoped_by": ()},
            {"signal": "budget_exceeded", "budget": "company"},
            {"signal": "budget_exceeded", "budget": "another"},
        ),
        (
            {"signal": "silence", "scoped_by": ()},
            {"signal": "silence", "tenant": "x"},
            {"signal": "pii", "tenant": "x"},
        ),
        ({"signal": "spend"}, {"signal": "spend", "tenant": "acme", "feature": "chat"}, {"signal": "spend"}),
        ({"signal": "spend"}, {"signal": "calls", "tenant": "acme", "feature": "chat"}, {"signal": "unit_price"}),
    ],
)
def test_a_word_mutes_the_signal_and_scope_that_it_was_given_on_and_no_other(
    word: tuple[str, str | None, timedelta | None],
    of: dict[str, Any],
    muted: dict[str, str | None],
    others: dict[str, str | None],
) -> None:
    announced = said_of(word, **of).announced
    now = opened().recorded_at + MINUTE

    assert [is_announced(announced, now, scope) for scope in (muted, others)] == [True, False]


def test_a_verdict_on_a_price_raises_no_bar_of_those_who_ask_the_model() -> None:
    price: dict[str, Any] = {
        "signal": "unit_price",
        "model": "opus",
        "provider": "x",
        "scoped_by": ("model", "provider"),
    }
    (tuning,) = said_of((FEEDBACK, EXPECTED, None), **price).tunings

    assert is_within(Leaf(None, None, "opus", None, "x"), tuning.scope)  # as detectors have a price
    assert not is_within(Leaf("acme", "chat", "opus", "key-1", "x"), tuning.scope)


def test_a_note_beside_a_word_is_no_verdict() -> None:
    assert said_of((ACKNOWLEDGED, PLANNED, None)).announced == []


def test_a_verdict_that_was_corrected_announces_nothing() -> None:
    assert said_of((FEEDBACK, PLANNED, None), (FEEDBACK, UNEXPECTED, None)).announced == []


def test_a_later_silence_takes_the_place_of_the_one_before() -> None:
    said = said_of((SILENCED, None, timedelta(days=2)), (SILENCED, None, timedelta(minutes=30)))
    begun = opened().recorded_at
    scope = {**opened().scope.as_dict(), "signal": "spend"}

    heard = [is_announced(said.announced, begun + wait, scope) for wait in (MINUTE, 34 * MINUTE, 36 * MINUTE)]

    assert heard == [True, True, False]
