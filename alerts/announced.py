"""What an entry of the calendar explains: the one table of its kinds and of the signals that they are good for.

A launch brings more usage and new names. It leaks no personal data, attacks nobody, and is no excuse for an outage:
such signals are told in spite of it, unless the entry names them (``signals = ["pii"]``). What leaves explains that
nothing comes any more, and no excess.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from alerts.health.table import NEWCOMER, STEPS, WATCHED
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS

MORE = frozenset(
    {SPEND, CALLS, TOKENS, PRICE, NEWCOMER, STEPS, "cache_share", "unpriced_share", "safety_triggers"},
)
"""What usage that was announced explains."""
LEAVES = "decommission"
_LEAVES = (LEAVES, "decommissioned", "decommissioning")
KINDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("launch", "campaign", "backfill", "onboarding"), MORE),
    **dict.fromkeys(_LEAVES, frozenset[str]()),
}
"""Word of an entry -> signals that it explains. A word that is none of these is good for ``MORE``."""
NAMEABLE = (SPEND, CALLS, TOKENS, PRICE, *WATCHED, NEWCOMER)
"""Signals that an entry may name besides; budgets, objectives and model servers heed no calendar."""


def spelled(kind: str) -> str:
    """The word as the table has it: in small letters."""
    return kind.strip().lower()


def is_leaving(kind: str) -> bool:
    """Whether there is less afterwards: silence is explained from its beginning on, and for good."""
    return spelled(kind) in _LEAVES


def explained_by(kind: str) -> frozenset[str]:
    """Signals that a word explains."""
    return KINDS.get(spelled(kind), MORE)


def doubt_about(kind: str) -> str | None:
    """What to say of a word that the table has not; None = it has."""
    if spelled(kind) in KINDS:
        return None
    near = difflib.get_close_matches(spelled(kind), KINDS, n=1)
    advice = f"did you mean {near[0]!r}" if near else "known are launch, campaign, backfill, onboarding, decommission"
    return f"kind = {kind!r} is taken to explain more usage; {advice}"


def wrong_signal(signal: object) -> str | None:
    """What is wrong with a signal that an entry names; None = nothing."""
    if signal in NAMEABLE:
        return None
    near = difflib.get_close_matches(str(signal), NAMEABLE, n=1)
    return f"signals: there is no {signal!r} that a calendar explains; " + (
        f"did you mean {near[0]!r}" if near else f"there are {', '.join(NAMEABLE)}"
    )
