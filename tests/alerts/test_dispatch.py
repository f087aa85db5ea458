"""Claims and dead letters of a channel that is down or slow: few rows in the journal, and the reason among them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.channels import MemoryChannel
from alerts.dispatch import Dispatch
from alerts.incidents import CLAIMED, NOTIFIED, UNDELIVERED, UPDATED, Event
from alerts.journal import Journal
from alerts.ledger import MemoryLedger
from alerts.outbox import GIVE_UP, HOLD, choose, find_errands
from alerts.routing.routes import Subscription
from tests.alerts.samples import follow, opened

EVENTS = [replace(opened(feature=f"feature-{number:02}"), actor="me") for number in range(30)]
BEGIN = EVENTS[0].recorded_at


def run(channel: MemoryChannel, *, per_minute: int | None, until: timedelta, step: timedelta) -> Journal:
    journal = Journal(MemoryLedger())
    journal.refresh()
    journal.commit(EVENTS)
    dispatch = Dispatch(journal, [Subscription(channel=channel, per_minute=per_minute)], actor="me")
    for number in range(1, until // step + 1):
        now = BEGIN + number * step
        dispatch.collect(now, wait_s=5)
        dispatch.send(now)
        dispatch.collect(now, wait_s=5)
    return journal


def kinds(journal: Journal) -> Counter[str]:
    return Counter(event.event for event in journal.events)


def test_a_channel_that_is_down_for_a_day_is_claimed_for_one_event_at_a_time_and_the_dead_letter_says_why() -> None:
    channel = MemoryChannel()
    channel.down = True

    journal = run(channel, per_minute=None, until=GIVE_UP + timedelta(hours=1), step=timedelta(minutes=5))

    assert kinds(journal)[UNDELIVERED] == len(EVENTS)
    assert kinds(journal)[CLAIMED] <= GIVE_UP / timedelta(minutes=5) + len(EVENTS)
    assert {event.note for event in journal.events if event.event == UNDELIVERED} == {
        "not taken for a day; last: memory is down"
    }


def test_only_what_may_be_sent_this_minute_is_claimed() -> None:
    channel = MemoryChannel()

    journal = run(channel, per_minute=3, until=timedelta(minutes=12), step=timedelta(seconds=30))

    assert kinds(journal)[NOTIFIED] == len(EVENTS) == len({event.event_id for event in channel.events})
    assert kinds(journal)[CLAIMED] <= len(EVENTS)


def test_when_it_is_back_all_is_told_once() -> None:
    class Back(MemoryChannel):
        tries = 0

        def send(self, event: Event, now: datetime) -> None:
            self.tries += 1
            self.down = self.tries <= 5
            super().send(event, now)

    channel = Back()
    run(channel, per_minute=None, until=timedelta(hours=1), step=timedelta(minutes=2))

    assert channel.events == sorted(EVENTS, key=lambda event: event.incident_id)


def test_the_opening_is_tried_before_what_follows_it_also_where_it_must_be_claimed_anew() -> None:
    now = BEGIN + HOLD + timedelta(seconds=30)
    later = follow(EVENTS[0], UPDATED, after=HOLD)
    errands = find_errands([EVENTS[0], later], "memory", actor="me", now=now)

    assert (errands.mine, errands.free) == ((later,), (EVENTS[0],))
    assert choose(errands, 1) == (EVENTS[0],)
