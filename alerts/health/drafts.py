"""From troubles to events: what must be told, in counts and words. Pure: the same troubles give the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from alerts.health.counts import ALL, Key
from alerts.health.places import Scope as Values
from alerts.health.places import is_within
from alerts.health.silence import LEFT_MINUTES
from alerts.health.speeds import quantile_ms
from alerts.health.table import BY_NAME, CALLS, DIMENSIONS, SILENCE, Signal
from alerts.health.troubles import Trouble
from alerts.health.vitals import Judged, beyond_now
from alerts.health.words import NAMED_SHARE, UNATTRIBUTED, percent, since, tell_share, tell_silence, whose
from alerts.incidents import (
    ESCALATED,
    MAX_UPDATES,
    OPENED,
    UPDATED,
    WORSE,
    Contributor,
    Event,
    Incident,
    Scope,
    hash_id,
    incident_id,
)
from alerts.judge import CRITICAL, WARNING, Signature, end_of
from alerts.minutes import to_minute, to_time
from alerts.signals.arrays import Floats, Numbers
from alerts.signals.leaves import Leaf

ZERO = Decimal(0)
NAMED_KINDS, NAMED_KIND_SHARE = 2, 0.2
TOP = 3
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
        yield _again(one, judged, known, signature)
    elif known.is_open and not quiet:
        yield from _follow_open(one, judged, known, signature)


def _follow_open(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Iterator[Event]:
    """What is due of one that is open still: that it is critical now, also to who has it, or that it is much worse."""
    row = BY_NAME.get(one.signal)
    if row is None or row.quantile:
        return
    if known.last.severity == WARNING and row.critical_at is not None:
        worst = _escalate(one, judged, known, signature)
        if _is_critical(worst) and (worst.affected or 0) >= row.critical_at * row.least:
            yield worst
            return
    worse = beyond_now(judged.body, one.signal, one.scope) >= WORSE * one.beyond
    if worse and not known.is_acknowledged and known.updates < MAX_UPDATES:
        yield _again(one, judged, known, signature)


def _is_critical(told: Event) -> bool:
    limit = BY_NAME[told.signal].critical_at if told.signal in BY_NAME else None
    return limit is not None and (told.measured or 0) >= limit


def _open(one: Trouble, judged: Judged, signature: Signature) -> Event:
    opened_at = to_time(one.opened)
    scope = Scope.of(one.scope)
    identity = incident_id(scope, one.signal, opened_at)
    told = _tell_silence(one, judged) if one.signal == SILENCE else _tell(one, judged, 0, find=True)
    leaf = one.leaf or ()
    values = {name: value for name, value in zip(DIMENSIONS, leaf, strict=False) if value is not ALL}
    series = Leaf(*(values.get(name) for name in Leaf._fields))
    return replace(
        told,
        event_id=hash_id(identity, OPENED, 0),
        incident_id=identity,
        recorded_at=signature.recorded_at,
        opened_at=opened_at,
        severity=CRITICAL if _is_critical(told) else WARNING,
        series=(series,),
        actor=signature.actor,
    )


def _again(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Event:
    """It has become worse, or goes on after its end."""
    after = to_minute(known.last.window_end if one.again else known.opened.window_start)
    told = _tell_silence(one, judged) if one.signal == SILENCE else _tell(one, judged, after, find=one.again)
    return _next(told, UPDATED, known.last.severity, known, signature)


def _escalate(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Event:
    """It is critical by now: told from the minute on from which it is as bad."""
    told = _tell(one, judged, to_minute(known.opened.window_start), find=True)
    return _next(told, ESCALATED, CRITICAL, known, signature)


def _next(told: Event, kind: str, severity: str, known: Incident, signature: Signature) -> Event:
    last, sequence = known.last, known.last.sequence + 1
    return replace(
        told,
        event_id=hash_id(last.incident_id, kind, sequence),
        incident_id=last.incident_id,
        sequence=sequence,
        event=kind,
        recorded_at=signature.recorded_at,
        opened_at=known.opened.opened_at,
        window_start=known.opened.window_start,
        severity=severity,
        series=known.opened.series,
        actor=signature.actor,
    )


def _over(one: Trouble, judged: Judged, known: Incident, signature: Signature) -> Event:
    end = max(to_time(one.resolved or one.active + 1), known.opened.window_start)
    lasted = (end - known.opened.window_start) / timedelta(minutes=1)
    said = f"{known.last.summary}; over, it lasted {lasted:,.0f} min"
    note = LEFT if one.signal == SILENCE and _has_left(one, judged) else None
    return replace(end_of(known, f"{said}; {note}" if note else said, signature, note), window_end=end)


def _tell(one: Trouble, judged: Judged, after: int, *, find: bool) -> Event:
    """What its minutes hold from ``after`` on; ``find``: from the one of these on from which they are odd together."""
    row = BY_NAME[one.signal]
    fold = judged.body.folds[row.family]
    place = fold.signals.index(row)
    mine = np.flatnonzero(
        [leaf and is_within(key, one.scope) for key, leaf in zip(fold.index.keys, fold.index.is_leaf, strict=True)]
    )
    usual = fold.usual()[place, mine]
    part = np.array([_of(seen.part[row.family][place], mine) for seen in judged.seen])  # (minutes, leaves)
    whole = np.array([_of(seen.whole[row.family][place], mine) for seen in judged.seen])
    first = judged.seen[0].minute
    begin = min(max(after - first, 0), len(part) - 1)
    if find:
        beyond = (part - usual * whole).sum(axis=1) * (-1 if row.falls else 1)
        begin += onset(beyond[begin:], whole.sum(axis=1)[begin:])
    at = slice(begin, None)
    parts, wholes = part[at].sum(axis=0), whole[at].sum(axis=0)
    calls = max(wholes.sum(), 1e-9)
    told = {
        "measured": parts.sum() / calls,
        "usual": (usual * wholes).sum() / calls,
        "part": parts.sum(),
        "whole": wholes.sum(),
    }
    if row.quantile:
        bins = np.sum([_of(seen.blocks[row.family].bins[row.quantile], mine) for seen in judged.seen[at]], axis=0)
        expected = fold.speeds[row.quantile].usual[:, mine]
        mix = wholes / np.maximum(expected.sum(axis=0), 1e-9)
        told |= {
            "measured": quantile_ms(bins.sum(axis=1)),
            "usual": quantile_ms((expected * mix).sum(axis=1)),
        }
    start, end = to_time(first + begin), to_time(judged.until)
    keys = [fold.index.keys[number] for number in mine]
    counts = wholes if row.falls else parts
    causes = _contributors(keys, counts, one.scope)
    summary = tell_share(row, one.scope, told, _kinds(row, judged, mine, at), since(start, end))
    return _event(one, (start, end), told, causes, "; ".join([summary, *_named(causes, counts.sum())]))


def onset(beyond: Floats, whole: Floats) -> int:
    """Place of the minute from which on the rest is most in excess of half of what the last minutes are in excess.

    Of change points the maximum likelihood one, about (Page, Biometrika 41, 1954).
    """
    late = slice(-5, None)
    rate = beyond[late].sum() / max(whole[late].sum(), 1e-9)
    sums = (beyond - rate / 2 * whole)[::-1].cumsum()[::-1]
    return int(np.argmax(sums))


def _tell_silence(one: Trouble, judged: Judged) -> Event:
    silence, place = judged.body.silence, _speakers(judged).index(_as_key(one))
    end = silence.until
    start = to_time(end - int(silence.quiet[place]))
    missed = float(silence.missed[place])
    told = {"measured": 0.0, "usual": missed, "part": missed, "whole": missed}
    return _event(one, (start, to_time(end)), told, (), tell_silence(one.scope, missed, since(start, to_time(end))))


def _has_left(one: Trouble, judged: Judged) -> bool:
    """Whether nothing has come for so long, or for longer than is known."""
    speakers, key = _speakers(judged), _as_key(one)
    return key not in speakers or judged.body.silence.quiet[speakers.index(key)] >= LEFT_MINUTES


def _speakers(judged: Judged) -> list[Key]:
    keys = judged.body.folds[CALLS].index.keys
    return [key for key in keys if key[2] is ALL and key[0] is not ALL]


def _as_key(one: Trouble) -> Key:
    return tuple(one.scope.get(name, ALL) for name in DIMENSIONS)


def _event(
    one: Trouble,
    window: tuple[datetime, datetime],
    told: Mapping[str, float],
    causes: tuple[Contributor, ...],
    summary: str,
) -> Event:
    scope = Scope.of(one.scope)
    start, end = window
    return Event(
        event_id="",
        incident_id="",
        sequence=0,
        event=OPENED,
        recorded_at=end,
        opened_at=start,
        window_start=start,
        window_end=max(end, start),
        tenant=one.scope.get("tenant"),
        feature=one.scope.get("feature"),
        provider=one.scope.get("provider"),
        model=one.scope.get("model"),
        scoped_by=tuple(name for name, _ in scope.values),
        signal=one.signal,
        severity=WARNING,
        observed_usd=ZERO,
        expected_usd=ZERO,
        excess_usd=ZERO,
        excess_usd_per_hour=ZERO,
        contributors=causes,
        summary=summary,
        measured=float(told["measured"]),
        usual=float(told["usual"]),
        affected=round(told["part"]),
    )


def _kinds(row: Signal, judged: Judged, mine: Numbers, at: slice) -> list[str]:
    """Classes of what has failed, the most frequent first."""
    if not row.parts[:1] or not row.parts[0].startswith("error "):
        return []
    seen = judged.seen[at]
    sums = {name: sum(_of(one.blocks[row.family].counts[name], mine).sum() for one in seen) for name in row.parts}
    ranked = sorted((name for name, calls in sums.items() if calls), key=lambda name: -sums[name])
    whole = sum(sums.values())
    return [name.removeprefix("error ") for name in ranked[:NAMED_KINDS] if sums[name] >= NAMED_KIND_SHARE * whole]


def _contributors(keys: Sequence[Key], counts: Floats, scope: Values) -> tuple[Contributor, ...]:
    """Whose calls they are, by each dimension that the scope leaves open."""
    found = []
    for place, name in enumerate(DIMENSIONS):
        sums: dict[str | None, float] = {}
        for key, count in zip(keys, counts, strict=True):
            if key[place] is not ALL:
                sums[key[place]] = sums.get(key[place], 0.0) + float(count)  # type: ignore[index, arg-type]
        ranked = sorted(sums.items(), key=lambda one: (-one[1], one[0] or ""))[:TOP]
        if name not in scope:
            found += [
                Contributor(
                    dimension=name,
                    value=value,
                    observed_usd=ZERO,
                    expected_usd=ZERO,
                    excess_usd=ZERO,
                    calls=round(calls),
                )
                for value, calls in ranked
                if calls
            ]
    return tuple(sorted(found, key=lambda part: -part.calls))


def _named(causes: Sequence[Contributor], whole: float) -> list[str]:
    """The first value of each dimension that holds half of them or more."""
    first = {part.dimension: part for part in reversed(causes)}
    named = [
        f"{percent(part.calls / whole)} from {part.dimension} {part.value or UNATTRIBUTED}"
        for part in first.values()
        if whole and part.calls >= NAMED_SHARE * whole
    ]
    return [", ".join(reversed(named))] if named else []


def _of(values: Floats, mine: Numbers) -> Floats:
    """The columns of some series; of those that were not known yet 0."""
    found = np.zeros((*values.shape[:-1], len(mine)))
    known = mine < values.shape[-1]
    found[..., known] = values[..., mine[known]]
    return found
