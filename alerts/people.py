"""What people say of incidents, and what that changes.

=============  =====================================================================================================
acknowledged   no more updates, nor that it goes on after its end; that it becomes critical, and its end, are told
silenced       likewise, and no opening within its scope, until then
expected       such is usual: scores of the scope must be half as high again, half forgotten in 30 days
too small      excess within the scope must be more than this one's
planned        the scope is in the calendar from the beginning of its window to a day after this was said
unexpected     a good alert: it does not make its tenant weary
=============  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.calendar import Announced
from alerts.calendar import Event as Entry
from alerts.incidents import BARE, EXPECTED, PLANNED, TOO_SMALL, Event, Incident, hash_id
from alerts.minutes import to_minute
from alerts.signals.tuning import Tuning

AFTER = timedelta(days=1)
STILL_JUDGED = timedelta(hours=1)
"""Minutes before a silence in which something may still be found odd."""
TIMES = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What openings must heed."""

    tunings: Sequence[Tuning] = ()
    announced: Sequence[Announced] = ()


def say(
    incident: Incident, kind: str, *, who: str, now: datetime, note: str | None = None, until: datetime | None = None
) -> Event:
    """What somebody says of an incident, as a row of the journal."""
    last = incident.last
    return replace(
        last,
        event_id=hash_id(last.incident_id, kind, who, now.isoformat()),
        event=kind,
        recorded_at=now,
        **BARE,
        summary=None,
        actor=who,
        note=note,
        until=until,
    )


def heed(incidents: Iterable[Incident], others: Iterable[Announced] = ()) -> Said:
    """What people have said so far, and what ``others`` announce: the calendar, who silences alerts elsewhere."""
    tunings: list[Tuning] = []
    announced: list[Announced] = [*others]
    for incident in incidents:
        scope, at = incident.opened.scope.as_dict(), to_minute(incident.opened.opened_at)
        if incident.verdict == EXPECTED:
            tunings.append(Tuning(scope=scope, at=at, times=TIMES))
        if incident.verdict == TOO_SMALL:
            tunings.append(Tuning(scope=scope, at=at, least_usd=float(incident.last.excess_usd)))
        for event in incident.said:
            if event.until is not None:
                announced.append(_announce("silenced", event.recorded_at - STILL_JUDGED, event.until, incident))
            if event.note == PLANNED:
                announced.append(_announce(PLANNED, incident.opened.window_start, event.recorded_at + AFTER, incident))
    return Said(tunings=tunings, announced=announced)


def _announce(kind: str, start: datetime, end: datetime, incident: Incident) -> Entry:
    values = incident.opened.scope.as_dict()
    return Entry(kind=kind, starts_at=start, ends_at=end, values=values, is_exact=True)
