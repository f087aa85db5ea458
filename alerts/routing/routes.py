"""Who is told of what: routes by tenant, severity, signal and hours, and how much a channel may be told a minute."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.channels.channel import Channel
from alerts.incidents import ACKNOWLEDGED, OPENED, RESOLVED, SAID, SILENCED, TOLD, Event, Incident

UTC = ZoneInfo("UTC")
QUIET = (ACKNOWLEDGED, SILENCED, RESOLVED)
"""After these nobody need be told who was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """On some weekdays (0 = Monday), from ``begin`` to before ``end``, which may be on the next day."""

    begin: time
    end: time
    weekdays: frozenset[int]
    zone: ZoneInfo = UTC

    def hold(self, moment: datetime) -> bool:
        """Whether the moment lies within."""
        local = moment.astimezone(self.zone)
        if self.begin < self.end:
            return local.weekday() in self.weekdays and self.begin <= local.time() < self.end
        if local.time() >= self.begin:
            return local.weekday() in self.weekdays
        return local.time() < self.end and (local.weekday() - 1) % 7 in self.weekdays


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What goes to a channel; None = all. ``after``: only what nobody has acknowledged for so long, from then on."""

    tenants: frozenset[str] | None = None
    severities: frozenset[str] | None = None
    signals: frozenset[str] | None = None
    hours: Hours | None = None
    after: timedelta | None = None

    def takes(self, event: Event) -> bool:
        """Whether the event by itself goes here."""
        return (
            (self.tenants is None or event.tenant in self.tenants)
            and (self.severities is None or event.severity in self.severities)
            and (self.signals is None or event.signal in self.signals)
            and (self.hours is None or self.hours.hold(event.recorded_at))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A channel, what it is told, and how many events it is sent a minute at most; None = as many as there are."""

    channel: Channel
    route: Route = Route()
    per_minute: int | None = None


def to_all(*channels: Channel) -> tuple[Subscription, ...]:
    """The channels, told of everything."""
    return tuple(Subscription(channel=channel) for channel in channels)


def overdue(incidents: Iterable[Incident], events: Iterable[Event], after: timedelta, now: datetime) -> list[Event]:
    """The events of incidents that nobody had acknowledged or silenced, and that were not over, so long after opening.

    Of what was told until then the last alone.
    """
    dues = {one.opened.incident_id: one.opened.recorded_at + after for one in incidents}
    mine: dict[str, list[Event]] = {}
    for event in sorted(events, key=_order):
        if event.incident_id in dues and event.event in (*TOLD, *SAID):
            mine.setdefault(event.incident_id, []).append(event)
    found = []
    for incident, life in mine.items():
        until_then = [one for one in life if one.recorded_at < dues[incident]]
        if dues[incident] <= now and not any(one.event in QUIET for one in until_then):
            told = [one for one in until_then if one.event in TOLD]
            found += [*told[-1:], *(one for one in life if one.recorded_at >= dues[incident])]
    return found


def routed(events: Iterable[Event], route: Route, kinds: Collection[str] = TOLD) -> list[Event]:
    """The events that people are told of here: those the route takes, and what follows them in their incident.

    Whoever was told that an incident opened is told that it is over, whatever the hour; and, where these are among the
    ``kinds``, what people have said of it.
    """
    heard: set[str] = set()
    found = []
    for event in sorted((one for one in events if one.event in kinds and not one.is_hushed), key=_order):
        if (event.event in TOLD and route.takes(event)) or (event.event != OPENED and event.incident_id in heard):
            heard.add(event.incident_id)
            found.append(event)
    return found


def _order(event: Event) -> tuple[str, int, bool, datetime]:
    """What is said of an event comes after it."""
    return (event.incident_id, event.sequence, event.event not in TOLD, event.recorded_at)
