"""What launches of the calendar make of the days of a group: times a factor, and so much more.

A launch may be of a slice that a group holds in part. Then its factor is about the slice's share of the group, and its
USD a day are the group's share of the slice, both by the spend of the last four settled weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from warehouse.planning.file import Launch
from warehouse.planning.periods import midnight
from warehouse.planning.series import Asked, Group, Sums, narrowed, sees
from warehouse.planning.weekdays import Reals
from warehouse.questions.dimensions import Filter
from warehouse.reader import ALL

RECENT = timedelta(days=28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A launch as one group feels it: ``factor`` times, and ``picos`` a day more."""

    name: str
    first: date
    after: date
    factor: float
    picos: float


def effects_of(
    asked: Asked, launches: Sequence[Launch], sums: Sums, until: date, last: date
) -> dict[Group, list[Effect]]:
    """By group of ``sums`` the launches that it feels at all, of those that begin by ``last``.

    ``sums``: daily, ``until`` the first day that is not settled.
    """
    found: dict[Group, list[Effect]] = {group: [] for group in sums}
    recent = _recent(sums, until)
    for launch in launches:
        if launch.first > last:
            continue
        for group, (of_group, of_slice) in _shares(asked, launch.of, recent, until).items():
            factor, picos = 1 + (float(launch.factor) - 1) * of_group, launch.picos * of_slice
            if group in found and (factor != 1 or picos):
                effect = Effect(name=launch.name, first=launch.first, after=launch.after, factor=factor, picos=picos)
                found[group].append(effect)
    return found


def arrays(effects: Sequence[Effect], first: date, days: int) -> tuple[Reals, Reals]:
    """(days,) each: by what a day of the group is multiplied, and picodollars that come on top."""
    factors, added = np.ones(days), np.zeros(days)
    for effect in effects:
        begin, end = (min(max((day - first).days, 0), days) for day in (effect.first, effect.after))
        factors[begin:end] *= effect.factor
        added[begin:end] += effect.picos
    return factors, added


def _recent(sums: Sums, until: date) -> dict[Group, int]:
    """What groups spent in the last four weeks."""
    days = (midnight(until) - RECENT, midnight(until))
    return {
        group: sum(spend.picos for day, spend in of.items() if days[0] <= day < days[1]) for group, of in sums.items()
    }


def _shares(asked: Asked, of: Filter, recent: Mapping[Group, int], until: date) -> Mapping[Group, tuple[float, float]]:
    """By group: the slice's share of it, and its share of the slice, which is that of everybody."""
    days = (midnight(until) - RECENT, midnight(until))
    total = sum(_recent(replace(asked, scope=ALL, by=(), where=of).settled("day", *days), until).values())
    if total <= 0:  # what has not begun yet is with the groups that hold all of it
        return {group: (0.0, 1.0) for group in recent if _holds(asked, of, group)}
    held = _recent(replace(asked, where=narrowed(asked.where, of)).settled("day", *days), until) if of else recent
    return {
        group: (picos / recent[group] if recent.get(group) else 0.0, picos / total) for group, picos in held.items()
    }


def _holds(asked: Asked, of: Filter, group: Group) -> bool:
    """Whether nothing that the launch is of is outside of the group."""
    inside = [*asked.where, *((name, frozenset([value])) for name, value in zip(asked.by, group, strict=True))]
    values = dict(of)
    return sees(asked.scope, of) and all(name in values and values[name] <= allowed for name, allowed in inside)
