"""An episode: what is told when something is odd, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from alerts.signals.arrays import Floats, Numbers
from alerts.signals.causes import Contributor, Scope, is_within
from alerts.signals.fold import HOUR, Odd
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaf, Leaves
from alerts.signals.windows import MINUTES, PIECE

STILL = 0.5
"""Part of the excess of its opening that its window must still hold where longer ones alone are odd."""

LARGER = 3.0
"""What shares a principal or feature with it is its part up to so many times what its own scope holds beyond usual."""

Whose = tuple[str, str | None, str | None]
"""Who is told: a tenant, or the users of a provider's model."""


class Followed(Protocol):
    """What a minute has brought: a ``fold.Fold``."""

    leaves: Leaves

    def now(self, signal: str, /) -> tuple[Floats, Floats]:
        """USD observed in the last minute, and USD that were to be expected: (leaves,), of a price (accounts,)."""


class Known(Followed, Protocol):
    """What is known of the series at the minute: a ``fold.Fold``."""

    days: float

    def amounts(self, signal: str, window: int, /) -> tuple[Floats, Floats]:
        """USD observed in a window of a signal, and USD that were usual: (leaves,), of a price (accounts,)."""

    def since(self, signal: str, first: int, /) -> tuple[Floats, Floats]:
        """Likewise of the minutes from ``windows.since_start(first, …)`` on."""

    def excess_before(self, signal: str, window: int, first: int, /) -> Floats:
        """USD beyond usual in a window's minutes before these: (leaves,), of a price (models,), of six hours."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """What is told when it opens, at the end of minute ``opened``; ``resolved``: the minute at whose end it was calm.

    USD are of the window that was odd, from the minute ``began`` on; expected is what such hours usually hold. Where it
    is followed they grow up to ``active``. ``leaves``: those that were odd; ``active``: when they last were in its
    window or a shorter one; ``last``: in any window. ``known_as``: the id of what was told of it; ``seen``: whether
    anything was odd since that was taken in; ``again``: how often it was odd again after it was resolved;
    ``unheard``: minutes since ``active`` in which nothing came of anybody, who tell nothing;
    ``counted``: the last minute that its USD are of; ``wanted``: people said that it was a good alert; ``worst``: the
    highest excess that a leaf of its scope was odd by; ``rise``: of a price, by which share it is higher now.
    """

    opened: int
    began: int
    signal: str
    window: int
    scope: Scope
    severity: str
    observed_usd: float
    expected_usd: float
    contributors: tuple[Contributor, ...]
    leaves: list[Leaf] = field(default_factory=list)
    active: int
    last: int
    unheard: int = 0
    resolved: int | None = None
    known_as: str | None = None
    seen: bool = False
    again: int = 0
    counted: int = -1
    wanted: bool = False
    worst: float = 0.0
    rise: float = 0.0
    _since: tuple[float, float] = (0.0, 0.0)
    _enough: float = 0.0
    _members: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    _looked: int = 0

    def __post_init__(self) -> None:
        """Of its window as it was when it opened; amounts grow later."""
        self._enough = self.expected_usd + STILL * (self.observed_usd - self.expected_usd)

    def go_on(self, odd: Odd, leaf: Leaf, history: Known) -> None:
        """Take another score of what it is about.

        Longer windows stay odd for hours after it is over. They count as long as its own window still holds so much:
        of what is new and lasts, that knows after an hour nothing else.
        """
        self.last, self.seen = odd.minute, True
        if width_of(odd.signal, odd.window) <= width_of(self.signal, self.window) or self._lasts(history):
            self.again += self.resolved is not None
            self.active, self.unheard, self.resolved = odd.minute, 0, None
        if leaf not in self.leaves:
            self.leaves.append(leaf)

    def _lasts(self, history: Known) -> bool:
        if self.signal not in (SPEND, CALLS):
            return False
        observed, _ = history.amounts(self.signal, self.window)
        return float(observed[self._find_members(history.leaves.keys)].sum()) >= self._enough

    @property
    def excess_usd(self) -> float:
        """Of the window that was odd."""
        return self.observed_usd - self.expected_usd

    def follow(self, minute: int, history: Followed) -> None:
        """Count the minute in, as soon as it or a later one is odd."""
        if minute <= max(self.opened, self.counted):
            return
        observed, expected = history.now(self.signal)
        mine = self._find_members(keys_of(self.signal, history.leaves))
        self._since = (self._since[0] + float(observed[mine].sum()), self._since[1] + float(expected[mine].sum()))
        if self.active == minute:
            self.observed_usd += self._since[0]
            self.expected_usd += self._since[1]
            self._since = (0.0, 0.0)

    def _find_members(self, keys: Sequence[Leaf]) -> Numbers:
        if self._looked < len(keys):
            new = [place for place in range(self._looked, len(keys)) if is_within(keys[place], self.scope)]
            self._members = np.concatenate([self._members, np.array(new, np.int64)])
            self._looked = len(keys)
        return self._members

    def explains(self, odd: Odd, place: int, leaf: Leaf, history: Known) -> bool:
        """Whether the leaf at the place is part of what it is about, though not of its scope.

        It has the principal or feature of one that is, both known, and is not many times as much: what is told tells
        nothing of a cause so much larger. A new one is no part of what its feature did before.
        """
        is_kin = leaf in self.leaves or any(
            (leaf.principal is not None and leaf.principal == one.principal)
            or (leaf.feature is not None and leaf.feature == one.feature and not odd.new[place])
            for one in self.leaves
        )
        return is_kin and float(odd.excess_usd[place]) <= LARGER * self._worth(odd, history)

    def _worth(self, odd: Odd, history: Known) -> float:
        """USD beyond usual of its scope: as told, and in the window that is odd."""
        told = max(self.excess_usd, self.worst)
        if PRICE in (odd.signal, self.signal):
            return told
        observed, expected = history.amounts(odd.signal, odd.window)
        mine = self._find_members(history.leaves.keys)
        return max(told, float((observed - expected)[mine].sum()))


def whose_is(signal: str, leaf: Leaf) -> Whose:
    """Who is told of it: a tenant; of a price, a model."""
    return ("model", leaf.model, leaf.provider) if signal == PRICE else ("tenant", leaf.tenant, None)


def keys_of(signal: str, leaves: Leaves) -> Sequence[Leaf]:
    """What the arrays of a signal are about: leaves; of a price, accounts."""
    return leaves.account_keys if signal == PRICE else leaves.keys


def width_of(signal: str, window: int) -> int:
    """Minutes that a window of a signal reaches back."""
    return window * HOUR if signal == TOKENS else window


def window_start(signal: str, window: int, minute: int) -> int:
    """The first minute of a window that ends with the minute."""
    if signal == TOKENS:
        return (minute // HOUR - window + 1) * HOUR
    piece = dict(zip(MINUTES, PIECE, strict=True))[window]
    return (minute // piece - window // piece + 1) * piece
