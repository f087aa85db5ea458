"""What is told of health, in words: how much, of whom, how much it usually is, since when, how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.health.places import Scope
from alerts.health.table import BY_NAME, SILENCE, Signal
from alerts.incidents import EVERYBODY, UNATTRIBUTED

NAMED_SHARE = 0.5
SECOND_MS = 1000.0


def percent(share: float) -> str:
    """``31 %``, ``0.4 %``: whole from ten on."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or not value else f"{value:.2g} %"  # noqa: PLR2004 - two digits


def duration(ms: float) -> str:
    """``850 ms``, ``2.4 s``."""
    return f"{ms:.0f} ms" if ms < SECOND_MS else f"{ms / SECOND_MS:.2g} s"


def amount(signal: str, measured: float) -> str:
    """A share, or a time or number of a quantile."""
    row = BY_NAME.get(signal)
    if signal == SILENCE:
        return f"{measured:.0f} calls"
    return _quantile(row, measured) if row is not None and row.quantile else percent(measured)


def _quantile(row: Signal, measured: float) -> str:
    return duration(measured) if row.unit else f"{measured:,.0f}"


def whose(scope: Scope) -> str:
    """``acme/search to openai gpt-4o``."""
    owner = "/".join(scope[name] or UNATTRIBUTED for name in ("tenant", "feature") if name in scope)
    model = " ".join(scope[name] or UNATTRIBUTED for name in ("provider", "model") if name in scope)
    return " to ".join(part for part in (owner or EVERYBODY, model) if part)


def since(began: datetime, now: datetime) -> str:
    """``since 10:02 UTC``; of another day with its date."""
    form = "%H:%M" if began.date() == now.date() else "%Y-%m-%d %H:%M"
    return f"since {began:{form}} UTC"


def tell_share(signal: Signal, scope: Scope, told: Mapping[str, float], kinds: Sequence[str], when: str) -> str:
    """One line; ``told``: measured, usual, part, whole; ``kinds``: of what failed, the most frequent first."""
    how = f"{signal.said} with {', '.join(kinds)}" if kinds else signal.said
    usually = f"(usually {percent(told['usual'])})"
    if signal.quantile:
        times = f"{_quantile(signal, told['measured'])} (usually {_quantile(signal, told['usual'])})"
        return f"p95 of the {signal.said} of {whose(scope)} is {times} {when}; {told['whole']:,.0f} {signal.of}"
    of = f"{percent(told['measured'])} of {signal.of} of {whose(scope)} {how} {usually} {when}"
    if signal.falls:
        return f"only {of}; {told['whole']:,.0f} calls"
    return f"{of}; {told['part']:,.0f} of {told['whole']:,.0f}"


def tell_silence(scope: Scope, missed: float, when: str) -> str:
    """One line."""
    return f"no calls of {whose(scope)} {when}; some {missed:,.0f} would be usual"
