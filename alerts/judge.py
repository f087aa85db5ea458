"""From episodes to events: what must be told, with amounts and causes to it.

Pure: the same episodes, usage and events so far give the same events, with the same ids. Episodes are made of floats;
what is told is not: observed spend is the exact sum of the ledger, expected spend is rounded to a millionth of a
dollar, and their difference is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.events import CRITICAL, MICRODOLLAR, WARNING, Signature, end_of, hushed, next_event
from alerts.evidence import Evidence, account_for, look_at, rate_per_hour
from alerts.explain import total_usd
from alerts.health.table import MONEY
from alerts.history import Judged
from alerts.incidents import (
    ESCALATED,
    HUSHED,
    MAX_UPDATES,
    OPENED,
    PART,
    RESOLVED,
    UNEXPECTED,
    UPDATED,
    WORSE,
    Event,
    Incident,
    Scope,
)
from alerts.minutes import to_minute, to_time
from alerts.signals.episode import Episode, width_of
from alerts.signals.fold import HOUR
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaf
from alerts.text import summarise

MINUTE = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
CRITICAL_GATES = 10
"""An incident is critical from an excess of so many times the USD gate on."""
DETECTED = (SPEND, CALLS, TOKENS, PRICE)
"""Signals of detectors; the others are of budgets."""
RETRACTED = "retracted: with what has come since, nothing is odd"
GONE = "nothing was odd while nobody looked"


def episodes_told(incidents: Mapping[str, Incident]) -> dict[int, list[Episode]]:
    """What detectors have told so far, as they go on with it, by the minute in which it opened."""
    told: dict[int, list[Episode]] = {}
    for incident in incidents.values():
        if incident.opened.signal in DETECTED:
            episode = _episode_of(incident)
            told.setdefault(episode.opened, []).append(episode)
    return told


def draft_events(
    judged: Judged, incidents: Mapping[str, Incident], evidence: Evidence, signature: Signature
) -> list[Event]:
    """The events that are due."""
    drafts: list[Event] = []
    for episode in judged.opened:
        opened = _open(episode, evidence, signature)
        drafts.append(opened)
        if episode.resolved is not None:
            alone = Incident(opened=opened, last=opened, updates=0)
            drafts.append(_resolve(episode, alone, evidence, signature))
    known = {episode.known_as: episode for episode in judged.known}
    for name, incident in incidents.items():
        if incident.opened.signal in DETECTED:
            drafts += _follow(known.get(name), incident, judged, evidence, signature)
    return drafts


def _open(episode: Episode, evidence: Evidence, signature: Signature) -> Event:
    """Kept from people where a loop that was told has it, unless it is critical or comes from somebody new."""
    opened = _draft(episode, OPENED, None, evidence, signature)
    is_new = any(change.dimension in ("principal", "model") for change in opened.changes)
    return hushed(opened, PART) if _is_part(opened, evidence) and not is_new else opened


def _is_part(opened: Event, evidence: Evidence) -> bool:
    return opened.signal in MONEY and opened.severity == WARNING and evidence.is_part(opened.scope)


def _stays_part(incident: Incident, evidence: Evidence) -> bool:
    return incident.last.note == PART and _is_part(incident.last, evidence)


def _resolve(episode: Episode, incident: Incident, evidence: Evidence, signature: Signature) -> Event:
    over = _draft(episode, RESOLVED, incident, evidence, signature)
    return hushed(over, incident.last.note or HUSHED) if incident.last.is_hushed else over


def _follow(
    episode: Episode | None, incident: Incident, judged: Judged, evidence: Evidence, signature: Signature
) -> Iterator[Event]:
    """What is due of one that has been told."""
    if episode is None:
        if incident.is_open:
            yield end_of(incident, f"{incident.last.scope}: {GONE}", signature, GONE)
    elif incident.is_open and not episode.seen and episode.opened >= judged.first:
        yield end_of(incident, f"{incident.last.scope}: {RETRACTED}", signature, RETRACTED)
    elif incident.is_open and episode.resolved is not None:
        yield _resolve(episode, incident, evidence, signature)
    elif incident.is_open != (episode.resolved is None):
        again = _draft(episode, UPDATED, incident, evidence, signature)
        if _stays_part(incident, evidence):
            yield hushed(again, PART)
        else:
            yield hushed(again) if _is_quiet(incident, evidence, signature.recorded_at) else again
    elif incident.is_open and not _is_silenced(incident, evidence, signature.recorded_at):
        yield from _follow_open(episode, incident, evidence, signature)


def _follow_open(episode: Episode, incident: Incident, evidence: Evidence, signature: Signature) -> Iterator[Event]:
    """What is due of one that is open still: that it is critical now, also to who has it, or that it is much worse."""
    if incident.last.severity == WARNING and episode.excess_usd >= signature.critical_usd:
        escalated = _draft(episode, ESCALATED, incident, evidence, signature)
        if escalated.severity == CRITICAL:  # to the last digit of the ledger
            yield escalated
            return
    if _stays_part(incident, evidence):
        return
    worse = incident.last.is_hushed or episode.excess_usd >= WORSE * float(incident.last.excess_usd)
    if worse and not incident.is_acknowledged and incident.updates < MAX_UPDATES:
        yield _draft(episode, UPDATED, incident, evidence, signature)


def _is_quiet(incident: Incident, evidence: Evidence, now: datetime) -> bool:
    """Whether nobody is told that it goes on."""
    return incident.is_acknowledged or _is_silenced(incident, evidence, now)


def _is_silenced(incident: Incident, evidence: Evidence, now: datetime) -> bool:
    """Whether people want to hear nothing of it now."""
    until = incident.silenced_until
    return (until is not None and now < until) or evidence.is_silenced(
        incident.opened.scope.as_dict(), incident.opened.signal
    )


def _draft(episode: Episode, kind: str, known: Incident | None, evidence: Evidence, signature: Signature) -> Event:
    window = look_at(Scope.of(episode.scope), to_time(episode.began), to_time(episode.active + 1), evidence)
    scope, start, end = window.scope, window.start, window.end
    observed = total_usd(window.usage)
    if episode.signal == TOKENS:  # its expectation is of input alone
        expected = observed - Decimal(repr(episode.excess_usd)).quantize(MICRODOLLAR)
    else:
        expected = Decimal(repr(episode.expected_usd)).quantize(MICRODOLLAR)
    excess = observed - expected
    causes = account_for(window, expected, known.opened if known else None, evidence)
    if episode.signal in (SPEND, CALLS):
        per_hour = rate_per_hour(window, expected, evidence)
    else:  # what a price or a call costs more is a share of all that is spent, which day and night move
        per_hour = (excess * Decimal(AN_HOUR / (end - start))).quantize(MICRODOLLAR)
    summary = summarise(
        kind,
        scope,
        signal=episode.signal,
        window=end - start,
        observed_usd=observed,
        expected_usd=expected,
        excess_usd_per_hour=per_hour,
        contributors=causes["contributors"],
        factors=causes["factors"],
        rise=episode.rise if kind != RESOLVED else 0.0,
    )
    width = width_of(episode.signal, episode.window)
    return next_event(
        kind,
        episode.signal,
        scope,
        signature,
        window=(start, end),
        opened_at=to_time(episode.opened),
        known=known,
        severity=_severity(excess, known, kind, signature),
        observed_usd=observed,
        expected_usd=expected,
        excess_usd_per_hour=per_hour,
        more={**causes, "summary": summary, "window_minutes": width, "series": tuple(episode.leaves)},
    )


def _severity(excess: Decimal, known: Incident | None, kind: str, signature: Signature) -> str:
    """By the excess as it opens; then what it was, until it escalates."""
    if known is not None and kind != ESCALATED:
        return known.last.severity
    return CRITICAL if excess >= Decimal(signature.critical_usd) else WARNING


def _episode_of(incident: Incident) -> Episode:
    """An incident as detectors go on with it. Rows of earlier versions name no series: the scope is all they have."""
    opened = incident.opened
    width = opened.window_minutes or HOUR
    scope = opened.scope.as_dict()
    counted = to_minute(opened.window_end - timedelta(microseconds=1))
    return Episode(
        opened=to_minute(opened.opened_at),
        began=to_minute(opened.window_start),
        signal=opened.signal,
        window=width // HOUR if opened.signal == TOKENS else width,
        scope=scope,
        severity=opened.severity,
        observed_usd=float(opened.observed_usd),
        expected_usd=float(opened.expected_usd),
        contributors=(),
        leaves=list(opened.series) or [Leaf(*(scope.get(name) for name in Leaf._fields))],
        active=counted,
        last=counted,
        counted=counted,
        known_as=opened.incident_id,
        wanted=incident.verdict == UNEXPECTED,
    )
