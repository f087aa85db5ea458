"""From troubles to events: what must be told, in counts and words. Pure: the same troubles give the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from alerts.events import CRITICAL, WARNING, Signature, end_of, hushed, next_event
from alerts.health.counts import ALL
from alerts.health.places import Scope as Values
from alerts.health.table import BY_NAME, DIMENSIONS, SILENCE
from alerts.health.telling import Told, has_left, tell
from alerts.health.troubles import Trouble
from alerts.health.vitals import Judged, beyond_now
from alerts.health.words import whose
from alerts.incidents import (
    ESCALATED,
    MAX_UPDATES,
    OPENED,
    UPDATED,
    WORSE,
    Event,
    Incident,
    Scope,
)
from alerts.minutes import to_minute, to_time
from alerts.signals.leaves import Leaf

LEFT = "nothing for two days: taken to have left"


def draft_health_events(
    judged: Judged,
    incidents: Mapping[str, Incident],
    signature: Signature,
    is_silenced: Callable[[Values, str], bool] = lambda _scope, _signal: False,
) -> list[Event]:
    """The events that are due; ``is_silenced``: whether somebody wants to hear nothing of a scope's signal now."""
    events: list[Event] = []
    for one in judged.troubles.all:
        known = incidents.get(one.known_as or "")
        until = known.silenced_until if known else None
        quiet = (until is not None and signature.recorded_at < until) or is_silenced(one.scope, one.signal)
        events += _follow(one, judged, known, signature, quiet=quiet)
    return events


def _follow(
    one: Trouble, judged: Judged, known: Incident | None, signature: Signature, *, quiet: bool
) -> Iterator[Event]:
    if known is None:
        if one.part_of is None:
            opened = _open(one, judged, signature)
            yield opened
            if one.resolved is not None:
                yield _over(one, judged, Incident(opened=opened, last=opened, updates=0), signature)
    elif known.is_open and one.part_of is not None:
        said = f"{whose(one.scope)}: part of what {whose(one.part_of)} has"
        yield end_of(known, said, signature, f"part of {Scope.of(one.part_of)}")
    elif known.is_open and one.resolved is not None:
        yield _over(one, judged, known, signature)
    elif not known.is_open and one.again and one.resolved is None:
        again = _again(one, judged, known, signature)
        yield hushed(again) if quiet or known.is_acknowledged else again
    elif known.is_open and not quiet:
        yield from _follow_open(one, judged, known, signature)


def _follow_open(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Iterator[Event]:
    """What is due of one that is open still: that it is critical now, also to who has it, or that it is much worse."""
    if known.last.is_hushed and not known.is_acknowledged:
        yield _again(one, judged, known, signature)
        return
    row = BY_NAME.get(one.signal)
    if row is None or row.quantile:
        return
    if known.last.severity == WARNING and row.critical_at is not None:
        worst = tell(one, judged, to_minute(known.opened.window_start))
        if _is_critical(one.signal, worst) and worst.affected >= row.critical_at * row.least:
            yield _event(ESCALATED, one, worst, signature, known=known, severity=CRITICAL)
            return
    worse = beyond_now(judged.body, one.signal, one.scope) >= WORSE * one.beyond
    if worse and not known.is_acknowledged and known.updates < MAX_UPDATES:
        yield _again(one, judged, known, signature)


def _is_critical(signal: str, told: Told) -> bool:
    limit = BY_NAME[signal].critical_at if signal in BY_NAME else None
    return limit is not None and told.measured >= limit


def _open(one: Trouble, judged: Judged, signature: Signature) -> Event:
    told = tell(one, judged)
    values = {name: value for name, value in zip(DIMENSIONS, one.leaf or (), strict=False) if value is not ALL}
    series = Leaf(*(values.get(name) for name in Leaf._fields))
    severity = CRITICAL if _is_critical(one.signal, told) else WARNING
    return _event(OPENED, one, told, signature, severity=severity, series=(series,))


def _again(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Event:
    """It has become worse, or goes on after its end."""
    after = to_minute(known.last.window_end if one.again else known.opened.window_start)
    told = tell(one, judged, after, find=one.again)
    return _event(UPDATED, one, told, signature, known=known, severity=known.last.severity)


def _event(
    kind: str,
    one: Trouble,
    told: Told,
    signature: Signature,
    *,
    severity: str,
    known: Incident | None = None,
    series: tuple[Leaf, ...] = (),
) -> Event:
    start, end = told.window
    return next_event(
        kind,
        one.signal,
        known.opened.scope if known else Scope.of(one.scope),
        signature,
        window=(known.opened.window_start if known else start, end),
        opened_at=to_time(one.opened),
        known=known,
        severity=severity,
        more={
            "measured": told.measured,
            "usual": told.usual,
            "affected": told.affected,
            "contributors": told.contributors,
            "summary": told.summary,
            "series": known.opened.series if known else series,
        },
    )


def _over(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Event:
    end = max(to_time(one.resolved or one.active + 1), known.opened.window_start)
    lasted = (end - known.opened.window_start) / timedelta(minutes=1)
    said = f"{known.last.summary}; over, it lasted {lasted:,.0f} min"
    note = LEFT if one.signal == SILENCE and has_left(one, judged) else None
    return replace(end_of(known, f"{said}; {note}" if note else said, signature, note), window_end=end)
