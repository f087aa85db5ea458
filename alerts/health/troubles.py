"""What is wrong, and since when: told incidents go on, what belongs to none begins another.

One trouble of a signal and scope is open at a time. What is odd within a trouble's scope belongs to it, as does what
is odd of the same tenant's feature or model; within three hours of its end it goes on with it. Who is silent still when
the feed is back is told of by itself. A wider scope takes the narrower troubles in, for good. Nothing begins where a
signal that it yields to is on, or where it was announced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.calendar import Announced, explains_opening
from alerts.calendar import Event as Entry
from alerts.health.counts import ALL, Key
from alerts.health.places import Scope, is_within
from alerts.health.table import BY_NAME, DIMENSIONS, SILENCE
from alerts.minutes import to_time
from alerts.signals.leaves import Leaf
from alerts.signals.tuning import Tuning, times_for

GAP = 180
"""Minutes after its end in which what is odd again goes on with it."""
WEARY = 1.2
WEARY_FORGET = 0.5 ** (1 / (7 * 1440))  # of minutes: a week


@dataclass(slots=True)
class Trouble:
    """``opened`` and ``active`` are minutes, as is ``since``: before, nobody looked whether it is calm.

    ``unheard``: minutes after both that say nothing of it; ``known_as``: id of the incident, None = not told yet.

    ``beyond``: by how much the share differed from the usual one; ``resolved``: the minute after its last one.
    ``again``: went on after its end. ``part_of``: the wider one that has taken it in.
    """

    signal: str
    scope: Scope
    opened: int
    active: int
    beyond: float = 0.0
    known_as: str | None = None
    since: int = 0
    unheard: int = 0
    resolved: int | None = None
    again: bool = False
    part_of: Scope | None = None
    leaf: Key | None = None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.resolved is None and self.part_of is None


@dataclass(slots=True)
class Troubles:
    """All that matter now; ``told_at``: minutes in which a tenant was told of something.

    ``causes``: what is told of spend, to which signals of health may yield.
    """

    all: list[Trouble]
    causes: Sequence[Trouble] = ()
    calendar: Sequence[Announced] = ()
    tunings: Mapping[str, Sequence[Tuning]] = field(default_factory=dict)
    told_at: Mapping[str | None, Sequence[int]] = field(default_factory=dict)

    def times(self, signal: str, leaf: Key, minute: int) -> float:
        """How many times the bar of a leaf is as high, by what people said and how often its tenant was told."""
        told = sum(WEARY_FORGET ** max(minute - at, 0) for at in self.told_at.get(values_of(leaf)["tenant"], ()))
        return float(times_for(self.tunings.get(signal, ()), _as_leaf(leaf), minute) * WEARY**told)

    def take(
        self,
        signal: str,
        scope: Scope,
        leaf: Key,
        minute: int,
        *,
        beyond: float = 0.0,
        is_still: Callable[[Trouble], bool] = lambda _: True,
    ) -> Trouble | None:
        """Something is odd; the trouble that begins with it, None where it belongs to another or must not be told.

        ``is_still``: whether a trouble that is over is odd enough to go on.
        """
        if self._yields(signal, leaf, minute) or self._is_announced(signal, scope, leaf, minute):
            return None
        near = [
            one
            for one in reversed(self.all)
            if one.signal == signal
            and one.part_of is None
            and _belongs(leaf, scope, one.scope)
            and (one.is_open or signal != SILENCE or bool(one.scope) == bool(scope))
        ]
        narrower = [one for one in near if _is_wider(scope, one.scope)]
        if any((one.is_open and one not in narrower) or minute < (one.resolved or 0) for one in near):
            return None
        for one in near:
            if not one.is_open and one not in narrower and minute < (one.resolved or 0) + GAP:
                if is_still(one):
                    one.resolved, one.again, one.active, one.unheard = None, True, minute, 0
                return None
        for one in narrower:
            if one.is_open:
                one.part_of = scope
        begun = Trouble(signal, scope, minute, minute, beyond, leaf=leaf)
        self.all.append(begun)
        return begun

    def _yields(self, signal: str, leaf: Key, minute: int) -> bool:
        causes = BY_NAME[signal].yields_to if signal in BY_NAME else ()
        return any(
            one.signal in causes and (one.is_open or minute < (one.resolved or 0) + GAP) and _touches(leaf, one.scope)
            for one in (*self.all, *self.causes)
        )

    def _is_announced(self, signal: str, scope: Scope, leaf: Key, minute: int) -> bool:
        values = {**values_of(leaf), **scope}
        time = to_time(minute)
        if signal == SILENCE and any(
            event.explains_absence(time, values) for event in self.calendar if isinstance(event, Entry)
        ):
            return True
        named = {"signal": signal}
        return explains_opening(self.calendar, time, leaf={**named, **values}, scope={**named, **scope})


def values_of(leaf: Key) -> dict[str, str | None]:
    """By dimension; what it does not tell is None."""
    return {name: None if value is ALL else value for name, value in zip(DIMENSIONS, leaf, strict=True)}


def _as_leaf(leaf: Key) -> Leaf:
    return Leaf(principal=None, **values_of(leaf))


def _touches(leaf: Key, scope: Scope) -> bool:
    """Whether a leaf may lie in a scope: of a dimension that it does not tell it may have any value."""
    return all(value is ALL or scope.get(name, value) == value for name, value in zip(DIMENSIONS, leaf, strict=True))


def _belongs(leaf: Key, scope: Scope, known: Scope) -> bool:
    """Whether what is odd about the leaf, in a scope, is part of what is known; or the other way round."""
    if is_within(leaf, known) or _is_wider(scope, known):
        return True
    same = {name for name, value in scope.items() if name in known and known[name] == value}
    return "tenant" in same and bool(same & {"feature", "model"})


def _is_wider(scope: Scope, known: Scope) -> bool:
    """Whether the scope holds all that is known, and more."""
    return scope.items() < known.items()
