"""One look at health: train, judge the last hour, and draft what is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.calendar import Announced, hushed_by
from alerts.events import Signature
from alerts.health.drafts import draft_health_events
from alerts.health.table import BY_NAME, MONEY, WATCHED
from alerts.health.troubles import Trouble, Troubles
from alerts.health.vitals import Vitals
from alerts.incidents import UNEXPECTED, Event, Incident
from alerts.ledger import Ledger
from alerts.minutes import MINUTE_S, to_minute, to_time
from alerts.people import heed
from alerts.settings import AlertSettings

MOST_CALM = 60
"""Minutes: each time an incident was told again it must be calm twice as long, up to this."""


class Watch:
    """Health of one ledger; ``due`` says whether it is worth looking."""

    def __init__(self, settings: AlertSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._vitals = Vitals(settings.false_alerts_per_tenant_week, days=settings.history_days)

    def draft(
        self,
        now: datetime,
        watermark: datetime,
        incidents: Mapping[str, Incident],
        signature: Signature,
        *,
        silences: Sequence[Announced] = (),
        calendar: Sequence[Announced] = (),
    ) -> list[Event]:
        """The events that are due, given what has been told."""
        end = to_minute(watermark) + 1
        age = self._settings.notify_max_age_s // MINUTE_S
        first = self._vitals.train(self._ledger, end - 1 - max(age, MOST_CALM))
        mine = {name: one for name, one in incidents.items() if one.opened.signal in WATCHED}
        rows = self._ledger.health(to_time(first), to_time(max(end, first)), every_s=MINUTE_S)
        judged = self._vitals.judge(
            rows,
            troubles_of(mine, first, (*calendar, *silences), _spending(incidents, first)),
            end,
            open_from=end if self._vitals.is_anew else to_minute(now) - age,
            calm={name: self._calm(one.updates) for name, one in mine.items()} | {"": self._calm(0)},
        )
        return draft_health_events(judged, mine, signature, hushed_by(silences, now))

    def _calm(self, updates: int) -> int:
        calm: int = self._settings.calm_minutes * 2**updates
        return min(calm, max(MOST_CALM, self._settings.calm_minutes))


def _spending(incidents: Mapping[str, Incident], first: int) -> list[Trouble]:
    """What was told of spend; not what was kept from people."""
    told = {name: one for name, one in incidents.items() if one.opened.signal in MONEY and not one.last.is_hushed}
    return [_as_trouble(name, one, first) for name, one in told.items()]


def troubles_of(
    incidents: Mapping[str, Incident], first: int, calendar: Sequence[Announced], causes: Sequence[Trouble] = ()
) -> Troubles:
    """What was told, and what people have said of it, as judged minutes from ``first`` on take it."""
    tunings = {
        signal: heed(one for one in incidents.values() if one.opened.signal == signal).tunings for signal in WATCHED
    }
    told_at: dict[str | None, list[int]] = {}
    for one in incidents.values():
        if one.verdict != UNEXPECTED and "tenant" in one.opened.scoped_by:
            told_at.setdefault(one.opened.tenant, []).append(to_minute(one.opened.opened_at))
    said = heed(incidents.values())
    return Troubles(
        all=[_as_trouble(name, one, first) for name, one in incidents.items()],
        causes=causes,
        calendar=(*calendar, *said.announced),
        tunings=tunings,
        told_at=told_at,
    )


def _as_trouble(name: str, incident: Incident, first: int) -> Trouble:
    opened, last = incident.opened, incident.last
    ended = to_minute(last.window_end)
    return Trouble(
        signal=opened.signal,
        scope=opened.scope.as_dict(),
        opened=to_minute(opened.opened_at),
        active=max(to_minute(opened.opened_at), ended - 1),
        since=first - 1,
        beyond=_beyond(last),
        known_as=name,
        resolved=None if incident.is_open else ended,
    )


def _beyond(last: Event) -> float:
    """By how much the share differed; of a quantile the times were told: what it takes at least."""
    row = BY_NAME.get(last.signal)
    if row is not None and row.quantile:
        return row.points
    return abs((last.measured or 0.0) - (last.usual or 0.0))
