"""Dispatch: what was committed goes to the channels, and what they have taken is noted in the journal."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from alerts import metrics
from alerts.channels.action import Action, as_asked
from alerts.channels.channel import STILL_SAID, Channel
from alerts.courier import Courier, Trip
from alerts.incidents import BOOKS, CLAIMED, NOTIFIED, UNDELIVERED, Event
from alerts.journal import Journal
from alerts.outbox import Errands, choose, find_errands, note
from alerts.routing.routes import Route, Subscription, overdue, routed

log = logging.getLogger("spanledger.alerts")

ATTEMPTS = 5


class Dispatch:
    """One courier per channel; ``actor`` is the worker in whose name they travel."""

    def __init__(self, journal: Journal, subscriptions: Sequence[Subscription], *, actor: str) -> None:
        self._journal = journal
        self._couriers = tuple((Courier(one.channel, per_minute=one.per_minute), one.route) for one in subscriptions)
        self._actor = actor
        self._unnoted: list[Event] = []

    def collect(self, now: datetime, *, wait_s: float) -> int:
        """Note what couriers have delivered since; a note that cannot be committed now is tried at the next look."""
        for courier, _ in self._couriers:
            trip = courier.collect(now, wait_s=wait_s)
            if trip is not None:
                name = courier.channel.name
                self._unnoted += self._notes(NOTIFIED, trip.taken, name, now)
                self._unnoted += [
                    note(event, UNDELIVERED, channel=name, actor=self._actor, now=now, text=why)
                    for event, why in trip.refused
                ]
                _count(trip, name)
        noted = len(self._unnoted)
        if noted and self._commit_facts(self._unnoted):
            self._unnoted = []
        return noted

    def send(self, now: datetime) -> int:
        """Let every free courier go; the number of deliveries that are still to be made."""
        waiting = sum(self._send_one(courier, route, now) for courier, route in self._couriers)
        metrics.outbox.set(waiting)
        return waiting

    def _send_one(self, courier: Courier, route: Route, now: datetime) -> int:
        name = courier.channel.name
        errands = self._errands(courier.channel, route, now)
        waiting = len(errands.mine) + len(errands.free) + errands.held
        if self._unnoted or not courier.is_free(now):
            return waiting
        chosen = choose(errands, courier.allowance(now))
        why = f"not taken for a day; last: {courier.refusal or 'never tried by this worker'}"
        rows = [
            *self._notes(CLAIMED, (event for event in chosen if event in errands.free), name, now),
            *(note(one, UNDELIVERED, channel=name, actor=self._actor, now=now, text=why) for one in errands.stale),
        ]
        if rows:
            if not self._journal.commit(rows):
                return waiting  # another worker may have claimed the same: look again at the next step
            _report_given_up(name, len(errands.stale), why)
        active = self._active(route, now) if courier.wants_refresh(now) else ()
        if isinstance(courier.channel, Action):
            chosen = tuple(as_asked(event, self._journal.events) for event in chosen)
        if chosen or active:
            courier.leave(chosen, active, now)
        return waiting

    def _errands(self, channel: Channel, route: Route, now: datetime) -> Errands:
        books = [event for event in self._journal.events if event.event in BOOKS]
        due = routed(self._events_for(route, now), route, channel.hears)
        return find_errands([*due, *books], channel.name, actor=self._actor, now=now)

    def _commit_facts(self, rows: Sequence[Event]) -> bool:
        """Facts stay true whoever came first, so they are committed again as they are."""
        self._journal.refresh()
        return any(self._journal.commit(rows) for _ in range(ATTEMPTS))

    def _notes(self, kind: str, events: Iterable[Event], channel: str, now: datetime) -> list[Event]:
        return [note(event, kind, channel=channel, actor=self._actor, now=now) for event in events]

    def _events_for(self, route: Route, now: datetime) -> Sequence[Event]:
        if route.after is None:
            return self._journal.events
        return overdue(self._journal.incidents.values(), self._journal.events, route.after, now)

    def _active(self, route: Route, now: datetime) -> tuple[Event, ...]:
        here = {event.event_id for event in routed(self._events_for(route, now), route)}
        known = self._journal.incidents.values()
        return tuple(
            incident.last
            for incident in known
            if incident.last.event_id in here and (incident.is_open or now - incident.last.recorded_at < STILL_SAID)
        )


def _count(trip: Trip, channel: str) -> None:
    if trip.taken:
        metrics.deliveries.add(len(trip.taken), {"channel": channel, "outcome": "taken"})
    _report_refused(channel, trip.refused)
    if trip.refusal:
        metrics.deliveries.add(1, {"channel": channel, "outcome": "refused"})
        log.warning("channel refused, trying again: channel=%s reason=%s", channel, trip.refusal)


def _report_refused(channel: str, refused: Sequence[tuple[Event, str]]) -> None:
    for event, why in refused:
        metrics.deliveries.add(1, {"channel": channel, "outcome": "given_up"})
        log.error("channel will never take an event: channel=%s event=%s reason=%s", channel, event.event_id, why)


def _report_given_up(channel: str, events: int, why: str) -> None:
    if events:
        metrics.deliveries.add(events, {"channel": channel, "outcome": "given_up"})
        log.error("events were never delivered: channel=%s events=%d reason=%s", channel, events, why)
