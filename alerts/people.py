"""What people say of incidents, and what that changes.

=============  =====================================================================================================
acknowledged   no more updates, nor that it goes on after its end; that it becomes critical, and its end, are told
silenced       likewise, and no opening of its signal within its scope, until then; the last silence counts
expected       such is usual: scores of the scope must be half as high again, half forgotten in 30 days
too small      excess within the scope must be more than this one's
planned        its signal is announced in its scope from the beginning of its window to a day after this was said
unexpected     a good alert: it does not make its tenant weary
=============  =====================================================================================================

A silence and a plan are of the signal that they were given on, and of the budget: who has accepted a price has not
accepted a stolen key, and what names nobody (a budget of the company, the feed) mutes nobody's spend. Spend, calls and
tokens a call of a scope are one thing seen in three ways. Only feedback is a verdict, and the last one counts; a note
beside another word is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerts.calendar import Announced
from alerts.calendar import Event as Entry
from alerts.incidents import (
    BARE,
    EXPECTED,
    FEEDBACK,
    PLANNED,
    SILENCED,
    TOO_SMALL,
    Event,
    Incident,
    Subject,
    hash_id,
)
from alerts.minutes import to_minute, to_time
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import DIMENSIONS
from alerts.signals.tuning import Tuning

AFTER = timedelta(days=1)
STILL_JUDGED = timedelta(hours=1)
"""Minutes before a silence in which something may still be found odd."""
TIMES = 1.5
USAGE = (SPEND, CALLS, TOKENS)
FOREVER = datetime.max.replace(tzinfo=UTC)


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
        scope, at = _tuned(incident.opened), to_minute(incident.opened.opened_at)
        if incident.verdict == EXPECTED:
            tunings.append(Tuning(scope=scope, at=at, times=TIMES))
        if incident.verdict == TOO_SMALL:
            tunings.append(Tuning(scope=scope, at=at, least_usd=float(incident.last.excess_usd)))
        announced += _silences_of(incident)
        if incident.verdict == PLANNED:
            said_at = next(event.recorded_at for event in reversed(incident.said) if event.event == FEEDBACK)
            announced += _announce(PLANNED, incident.opened.window_start, said_at + AFTER, incident)
    return Said(tunings=tunings, announced=announced)


def _tuned(opened: Event) -> dict[str, str | None]:
    """Whose bars a verdict raises; a price is of nobody's usage, and what is said of it leaves usage alone."""
    scope = opened.scope.as_dict()
    return {**dict.fromkeys(DIMENSIONS), **scope} if opened.signal == PRICE else scope


def _silences_of(incident: Incident) -> Iterator[Entry]:
    """Each until it is over, or until another takes its place."""
    silences = [event for event in incident.said if event.event == SILENCED and event.until is not None]
    ends = [*(event.recorded_at for event in silences[1:]), FOREVER]
    for event, end in zip(silences, ends, strict=False):
        start = to_time(to_minute(event.recorded_at - STILL_JUDGED))  # minutes are judged whole
        yield from _announce("silenced", start, min(event.until or end, end), incident)


def named_of(subject: Subject) -> dict[str, str | None]:
    """What silences are held against: the scope, the signal, and the budget where it is of one."""
    budget = {} if subject.budget is None else {"budget": subject.budget}
    return {**subject.scope.as_dict(), "signal": subject.signal, **budget}


def _announce(kind: str, start: datetime, end: datetime, incident: Incident) -> list[Entry]:
    subject = incident.opened.subject
    signals = USAGE if subject.signal in USAGE else (subject.signal,)
    named = [{**named_of(subject), "signal": signal} for signal in signals]
    return [Entry(kind=kind, starts_at=start, ends_at=end, values=values, is_exact=True) for values in named]
