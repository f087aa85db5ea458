"""Training is a fold that can be repeated: late rows, other orders and restarts reach the same states."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detector import Gates
from alerts.incidents import Scope
from alerts.ledger import MemoryLedger
from alerts.record import Record, to_minute, to_time
from tests.alerts.workload import DAY, FIRST, START, Spent, spend_of, usage_of, usage_table

GATES = Gates(usd=1.0, percent=50.0)
HOURS = 60


def record() -> Record:
    return Record(GATES, history_days=7)


def history(minutes: int, *, seed: int = 1, feature: str = "chat") -> pa.Table:
    return usage_of(FIRST, spend_of(np.random.default_rng(seed), np.full(minutes, 3.0)), feature=feature)


def ledger_of(*tables: pa.Table) -> MemoryLedger:
    ledger = MemoryLedger()
    for table in tables:
        ledger.add_usage(table)
    return ledger


def test_times_and_minutes_are_two_names_of_one_thing() -> None:
    assert to_minute(START + timedelta(seconds=59)) == FIRST
    assert to_time(FIRST) == START


def test_an_empty_ledger_trains_nothing() -> None:
    made = record()

    assert made.train(MemoryLedger(), FIRST) == FIRST
    assert len(made.states) == 0
    assert made.judge(MemoryLedger().usage(START, START, ("tenant", "feature")), FIRST + 5).scopes == ()


def test_training_step_by_step_is_training_at_once() -> None:
    ledger = ledger_of(history(26 * HOURS))
    at_once, in_steps = record(), record()

    at_once.train(ledger, FIRST + 26 * HOURS)
    for hour in range(1, 27):
        in_steps.train(ledger, FIRST + hour * HOURS)

    assert in_steps.states.tobytes() == at_once.states.tobytes()


def test_rows_that_come_late_are_trained_as_if_they_had_been_in_time() -> None:
    late = usage_table(Spent(minute=FIRST + i, usd=2) for i in range(200, 300))
    ledger = ledger_of(history(26 * HOURS))
    patient, hasty = record(), record()

    hasty.train(ledger, FIRST + 26 * HOURS)
    ledger.add_usage(late)
    hasty.train(ledger, FIRST + 26 * HOURS)
    patient.train(ledger, FIRST + 26 * HOURS)

    assert hasty.states.tobytes() == patient.states.tobytes()


def test_a_back_dated_day_before_all_that_is_known_is_trained() -> None:
    recent = usage_table(Spent(minute=FIRST + DAY + i, usd=1) for i in range(100))
    ledger = ledger_of(recent)
    made, fresh = record(), record()
    until = FIRST + DAY + 2 * HOURS

    made.train(ledger, until)
    ledger.add_usage(history(DAY // 2))
    made.train(ledger, until)
    fresh.train(ledger, until)

    assert made.states.tobytes() == fresh.states.tobytes()


def test_going_back_for_an_open_incident_is_training_less() -> None:
    ledger = ledger_of(history(26 * HOURS))
    returned, fresh = record(), record()

    returned.train(ledger, FIRST + 26 * HOURS)
    returned.train(ledger, FIRST + 9 * HOURS)
    fresh.train(ledger, FIRST + 9 * HOURS)

    assert returned.states.tobytes() == fresh.states.tobytes()


def test_rows_older_than_the_history_are_not_read() -> None:
    ledger = ledger_of(history(2 * HOURS))
    made = record()

    made.train(ledger, FIRST + 20 * DAY)

    assert len(made.states) == 0


@given(st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    rows = pa.concat_tables([history(3 * HOURS), history(3 * HOURS, seed=2), history(3 * HOURS, feature="search")])
    indices = list(range(rows.num_rows))
    random.Random(seed).shuffle(indices)
    made, other = record(), record()
    until = FIRST + 3 * HOURS

    made.train(ledger_of(rows), until)
    other.train(ledger_of(rows.take(indices)), until)

    by_scope = [
        dict(zip(one.judge(rows.slice(0, 0), until).scopes, [state.tobytes() for state in one.states], strict=True))
        for one in (made, other)
    ]
    assert by_scope[0] == by_scope[1]


def test_judging_teaches_nothing() -> None:
    ledger = ledger_of(history(3 * HOURS))
    made = record()
    made.train(ledger, FIRST + 2 * HOURS)
    before = made.states.tobytes()

    made.judge(ledger.usage(to_time(FIRST + 2 * HOURS), to_time(FIRST + 3 * HOURS), ("tenant", "feature")), FIRST + 180)

    assert made.states.tobytes() == before


def test_a_series_that_is_new_in_the_judged_minutes_is_seen() -> None:
    ledger = ledger_of(history(2 * HOURS), usage_table([Spent(minute=FIRST + 130, usd=1, feature=None)]))
    made = record()
    first = made.train(ledger, FIRST + 2 * HOURS)

    judged = made.judge(ledger.usage(to_time(first), to_time(first + 60), ("tenant", "feature")), first + 60)

    assert judged.scopes == (Scope(tenant="acme", feature="chat"), Scope(tenant="acme", feature=None))
    assert judged.spend[10].tolist() == [0.0, 1.0]
