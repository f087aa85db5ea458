"""Whose excess it is: the scope of an incident, and who contributes to it.

The scope begins as the leaf that was odd and is widened over a dimension only where what this adds is as odd as what
it had: few, specific causes. Every leaf is compared, so all shares are of the same excess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.signals.arrays import Floats
from alerts.signals.leaves import DIMENSIONS, Leaf

WORTH = 0.25
"""Part of its excess that a wider scope must add to a scope."""
AS_ODD = 0.5
"""Part of the scope's excess per USD observed that what is added must have."""
MOST = 5
LEAST_SHARE = 0.02

Scope = Mapping[str, str | None]
"""Dimension -> its value, None = unattributed; a dimension that is not there is all of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A leaf's part of an incident's excess; ``share`` is of 1."""

    scope: Scope
    excess_usd: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """USD of the leaves that are compared: ``keys`` and (keys,) arrays."""

    keys: Sequence[Leaf]
    observed: Floats
    expected: Floats

    def of(self, scope: Scope) -> tuple[float, float]:
        """USD observed and expected of a scope."""
        mine = [place for place, key in enumerate(self.keys) if is_within(key, scope)]
        return float(self.observed[mine].sum()), float(self.expected[mine].sum())


def is_within(leaf: Leaf, scope: Scope) -> bool:
    """Whether the leaf has every value that the scope names."""
    return all(getattr(leaf, name) == value for name, value in scope.items())


def scope_around(leaf: Leaf, amounts: Amounts) -> Scope:
    """The widest scope around the leaf that is as odd as the leaf; it names the tenant, of nobody's usage the model."""
    named = "model" if leaf.tenant is None else "tenant"
    scope = {name: getattr(leaf, name) for name in DIMENSIONS}
    while True:
        observed, expected = amounts.of(scope)
        wider = [{one: scope[one] for one in scope if one != name} for name in scope if name not in ("tenant", named)]
        added = [
            (more_observed - observed - (more_expected - expected), more_observed - observed, place)
            for place, (more_observed, more_expected) in enumerate(amounts.of(one) for one in wider)
        ]
        excess = observed - expected
        worth = [
            one
            for one in added
            if one[0] > WORTH * excess and one[0] * observed > AS_ODD * excess * one[1] and excess > 0
        ]
        if not worth:
            return scope
        scope = wider[max(worth)[2]]


def contributors_to(amounts: Amounts, scope: Scope, names: Sequence[str] = DIMENSIONS) -> tuple[Contributor, ...]:
    """The leaves with the largest excess in the scope, the largest first; shares are of the scope's whole excess."""
    observed, expected = amounts.of(scope)
    whole = observed - expected
    parts = [
        (float(amounts.observed[place] - amounts.expected[place]), place)
        for place, key in enumerate(amounts.keys)
        if is_within(key, scope)
    ]
    ranked = sorted(parts, key=lambda part: (-part[0], part[1]))[:MOST]
    return tuple(
        Contributor(
            scope={name: getattr(amounts.keys[place], name) for name in names},
            excess_usd=excess,
            share=excess / whole,
        )
        for excess, place in ranked
        if whole > 0 and excess > LEAST_SHARE * whole
    )
