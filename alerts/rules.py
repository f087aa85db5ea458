"""Rules as incidents: what is on opens one, what is calm resolves it; what is neither is no news.

One incident of a signal and a scope (or budget) is open at a time. What is on again within ``GAP`` of its end goes on
with it. It is told again when it has doubled, a few times. Pure: the same cases and events so far give the same events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.calendar import Announced, hushed_by
from alerts.events import Signature, end_of, hushed, next_event
from alerts.incidents import MAX_UPDATES, OPENED, RESOLVED, UPDATED, WORSE, Event, Incident, Subject, hash_id
from alerts.people import named_of

GAP, TOLD = timedelta(hours=3), timedelta(hours=6)
GONE = "nobody tells of it any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A rule about a subject now. ``measured`` and ``usual`` are shares, of which ``affected`` are so many.

    ``said``: what is told, in words. ``told_by``: nothing opens while an incident of that is open, nor ``TOLD`` after.
    """

    subject: Subject
    severity: str
    is_on: bool
    is_calm: bool
    window: tuple[datetime, datetime]
    measured: float
    usual: float
    affected: int
    said: str
    told_by: Subject | None = None


def draft_rule_events(
    cases: Iterable[Case],
    signals: Collection[str],
    incidents: Mapping[Subject, Incident],
    silences: Sequence[Announced],
    signature: Signature,
) -> list[Event]:
    """The events that are due; an open incident of one of the ``signals`` that has no case any more is over."""
    by_subject = {case.subject: case for case in cases}
    is_silenced = hushed_by(silences, signature.recorded_at)
    drafts = [
        event
        for subject, case in by_subject.items()
        for event in _follow(
            case,
            incidents.get(subject),
            signature,
            quiet=is_silenced(named_of(subject), subject.signal) or _is_told(case, incidents),
        )
    ]
    gone = [
        incident
        for subject, incident in incidents.items()
        if incident.is_open and subject.signal in signals and subject not in by_subject
    ]
    return drafts + [end_of(one, f"{one.last.summary}; over: {GONE}", signature, GONE) for one in gone]


def _is_told(case: Case, incidents: Mapping[Subject, Incident]) -> bool:
    known = None if case.told_by is None else incidents.get(case.told_by)
    return known is not None and (known.is_open or case.window[1] < known.last.window_end + TOLD)


def _follow(case: Case, known: Incident | None, signature: Signature, *, quiet: bool) -> Iterator[Event]:
    if known is None or (not known.is_open and case.window[1] >= known.last.window_end + GAP):
        if case.is_on and not quiet:
            yield _event(case, OPENED, None, signature)
        return
    quiet = quiet or known.is_acknowledged
    if known.is_open and case.is_calm:
        over = _event(case, RESOLVED, known, signature)
        yield hushed(over) if known.last.is_hushed else over
    elif not known.is_open and case.is_on:
        again = _event(case, UPDATED, known, signature)
        yield hushed(again) if quiet else again
    elif known.is_open and case.is_on and not quiet and known.updates < MAX_UPDATES and _is_worse(case, known.last):
        yield _event(case, UPDATED, known, signature)


def _is_worse(case: Case, last: Event) -> bool:
    return last.is_hushed or case.measured >= WORSE * (last.measured or 0.0) > 0


def _event(case: Case, kind: str, known: Incident | None, signature: Signature) -> Event:
    subject, (start, end) = case.subject, case.window
    opened_at = signature.recorded_at.replace(second=0, microsecond=0)
    parts = (part for pair in subject.scope.values for part in pair)
    return next_event(
        kind,
        subject.signal,
        subject.scope,
        signature,
        window=(min(known.opened.window_start, start) if known else start, end),
        known=known,
        identity=hash_id(subject.signal, subject.budget, *parts, opened_at.isoformat()),
        severity=case.severity,
        more={
            "budget": subject.budget,
            "measured": case.measured,
            "usual": case.usual,
            "affected": case.affected,
            "summary": f"{case.said}{', over' if kind == RESOLVED else ''}",
        },
    )
