"""Budgets as incidents: which threshold is reached, and which budget burns too fast.

========================  ========  ==============================================================================
signal                    severity  open while
========================  ========  ==============================================================================
``budget_threshold``      warning   a threshold below 100 % is reached, until the period ends; told again at the next,
                                    and not at all where the first look finds 100 % reached
``budget_exceeded``       critical  100 % is reached, or a threshold beyond; of a budget that has thresholds at all
``budget_slow_burn``      warning   a burn alert is on that is not the budget's fastest
``budget_fast_burn``      critical  the burn alert with the highest rate is on
``forecast_overrun``      warning   nine forecasts in ten of the period end beyond the amount; until it is exceeded
========================  ========  ==============================================================================

A burn is over once it is a tenth below its limit; it is told again when its excess has doubled, a few times. Each
signal of a budget has at most one open incident. Who has acknowledged it hears of its end alone; what is silenced is
not told again, and nothing of that signal and budget opens: it is told when the silence is over, if it is on then.
Pure: the same standings and events so far give the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pyarrow as pa

from alerts.amounts import dollars
from alerts.calendar import Announced, hushed_by
from alerts.events import CRITICAL, MICRODOLLAR, WARNING, Signature, end_of, next_event
from alerts.explain import ZERO, explain, total_usd
from alerts.incidents import (
    MAX_UPDATES,
    OPENED,
    UPDATED,
    WORSE,
    Contributor,
    Event,
    Incident,
    Scope,
    Subject,
    hash_id,
)
from alerts.people import named_of
from alerts.text import name_causes
from warehouse.planning.periods import Stretch
from warehouse.planning.series import to_usd
from warehouse.planning.standing import Burn, Outlook, Standing
from warehouse.questions.dimensions import Filter

THRESHOLD, EXCEEDED = "budget_threshold", "budget_exceeded"
SLOW_BURN, FAST_BURN = "budget_slow_burn", "budget_fast_burn"
OVERRUN = "forecast_overrun"
SEVERITY = {THRESHOLD: WARNING, EXCEEDED: CRITICAL, SLOW_BURN: WARNING, FAST_BURN: CRITICAL, OVERRUN: WARNING}
OF_PERIOD = (THRESHOLD, EXCEEDED, OVERRUN)
"""Resolved with the period."""
WHOLE = Decimal(100)
CALMED = {
    **dict.fromkeys((THRESHOLD, EXCEEDED), "it is no longer reached"),
    **dict.fromkeys((SLOW_BURN, FAST_BURN), "it burns slower"),
    OVERRUN: "the forecast is within the budget",
}
"""Why an incident ends within its period."""
CALM = Decimal("0.9")
"""Of its limit: a burn below it is over."""
HOUR = timedelta(hours=1)

NO_OUTLOOKS: Mapping[str, Outlook] = {}
SpendOf = Callable[[Filter, Stretch], pa.Table]
"""What a filter lets through in a stretch: columns feature, model, principal, calls, cost_usd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One signal of one budget now. ``is_calm``: an incident may be resolved; neither on nor calm is no news.

    ``observed_usd`` came in ``window``, ``expected_usd`` is what would have been right.
    """

    subject: Subject
    owner: str
    of: Filter
    is_on: bool
    is_calm: bool
    window: Stretch
    observed_usd: Decimal
    expected_usd: Decimal
    said: str
    is_exceeded: bool = False

    def is_over(self, last: Event) -> bool:
        """Whether an open incident is resolved: it is calm, or of a period before."""
        return self.is_calm or (self.subject.signal in OF_PERIOD and self.window[0] > last.window_start)

    def why_over(self, opened: Event) -> str:
        """What ended an incident; its amounts stay what was told last."""
        if self.subject.signal in OF_PERIOD and self.window[0] > opened.window_start:
            return "the period ended"
        if self.subject.signal == OVERRUN and self.is_exceeded:
            return "the budget is exceeded"
        return CALMED[self.subject.signal]

    def is_worse(self, last: Event) -> bool:
        """Whether it is told again: another threshold, or twice the excess."""
        if self.subject.signal in (THRESHOLD, EXCEEDED):
            return self.expected_usd > last.expected_usd
        if last.excess_usd <= 0:  # of a burn at the even pace
            return self.observed_usd >= Decimal(WORSE) * last.observed_usd
        return self.observed_usd - self.expected_usd >= Decimal(WORSE) * last.excess_usd


def draft_budget_events(
    standings: Sequence[Standing],
    incidents: Mapping[Subject, Incident],
    spend_of: SpendOf,
    signature: Signature,
    outlooks: Mapping[str, Outlook] = NO_OUTLOOKS,
    *,
    silences: Sequence[Announced] = (),
) -> list[Event]:
    """The events that are due; an incident of a budget that has no amount any more is resolved.

    ``outlooks``: how the periods of budgets will end, by name, as far as there is a forecast.
    """
    is_silenced = hushed_by(silences, signature.recorded_at)
    cases = {case.subject: case for standing in standings for case in cases_of(standing, outlooks)}
    drafts = [
        event
        for subject, case in cases.items()
        for event in _follow(
            case,
            incidents.get(subject),
            partial(_explain, case, spend_of),
            signature,
            is_silenced=is_silenced(named_of(subject), subject.signal),
        )
    ]
    gone = [
        incident
        for subject, incident in incidents.items()
        if incident.is_open and subject.signal in SEVERITY and subject not in cases
    ]
    return drafts + [_resolve_gone(incident, signature) for incident in gone]


def cases_of(standing: Standing, outlooks: Mapping[str, Outlook] = NO_OUTLOOKS) -> Iterator[Case]:
    """Its signals, those that are not on too."""
    if outlook := outlooks.get(standing.budget.name):
        yield _running_over(standing, outlook)
    if thresholds := standing.budget.thresholds:
        if low := [one for one in thresholds if one < WHOLE]:
            below = _at_threshold(standing, THRESHOLD, low)
            yield replace(below, is_on=below.is_on and standing.percent < WHOLE)
        yield _at_threshold(standing, EXCEEDED, [WHOLE, *(one for one in thresholds if one > WHOLE)])
    fastest = max((one.alert.rate for one in standing.burns), default=None)
    fast = [one for one in standing.burns if one.alert.rate == fastest]
    slow = [one for one in standing.burns if one.alert.rate != fastest]
    for signal, burns in ((SLOW_BURN, slow), (FAST_BURN, fast)):
        if burns:
            yield _burning(standing, signal, burns)


def _at_threshold(standing: Standing, signal: str, thresholds: Sequence[Decimal]) -> Case:
    reached = [one for one in thresholds if standing.percent >= one]
    amount = to_usd(standing.budget.picos)
    told = f"{standing.percent:.0f} % of {dollars(amount)} for the {standing.budget.period} used"
    elapsed = f"when {100 * _elapsed(standing):.0f} % of it were over"
    return Case(
        subject=_subject(standing, signal),
        owner=standing.budget.owner,
        of=standing.budget.of,
        is_on=bool(reached),
        is_calm=not reached,
        window=(standing.period[0], standing.seen_to),
        observed_usd=to_usd(standing.picos),
        expected_usd=amount * max(reached, default=thresholds[0]) / WHOLE,
        said=f"{told} {elapsed}",
    )


def _burning(standing: Standing, signal: str, burns: Sequence[Burn]) -> Case:
    worst = max(burns, key=lambda one: one.rate / one.alert.rate)
    observed, even = to_usd(worst.picos), to_usd(round(worst.even_picos))
    pace = f"{worst.rate:.1f} times the even pace (limit {worst.alert.rate:f})"
    return Case(
        subject=_subject(standing, signal),
        owner=standing.budget.owner,
        of=standing.budget.of,
        is_on=worst.is_on,
        is_calm=all(one.rate < CALM * one.alert.rate for one in burns),
        window=(worst.start, worst.end),
        observed_usd=observed,
        expected_usd=even,
        said=f"{dollars(observed)} in {worst.alert.hours} h, {pace}; {standing.percent:.0f} % used",
    )


def _running_over(standing: Standing, outlook: Outlook) -> Case:
    amount = to_usd(standing.budget.picos)
    ahead = f"{dollars(outlook.forecast_usd)} by the end of the {standing.budget.period}, of {dollars(amount)}"
    return Case(
        subject=_subject(standing, OVERRUN),
        owner=standing.budget.owner,
        of=standing.budget.of,
        is_on=outlook.low_usd > amount and standing.percent < WHOLE,
        is_calm=outlook.forecast_usd <= amount or standing.percent >= WHOLE,
        window=standing.period,
        observed_usd=outlook.forecast_usd,
        expected_usd=amount,
        said=f"the forecast is {ahead}; {standing.percent:.0f} % used",
        is_exceeded=standing.percent >= WHOLE,
    )


def _elapsed(standing: Standing) -> float:
    start, end = standing.period
    return (standing.seen_to - start) / (end - start)


def _subject(standing: Standing, signal: str) -> Subject:
    """A budget of one tenant or feature alone is about it."""
    alone = {name: next(iter(values)) for name, values in standing.budget.of if len(values) == 1}
    scope = Scope.of({name: value for name, value in alone.items() if name in ("tenant", "feature")})
    return Subject(signal=signal, scope=scope, budget=standing.budget.name)


def _explain(case: Case, spend_of: SpendOf) -> tuple[Contributor, ...]:
    """Who spent it: of what is too much everybody has the share that he has of all.

    What is forecast has not been spent: of its excess everybody has the share that he has of what was, until now.
    """
    spent = spend_of(case.of, case.window)
    if case.subject.signal != OVERRUN:
        return explain(spent, spent, case.expected_usd)
    found = explain(spent, spent.slice(0, 0), ZERO)
    whole = total_usd(spent)
    return tuple(_ahead(one, case, one.observed_usd / whole) for one in found) if whole > 0 else ()


def _ahead(one: Contributor, case: Case, share: Decimal) -> Contributor:
    """What a contributor will have, if all go on as they did."""
    observed, expected = ((usd * share).quantize(MICRODOLLAR) for usd in (case.observed_usd, case.expected_usd))
    return replace(one, observed_usd=observed, expected_usd=expected, excess_usd=observed - expected)


def _follow(
    case: Case,
    known: Incident | None,
    causes: Callable[[], Iterable[Contributor]],
    signature: Signature,
    *,
    is_silenced: bool,
) -> Iterator[Event]:
    """What is due of one signal."""
    if known is not None and known.is_open:
        if case.is_over(known.opened):
            yield end_of(known, f"{known.last.summary}; over: {case.why_over(known.opened)}", signature)
        else:
            quiet = is_silenced or known.is_acknowledged
            if case.is_on and not quiet and known.updates < MAX_UPDATES and case.is_worse(known.last):
                yield _event(case, UPDATED, known, causes(), signature)
            return
    if case.is_on and not is_silenced:
        yield _event(case, OPENED, None, causes(), signature)


def _event(case: Case, kind: str, known: Incident | None, causes: Iterable[Contributor], signature: Signature) -> Event:
    subject, (start, end) = case.subject, case.window
    opened_at = signature.recorded_at.replace(second=0, microsecond=0)
    excess = case.observed_usd - case.expected_usd
    contributors = tuple(causes)
    cause = name_causes(contributors, excess)
    said = f"budget {subject.budget} (owner {case.owner}): {case.said}"
    return next_event(
        kind,
        subject.signal,
        subject.scope,
        signature,
        window=(start, end),
        known=known,
        identity=hash_id(subject.signal, subject.budget, opened_at.isoformat()),
        severity=SEVERITY[subject.signal],
        observed_usd=case.observed_usd,
        expected_usd=case.expected_usd,
        excess_usd_per_hour=(excess / Decimal(max((end - start) / HOUR, 1.0))).quantize(MICRODOLLAR),
        more={
            "budget": subject.budget,
            "contributors": contributors,
            "summary": f"{said}; {cause}" if cause else said,
        },
    )


def _resolve_gone(incident: Incident, signature: Signature) -> Event:
    said = f"budget {incident.last.budget}: the file of budgets has no amount for it any more"
    return end_of(incident, said, signature)
