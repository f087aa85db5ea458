"""A law: no two open incidents have the same labels, which are an alert's identity in the Alertmanager."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.budgets import draft_budget_events
from alerts.channels.prometheus import labels_of
from alerts.events import Signature
from alerts.health.newcomers import draft_newcomer_events, find_newcomers
from alerts.health.table import SILENCE
from alerts.health.troubles import Troubles
from alerts.incidents import Event, Scope, Subject, incidents_of, latest_incidents
from alerts.ledger import MemoryLedger
from alerts.rules import Case, draft_rule_events
from alerts.signals.arrays import Floats
from alerts.signals.episodes import Episodes
from alerts.signals.fold import Odd
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaf, Leaves
from tests.alerts.test_budgets import budget, standing
from tests.alerts.workload import DAY, FIRST, START, Spent, usage_table

HOUR = timedelta(hours=1)
NAMES = (None, "a", "b")


def is_lawful(events: Iterable[Event]) -> bool:
    """Whether each open incident has labels of its own."""
    labels = Counter(tuple(labels_of(one.last).items()) for one in incidents_of(events).values() if one.is_open)
    return max(labels.values(), default=1) == 1


def sign(hours: int) -> Signature:
    return Signature(actor="me", recorded_at=START + hours * HOUR, critical_usd=1)


@given(came=st.lists(st.tuples(st.integers(9, 12), st.sampled_from("ab"), st.sampled_from("ab")), max_size=9))
@settings(max_examples=15, deadline=None)
def test_newcomers(came: list[tuple[int, str, str]]) -> None:
    ledger, events = MemoryLedger(), list[Event]()
    usual = [Spent(minute=FIRST + day * DAY, usd=5, tenant="a") for day in range(17)]
    keys = [
        Spent(minute=FIRST + day * DAY + 90, usd=30, tenant=tenant, model=model, principal=f"new {place}")
        for place, (day, tenant, model) in enumerate(came)
    ]
    ledger.add_usage(usage_table([*usual, *keys]))
    for hours in range(9 * 24, 16 * 24, 6):
        now = START + hours * HOUR
        found = find_newcomers(ledger.first_days(START, now), now.date(), 25)
        events += draft_newcomer_events(found, incidents_of(events), (), sign(hours))
        assert is_lawful(events)

    assert not any(one.is_open for one in incidents_of(events).values())


@given(looks=st.lists(st.tuples(st.integers(1, 9), st.lists(st.booleans(), min_size=6, max_size=6)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_rules(looks: list[tuple[int, list[bool]]]) -> None:
    events, hours = list[Event](), 0
    scopes = [Scope(), Scope.of({"model": "a"}), Scope.of({"model": "a", "provider": "b"})]
    subjects = [Subject(signal="s", scope=scope, budget=budget) for scope in scopes for budget in (None, "one")]
    for after, on in looks:
        hours += after
        window = (START + hours * HOUR, START + (hours + 1) * HOUR)
        cases = [
            Case(subject=subject, severity="warning", is_on=is_on, is_calm=not is_on, window=window,
                 measured=0.5, usual=0.1, affected=9, said="so")
            for subject, is_on in zip(subjects, on, strict=True)
        ]  # fmt: skip
        known = latest_incidents(incidents_of(events).values())
        events += draft_rule_events(cases, ("s",), known, (), sign(hours))
        assert is_lawful(events)


@given(looks=st.lists(st.tuples(st.integers(1, 400), st.integers(0, 900), st.integers(0, 9)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_budgets(looks: list[tuple[int, int, int]]) -> None:
    events, hours = list[Event](), 0
    for after, usd, burn in looks:
        hours += after
        now = sign(hours).recorded_at
        standings = [
            standing(usd, fast=burn, slow=burn, now=now, of=budget(name, of=of))
            for name, of in (("one", ()), ("other", (("tenant", frozenset({"acme"})),)))
        ]
        known = latest_incidents(incidents_of(events).values())
        events += draft_budget_events(standings, known, lambda *_: NO_SPEND, sign(hours))
        assert is_lawful(events)


NO_SPEND = MemoryLedger().spend_of((), (START, START + HOUR))


@given(
    odd=st.lists(
        st.tuples(st.integers(0, 90), st.booleans(), st.tuples(*[st.sampled_from(NAMES)] * 4), st.integers(0, 15)),
        max_size=20,
    )
)
@settings(max_examples=100, deadline=None)
def test_troubles(odd: list[tuple[int, bool, tuple[str | None, ...], int]]) -> None:
    troubles, minute = Troubles([]), FIRST
    for after, is_silence, leaf, named in odd:
        minute += after
        scope = {
            name: value
            for place, (name, value) in enumerate(zip(("tenant", "feature", "provider", "model"), leaf, strict=True))
            if named >> place & 1
        }
        troubles.take(SILENCE if is_silence else "errors_provider", scope, leaf, minute)
        for one in troubles.all[after % 3 :: 3]:
            if one.is_open:
                one.resolved = minute
        told = Counter((one.signal, Scope.of(one.scope)) for one in troubles.all if one.is_open)
        assert max(told.values(), default=1) == 1


class Chance:
    """A history of nothing but chance."""

    days = 30.0

    def __init__(self, seed: int) -> None:
        self.leaves = Leaves()
        self.leaves.numbers(Leaf(t, f, m, p, "x") for t in "ab" for f in NAMES for m in "ab" for p in NAMES)
        self._dice = np.random.default_rng(seed)

    def now(self, signal: str) -> tuple[Floats, Floats]:
        """USD observed and expected."""
        series = len(self.leaves.account_keys if signal == PRICE else self.leaves.keys)
        return self._dice.pareto(1.0, series), self._dice.uniform(0, 0.2, series)

    def amounts(self, signal: str, _window: int) -> tuple[Floats, Floats]:
        """USD observed and expected."""
        return self.now(signal)

    def odd(self, minute: int) -> Odd:
        """Some series, for whatever reason."""
        signal, window = [(SPEND, 15), (CALLS, 60), (TOKENS, 2), (PRICE, 15)][int(self._dice.integers(4))]
        every = self.leaves.model_keys if signal == PRICE else self.leaves.keys
        series = np.flatnonzero(self._dice.random(len(every)) < 0.2)
        none = np.zeros(series.size, np.bool_)
        return Odd(
            minute=minute, signal=signal, window=window, series=series, score=np.full(series.size, 99.0),
            past=np.zeros(series.size), new=none, kin=none, excess_usd=self._dice.pareto(1.0, series.size),
        )  # fmt: skip


@given(seed=st.integers(0, 2**32), gaps=st.lists(st.integers(1, 100), max_size=20))
@settings(max_examples=40, deadline=None)
def test_episodes(seed: int, gaps: list[int]) -> None:
    history, episodes, minute = Chance(seed), Episodes(5.0, least_usd=0.1, calm=10), FIRST
    for gap in gaps:
        minute += gap
        episodes.step([history.odd(minute)], history)
        episodes.close(minute)
        told = Counter((one.signal, Scope.of(one.scope)) for one in episodes.open if one.resolved is None)
        assert max(told.values(), default=1) == 1
