"""The outbox: events that a channel has not taken yet. It is no store of its own, it is read off the events.

An event is committed before anybody is told, and each delivery is noted afterwards, so ``kill -9`` anywhere loses no
notification; one that was taken but not noted is sent again under the same id. Of several workers only the *holder*
sends an event: the one that decided it, or, when that one has not delivered it in ``HOLD``, whoever commits a claim
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.incidents import CLAIMED, NOTIFIED, TOLD, UNDELIVERED, Event, hash_id

HOLD = timedelta(minutes=2)
GIVE_UP = timedelta(days=1)
BATCH = 20
"""Events sent in one go; with the time-out of a channel it must fit into ``HOLD``."""

_Errand = tuple[str, int, str]  # incident, sequence, channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """What one channel must be told, oldest first."""

    mine: tuple[Event, ...] = ()  # to be sent now
    free: tuple[Event, ...] = ()  # their holder has had its time: claim, then send
    stale: tuple[Event, ...] = ()  # undelivered for a day: give up
    held: int = 0  # by another worker


def find_errands(events: Sequence[Event], channel: str, *, actor: str, now: datetime) -> Errands:
    """What ``channel`` has not taken, sorted by who may send it."""
    done = {_errand(e) for e in events if e.event in (NOTIFIED, UNDELIVERED)}
    claims = {_errand(e): e for e in sorted(_of(events, (CLAIMED,)), key=lambda e: e.recorded_at)}
    mine, free, stale, held = [], [], [], 0
    for event in sorted(_of(events, TOLD), key=lambda e: (e.recorded_at, e.incident_id, e.sequence)):
        errand = (event.incident_id, event.sequence, channel)
        holder = claims.get(errand, event)
        if errand in done:
            continue
        if now - event.recorded_at > GIVE_UP:
            stale.append(event)
        elif now - holder.recorded_at > HOLD:
            free.append(event)
        elif holder.actor == actor:
            mine.append(event)
        else:
            held += 1
    return Errands(mine=tuple(mine[:BATCH]), free=tuple(free[:BATCH]), stale=tuple(stale), held=held)


def note(event: Event, kind: str, *, channel: str, actor: str, now: datetime, text: str | None = None) -> Event:
    """A row of book-keeping about an event: ``notified``, ``undelivered`` or ``claimed``."""
    identity = hash_id(event.event_id, kind, channel, *((actor, now.isoformat()) if kind == CLAIMED else ()))
    return replace(
        event,
        event_id=identity,
        event=kind,
        recorded_at=now,
        contributors=(),
        summary=None,
        channel=channel,
        actor=actor,
        note=text,
    )


def _errand(event: Event) -> _Errand:
    return (event.incident_id, event.sequence, event.channel or "")


def _of(events: Iterable[Event], kinds: tuple[str, ...]) -> list[Event]:
    return [event for event in events if event.event in kinds]
