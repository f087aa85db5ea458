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

from alerts.incidents import ACKNOWLEDGED, BARE, CLAIMED, NOTIFIED, SAID, TOLD, UNDELIVERED, Event, hash_id

HOLD = timedelta(minutes=2)
GIVE_UP = timedelta(days=1)
BATCH = 20
"""Events sent in one go; with the time-out of a channel it must fit into ``HOLD``."""
SENT = (*TOLD, ACKNOWLEDGED)
"""What channels may be sent; those that do not hear of it are not given it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """What one channel must be told, oldest first."""

    mine: tuple[Event, ...] = ()  # to be sent now
    free: tuple[Event, ...] = ()  # their holder has had its time: claim, then send
    stale: tuple[Event, ...] = ()  # undelivered for a day: give up
    held: int = 0  # by another worker


def find_errands(events: Sequence[Event], channel: str, *, actor: str, now: datetime) -> Errands:
    """What ``channel`` has not taken, sorted by who may send it."""
    done = {e.event_id for e in events if e.event in (NOTIFIED, UNDELIVERED)}
    claims: dict[str, list[Event]] = {}
    for claim in sorted(_of(events, (CLAIMED,)), key=lambda e: e.recorded_at):
        claims.setdefault(claim.incident_id, []).append(claim)
    mine, free, stale, held = [], [], [], 0
    for event in sorted(_of(events, SENT), key=_in_order):
        if any(_note_id(event, kind, channel) in done for kind in (NOTIFIED, UNDELIVERED)):
            continue
        known = reversed(claims.get(event.incident_id, []))
        holder = next((one for one in known if _is_of(one, event, channel)), event)
        if now - event.recorded_at > GIVE_UP:
            stale.append(event)
        elif now - holder.recorded_at > HOLD or holder.event in SAID:  # who says something does not send it
            free.append(event)
        elif holder.actor == actor:
            mine.append(event)
        else:
            held += 1
    return Errands(mine=tuple(mine[:BATCH]), free=tuple(free[:BATCH]), stale=tuple(stale), held=held)


def choose(errands: Errands, most: int | None) -> tuple[Event, ...]:
    """What is tried next, oldest first, at most so many: what of it is ``free`` must be claimed, and nothing else.

    An expired lease is claimed anew also by who held it: another worker may be about to.
    """
    due = sorted((*errands.mine, *errands.free), key=_in_order)
    return tuple(due[: BATCH if most is None else min(most, BATCH)])


def note(event: Event, kind: str, *, channel: str, actor: str, now: datetime, text: str | None = None) -> Event:
    """A row of book-keeping about an event: ``notified``, ``undelivered`` or ``claimed``."""
    identity = _claim_id(event, channel, actor, now) if kind == CLAIMED else _note_id(event, kind, channel)
    return replace(
        event,
        event_id=identity,
        event=kind,
        recorded_at=now,
        **BARE,
        summary=None,
        channel=channel,
        actor=actor,
        note=text,
    )


def _in_order(event: Event) -> tuple[datetime, datetime, str, int]:
    """Of one look the older incident first: its end comes before another with its labels begins."""
    return event.recorded_at, event.opened_at, event.incident_id, event.sequence


def _note_id(event: Event, kind: str, channel: str) -> str:
    return hash_id(event.event_id, kind, channel)


def _claim_id(event: Event, channel: str, actor: str | None, now: datetime) -> str:
    return hash_id(event.event_id, CLAIMED, channel, actor, now.isoformat())


def _is_of(claim: Event, event: Event, channel: str) -> bool:
    """Whether the event was claimed by it: what people say of an event has the event's sequence, but its own id."""
    return claim.event_id == _claim_id(event, channel, claim.actor, claim.recorded_at)


def _of(events: Iterable[Event], kinds: tuple[str, ...]) -> list[Event]:
    return [event for event in events if event.event in kinds]
