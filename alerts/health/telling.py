"""What is told of a trouble: how much, how much it usually is, since when, of whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from alerts.health.counts import ALL, Key
from alerts.health.places import Scope as Values
from alerts.health.places import is_within
from alerts.health.silence import LEFT_MINUTES
from alerts.health.speeds import quantile_ms
from alerts.health.table import BY_NAME, DIMENSIONS, SILENCE, Signal
from alerts.health.troubles import Trouble
from alerts.health.vitals import Judged
from alerts.health.words import NAMED_SHARE, percent, since, tell_share, tell_silence
from alerts.incidents import UNATTRIBUTED, Contributor
from alerts.minutes import to_time
from alerts.onset import onset
from alerts.signals.arrays import Floats, Numbers

ZERO = Decimal(0)
NAMED_KINDS, NAMED_KIND_SHARE = 2, 0.2
TOP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A share or a time (ms), the usual one, and how many calls or checks are ``affected``, of a window."""

    window: tuple[datetime, datetime]
    measured: float
    usual: float
    affected: int
    contributors: tuple[Contributor, ...]
    summary: str


def tell(one: Trouble, judged: Judged, after: int = 0, *, find: bool = True) -> Told:
    """What its minutes hold from ``after`` on; ``find``: from the one of these on from which they are odd together."""
    return _tell_silence(one, judged) if one.signal == SILENCE else _tell(one, judged, after, find=find)


def _tell(one: Trouble, judged: Judged, after: int, *, find: bool) -> Told:
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
    affected = told["whole"] - told["part"] if row.falls else told["part"]
    return _told((start, end), {**told, "part": affected}, causes, "; ".join([summary, *_named(causes, counts.sum())]))


def _tell_silence(one: Trouble, judged: Judged) -> Told:
    silence, speakers = judged.body.silence, judged.body.speakers()
    mine = _silent_of(one, judged)
    end = silence.until
    start = to_time(end - int(silence.quiet[mine].min()))
    missed = float(silence.missed[mine].sum())
    told = {"measured": 0.0, "usual": missed, "part": missed, "whole": missed}
    causes = _contributors([speakers[place] for place in mine], silence.missed[mine], one.scope)
    return _told((start, to_time(end)), told, causes, tell_silence(one.scope, missed, since(start, to_time(end))))


def has_left(one: Trouble, judged: Judged) -> bool:
    """Whether nothing has come for so long, or for longer than is known."""
    speakers, quiet = judged.body.speakers(), judged.body.silence.quiet
    mine = [place for place, key in enumerate(speakers) if not one.scope or key == _as_key(one)]
    return bool(np.all(quiet[mine] >= LEFT_MINUTES))


def _silent_of(one: Trouble, judged: Judged) -> Numbers:
    """Places of who is silent: of the feed the tenants with the longest quiet in which something is missed."""
    silence, speakers = judged.body.silence, judged.body.speakers()
    if one.scope:
        return np.flatnonzero([key == _as_key(one) for key in speakers])
    tenants = np.array([key[1] is ALL for key in speakers], np.bool_) & (silence.missed > 0)
    groups = [silence.stopped_with(int(place), tenants) for place in np.flatnonzero(tenants)]
    return np.flatnonzero(max(groups, key=np.sum)) if groups else np.zeros(0, np.int64)


def _as_key(one: Trouble) -> Key:
    return tuple(one.scope.get(name, ALL) for name in DIMENSIONS)


def _told(
    window: tuple[datetime, datetime],
    told: Mapping[str, float],
    causes: tuple[Contributor, ...],
    summary: str,
) -> Told:
    return Told(
        window=window,
        measured=float(told["measured"]),
        usual=float(told["usual"]),
        affected=round(told["part"]),
        contributors=causes,
        summary=summary,
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
