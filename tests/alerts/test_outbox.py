"""Who must still be told, and which worker may do it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerts.incidents import ACKNOWLEDGED, CLAIMED, NOTIFIED, RESOLVED, UNDELIVERED, UPDATED, incidents_of
from alerts.outbox import BATCH, GIVE_UP, HOLD, find_errands, note
from alerts.people import say
from tests.alerts.samples import follow, opened
from tests.alerts.workload import START

EVENT = opened()
UPDATE = follow(EVENT, UPDATED)
SOON = EVENT.recorded_at + timedelta(seconds=1)
LATER = EVENT.recorded_at + HOLD + timedelta(seconds=1)
MUCH_LATER = EVENT.recorded_at + GIVE_UP + timedelta(seconds=1)


def test_who_decided_an_event_sends_it() -> None:
    assert find_errands([EVENT], "webhook", actor="worker-1", now=SOON).mine == (EVENT,)


def test_others_leave_it_to_the_one_who_decided() -> None:
    errands = find_errands([EVENT], "webhook", actor="worker-2", now=SOON)

    assert (errands.mine, errands.free, errands.held) == ((), (), 1)


def test_after_a_while_it_is_free_for_anybody_to_claim() -> None:
    for actor in ("worker-1", "worker-2"):
        assert find_errands([EVENT], "webhook", actor=actor, now=LATER).free == (EVENT,)


def test_who_claimed_it_sends_it() -> None:
    claim = note(EVENT, CLAIMED, channel="webhook", actor="worker-2", now=LATER)

    assert find_errands([EVENT, claim], "webhook", actor="worker-2", now=LATER).mine == (EVENT,)
    assert find_errands([EVENT, claim], "webhook", actor="worker-1", now=LATER).held == 1


def test_a_claim_is_for_one_channel() -> None:
    claim = note(EVENT, CLAIMED, channel="webhook", actor="worker-2", now=LATER)

    assert find_errands([EVENT, claim], "alertmanager", actor="worker-2", now=LATER).free == (EVENT,)


def test_what_a_channel_has_taken_is_done_for_that_channel_only() -> None:
    taken = note(EVENT, NOTIFIED, channel="webhook", actor="worker-1", now=SOON)

    assert find_errands([EVENT, taken], "webhook", actor="worker-1", now=SOON).mine == ()
    assert find_errands([EVENT, taken], "alertmanager", actor="worker-1", now=SOON).mine == (EVENT,)


def test_events_are_told_in_order() -> None:
    events = [follow(UPDATE, RESOLVED), UPDATE, EVENT]

    told = find_errands(events, "webhook", actor="worker-1", now=SOON).mine

    assert [event.sequence for event in told] == [0, 1, 2]


def test_the_end_of_an_incident_is_told_before_another_of_its_scope_opens() -> None:
    over = follow(EVENT, RESOLVED)
    for name in ("0", "f"):  # ids have no order
        another = replace(EVENT, opened_at=over.recorded_at, recorded_at=over.recorded_at, incident_id=name * 32)

        told = find_errands([another, over], "webhook", actor="worker-1", now=SOON).mine

        assert told == (over, another)


def test_a_batch_is_bounded() -> None:
    events = [opened(feature=str(i)) for i in range(BATCH + 5)]

    assert len(find_errands(events, "webhook", actor="worker-1", now=SOON).mine) == BATCH


def test_after_a_day_it_is_given_up_for_good() -> None:
    errands = find_errands([EVENT], "webhook", actor="worker-1", now=MUCH_LATER)
    given_up = note(EVENT, UNDELIVERED, channel="webhook", actor="worker-1", now=MUCH_LATER)

    assert errands.stale == (EVENT,)
    assert find_errands([EVENT, given_up], "webhook", actor="worker-1", now=MUCH_LATER).stale == ()


def test_a_note_has_the_same_id_whoever_makes_it_but_a_claim_has_its_own() -> None:
    taken = {note(EVENT, NOTIFIED, channel="webhook", actor=actor, now=SOON).event_id for actor in ("a", "b")}
    claims = {note(EVENT, CLAIMED, channel="webhook", actor=actor, now=SOON).event_id for actor in ("a", "b")}

    assert (len(taken), len(claims)) == (1, 2)


def test_a_note_holds_no_amounts_twice() -> None:
    made = note(EVENT, NOTIFIED, channel="webhook", actor="a", now=START)

    assert (made.contributors, made.summary, made.sequence) == ((), None, EVENT.sequence)
    assert made == replace(made, incident_id=EVENT.incident_id)


def test_what_people_say_is_free_at_once_and_its_notes_are_not_those_of_the_event_that_it_is_said_of() -> None:
    taken = say(incidents_of([EVENT])[EVENT.incident_id], ACKNOWLEDGED, who="ada", now=SOON)
    claim = note(taken, CLAIMED, channel="pagerduty", actor="worker-2", now=SOON)
    noted = note(taken, NOTIFIED, channel="pagerduty", actor="worker-2", now=SOON)
    events = [EVENT, taken]

    free = find_errands(events, "pagerduty", actor="worker-1", now=SOON)
    claimed = find_errands([*events, claim], "pagerduty", actor="worker-2", now=SOON)
    done = find_errands([*events, claim, noted], "pagerduty", actor="worker-1", now=SOON)

    assert (free.mine, free.free) == ((EVENT,), (taken,))
    assert (claimed.mine, claimed.held) == ((taken,), 1)
    assert (done.mine, done.free) == ((EVENT,), ())
