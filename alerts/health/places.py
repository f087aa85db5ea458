"""Whose trouble it is: the scope of what is odd.

It begins at the leaf with the largest excess. Where the other tenants that use its model fare as badly it is the
provider's model, where its other models do too the provider; else it is the narrowest part of the tenant that holds
most of the tenant's excess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from alerts.health.counts import ALL, Key
from alerts.health.fold import Fold
from alerts.health.table import DIMENSIONS
from alerts.health.tails import bounded, score_of
from alerts.signals.arrays import Bools, Floats

Scope = Mapping[str, str | None]
"""Values by dimension, None = unattributed; a dimension that is not there is all of its values."""
AS_ODD = 0.5
"""Of the leaf's excess a call, which others must have to share its cause …"""
SURE = 2.0
"""… by powers of ten less likely than chance."""
MOST = 0.8
"""Of a tenant's excess that a narrower scope must hold."""
WITHIN = (
    DIMENSIONS,
    ("tenant", "feature", "provider"),
    ("tenant", "feature"),
    ("tenant", "provider", "model"),
    ("tenant", "provider"),
    ("tenant",),
)
"""Scopes within a tenant, from narrow to wide: one provider is named, so that its incident can take them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """The leaves of a fold and what they hold of a signal, (leaves,) each; ``beyond``: parts more odd than usual."""

    keys: list[Key]
    part: Floats
    whole: Floats
    usual: Floats
    rho: Floats
    beyond: Floats

    def are(self, holds: Callable[[Key], bool]) -> Bools:
        """Which leaves it holds of."""
        return np.array([holds(key) for key in self.keys], np.bool_)


def leaves_of(fold: Fold, row: int, span: int) -> Leaves:
    """Of a signal's row, as a span has them."""
    at = fold.index.is_leaf
    part, whole, usual = fold.part[span, row, at], fold.whole[span, row, at], fold.usual()[row, at]
    sign = -1.0 if fold.signals[row].falls else 1.0
    return Leaves(
        keys=[key for key, leaf in zip(fold.index.keys, at, strict=True) if leaf],
        part=part.astype(np.float64),
        whole=whole.astype(np.float64),
        usual=usual,
        rho=fold.rho()[span, row, at],
        beyond=sign * (part - usual * whole),
    )


def place(fold: Fold, row: int, series: int) -> tuple[Scope, Key]:
    """Scope of what is odd about a series, and the leaf that it begins at."""
    leaves = leaves_of(fold, row, int(fold.span[row, series]))
    odd = fold.index.keys[series]
    mine = leaves.are(lambda key: is_part(key, odd))
    top = int(np.argmax(np.where(mine, leaves.beyond, -np.inf)))
    leaf = leaves.keys[top]
    found = _shared(leaves, top) or _within_tenant(leaves, top)
    return {name: value for name, value in found.items() if value is not ALL}, leaf  # type: ignore[misc]


def is_part(key: Key, of: Key) -> bool:
    """Whether a leaf counts in a series."""
    return all(theirs is ALL or theirs == mine for mine, theirs in zip(key, of, strict=True))


def is_within(key: Key, scope: Scope) -> bool:
    """Whether a leaf has every value that a scope names; what it does not tell it does not have."""
    return all(key[DIMENSIONS.index(name)] == value for name, value in scope.items() if name in DIMENSIONS)


def _shared(leaves: Leaves, top: int) -> Mapping[str, object] | None:
    tenant, _, provider, model = leaves.keys[top]
    if provider is ALL or model is ALL:
        return None
    same = leaves.are(lambda key: key[2:] == (provider, model))
    own = leaves.are(lambda key: key[0] == tenant)
    rate = _rate(leaves, same & own)
    if not _as_odd(leaves, same & ~own, rate):
        return None
    others = leaves.are(lambda key: key[2] == provider and key[3] != model)
    if _as_odd(leaves, others, _rate(leaves, same)):
        return {"provider": provider}
    return {"provider": provider, "model": model}


def _within_tenant(leaves: Leaves, top: int) -> Mapping[str, object]:
    leaf = dict(zip(DIMENSIONS, leaves.keys[top], strict=True))
    rate = leaves.beyond / np.maximum(leaves.whole, 1e-9)
    odd = leaves.are(lambda key: key[0] == leaf["tenant"]) & (rate > AS_ODD / 2 * rate[top])
    whole = leaves.beyond[odd].sum()
    for names in WITHIN:
        scope = {name: leaf[name] for name in names}
        mine = odd & leaves.are(lambda key, scope=scope: is_within(key, scope))  # type: ignore[misc]
        if leaves.beyond[mine].sum() >= MOST * whole:
            return scope
    return {"tenant": leaf["tenant"]}


def _rate(leaves: Leaves, which: Bools) -> float:
    return float(leaves.beyond[which].sum() / max(leaves.whole[which].sum(), 1e-9))


def _as_odd(leaves: Leaves, which: Bools, rate: float) -> bool:
    whole = leaves.whole[which].sum()
    if whole <= 0 or _rate(leaves, which) < AS_ODD * rate:
        return False
    weight = leaves.whole[which] / whole
    usual, rho = (weight * leaves.usual[which]).sum(), (weight * leaves.rho[which]).sum()
    return bool(score_of(leaves.part[which].sum(), whole, bounded(usual), rho) >= SURE)
