"""Error budgets that burn too fast, as incidents: ``slo_fast_burn`` is critical, ``slo_slow_burn`` a warning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from alerts.events import CRITICAL, WARNING
from alerts.health.table import FAST_BURN, SLOW_BURN
from alerts.health.words import percent
from alerts.incidents import SCOPED_BY, Scope, Subject
from alerts.rules import Case
from warehouse.planning.burning import FAST, SLOW, Burn, Pace
from warehouse.planning.objectives import AVAILABILITY, Objective

SIGNALS: Mapping[str, tuple[str, str]] = {FAST: (FAST_BURN, CRITICAL), SLOW: (SLOW_BURN, WARNING)}
"""Signal and severity by urgency."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def cases_of(paces: Iterable[Pace]) -> Iterator[Case]:
    """Two of each objective: is it burning fast, slowly? What burns fast is not told as a slow burn as well."""
    for pace in paces:
        cases = [_case(pace, pace.burns[one], *told) for one, told in SIGNALS.items() if pace.burns[one]]
        for place, case in enumerate(cases):
            faster = cases[0] if place else None
            yield replace(
                case,
                is_on=case.is_on and not (faster and faster.is_on),
                told_by=faster.subject if faster else None,
            )


def _how_bad(burn: Burn) -> tuple[bool, float]:
    return burn.is_on, burn.times / burn.rate


def _case(pace: Pace, burns: Sequence[Burn], signal: str, severity: str) -> Case:
    worst = max(burns, key=_how_bad)
    one, calls = pace.objective, worst.long.calls
    return Case(
        subject=_subject(one, signal),
        severity=severity,
        is_on=worst.is_on,
        is_calm=all(burn.is_calm for burn in burns),
        window=(pace.end - worst.length, pace.end),
        measured=worst.long.bad / calls if calls else 0.0,
        usual=float(worst.allowed),
        affected=worst.long.bad,
        said=_tell(one, worst),
    )


def _subject(objective: Objective, signal: str) -> Subject:
    """An objective of one tenant, feature, provider or model alone is about it."""
    alone = {name: next(iter(values)) for name, values in objective.of if len(values) == 1 and name in SCOPED_BY}
    return Subject(signal=signal, scope=Scope.of(alone), budget=objective.name)


def _tell(one: Objective, burn: Burn) -> str:
    bad = "fail" if one.signal == AVAILABILITY else f"take more than {one.limit_ms} ms"
    what = "first tokens" if one.signal == "ttft" else "calls"
    share, short = (percent(seen.bad / seen.calls) if seen.calls else "none" for seen in (burn.long, burn.short))
    return (
        f"objective {one.name}: its error budget burns at {burn.times:.1f} times the even pace (limit {burn.rate:g}): "
        f"{burn.long.bad:,} of {burn.long.calls:,} {what} {bad} in {_length(burn.length)} ({share}, allowed "
        f"{percent(float(burn.allowed))}), {short} in the last {_length(burn.short_length)}"
    )


def _length(time: timedelta) -> str:
    if time < HOUR:
        return f"{time / timedelta(minutes=1):.0f} min"
    return f"{time / HOUR:.0f} h" if time < DAY else f"{time / DAY:.0f} d"
