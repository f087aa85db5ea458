"""The detector on seeded synthetic spend: quiet on what is normal, fast on what is not, and the laws of its fold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detector import Gates, Verdicts, watch_minutes
from alerts.state import STATE, Floats, States, unseen
from tests.alerts.workload import DAY, FIRST, MEAN_CALL_USD, diurnal, grid_of, spend_of

GATES = Gates(usd=1.0, percent=50.0)
LOW_GATES = Gates(usd=0.1, percent=50.0)
CALLS_PER_MINUTE = 10.0


def train(spend: Floats, gates: Gates = GATES) -> tuple[States, Verdicts]:
    return watch_minutes(unseen(spend.shape[1]), FIRST, spend, gates)


@pytest.fixture(scope="module")
def day() -> tuple[States, Floats]:
    """States after one day of twelve series with different times of day, and the spend of that day."""
    spend = grid_of(np.random.default_rng(1), DAY, series=12, calls_per_minute=CALLS_PER_MINUTE)
    return train(spend, LOW_GATES)[0], spend


def after_a_day(states: States, factor: float, minutes: int, *, seed: int = 2) -> Verdicts:
    """Verdicts on ``minutes`` of ``factor`` times the usual spend that follow the day."""
    rng = np.random.default_rng(seed)
    first = FIRST + DAY
    spend = np.stack(
        [
            spend_of(rng, factor * CALLS_PER_MINUTE * diurnal(minutes, first=first, phase_h=24 * i / 12))
            for i in range(12)
        ],
        axis=1,
    )
    return watch_minutes(states, first, spend, LOW_GATES)[1]


def test_a_series_is_remembered_in_less_than_a_kilobyte() -> None:
    assert STATE.itemsize < 1000


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_quiet_on_days_of_normal_diurnal_load(seed: int) -> None:
    spend = grid_of(np.random.default_rng(seed), 2 * DAY, series=30, calls_per_minute=CALLS_PER_MINUTE)

    _, verdicts = train(spend)

    assert not verdicts.hot.any()


def test_it_expects_what_comes_on_average(day: tuple[States, Floats]) -> None:
    verdicts = after_a_day(day[0], 1.0, 240)

    usual = (
        CALLS_PER_MINUTE
        * MEAN_CALL_USD
        * np.mean([diurnal(240, first=FIRST + DAY, phase_h=24 * i / 12) for i in range(12)], axis=0)
    )

    assert np.abs(verdicts.expected.mean(axis=1) / usual - 1).max() < 0.25


@pytest.mark.parametrize(("factor", "minutes"), [(5, 4), (10, 2), (20, 2)])
def test_most_spikes_after_one_day_of_history_are_found_within_minutes(
    day: tuple[States, Floats], factor: float, minutes: int
) -> None:
    verdicts = after_a_day(day[0], factor, minutes)

    assert (verdicts.hot > 0).any(axis=0).mean() >= 0.75


@pytest.mark.parametrize("factor", [5, 10, 20])
def test_every_spike_is_found_within_a_quarter_of_an_hour(day: tuple[States, Floats], factor: float) -> None:
    verdicts = after_a_day(day[0], factor, 15)

    assert (verdicts.hot > 0).any(axis=0).all()


def test_excess_below_the_gates_is_not_hot(day: tuple[States, Floats]) -> None:
    spend = np.full((5, 12), 100 * CALLS_PER_MINUTE * MEAN_CALL_USD)
    windows_usd = spend.sum(axis=0).max()

    _, verdicts = watch_minutes(day[0], FIRST + DAY, spend, Gates(usd=windows_usd, percent=50))

    assert not verdicts.hot.any()


def test_a_new_key_is_only_trained_at_first() -> None:
    spend = np.concatenate([np.zeros(60), np.full(20, 50.0)])[:, None]

    _, verdicts = train(spend)

    assert not verdicts.hot.any()


def test_a_young_key_is_compared_with_its_own_recent_maximum() -> None:
    steady = np.full((120, 1), 1.0)

    _, quiet = train(np.concatenate([steady, np.full((5, 1), 2.5)]))
    _, loud = watch_minutes(train(steady)[0], FIRST + 120, np.full((5, 1), 4.0), GATES)

    assert not quiet.hot.any()
    assert loud.hot[-1, 0] > 0


def test_a_spike_does_not_raise_what_is_expected_afterwards_by_much(day: tuple[States, Floats]) -> None:
    spend = np.concatenate([np.full((20, 12), 20 * CALLS_PER_MINUTE * MEAN_CALL_USD), np.zeros((16, 12))])

    before = watch_minutes(day[0], FIRST + DAY, spend[:1], LOW_GATES)[1].expected[0]
    after = watch_minutes(day[0], FIRST + DAY, spend, LOW_GATES)[1].expected[-1]

    assert (after < 1.5 * before + 0.02).all()


def test_a_new_level_becomes_normal_within_a_day() -> None:
    rng = np.random.default_rng(5)
    spend = grid_of(rng, 2 * DAY, series=4, calls_per_minute=CALLS_PER_MINUTE)
    spend[DAY + 300 :] *= 4

    _, verdicts = train(spend)

    assert (verdicts.hot[DAY + 300 : DAY + 330] > 0).any(axis=0).all()
    assert not verdicts.hot[-120:].any()


def test_minutes_without_spend_are_zeros_and_not_gaps() -> None:
    spend = np.concatenate([np.full((600, 1), 1.0), np.zeros((300, 1))])

    _, verdicts = train(spend)

    assert verdicts.expected[-1, 0] < 0.5


def test_the_minute_that_fills_is_calm_while_nothing_is_spent(day: tuple[States, Floats]) -> None:
    _, verdicts = watch_minutes(day[0], FIRST + DAY, np.zeros((1, 12)), GATES)

    assert verdicts.calm.all()


@given(cut=st.integers(min_value=1, max_value=599))
@settings(max_examples=5, deadline=None)
def test_cutting_the_minutes_elsewhere_changes_no_state_and_no_verdict(cut: int) -> None:
    spend = grid_of(np.random.default_rng(7), 600, series=3, calls_per_minute=2.0)

    whole, verdicts = train(spend)
    part, first = watch_minutes(unseen(3), FIRST, spend[:cut], GATES)
    joined, second = watch_minutes(part, FIRST + cut, spend[cut:], GATES)

    assert joined.tobytes() == whole.tobytes()
    assert np.array_equal(np.concatenate([first.expected, second.expected]), verdicts.expected)
    assert np.array_equal(np.concatenate([first.hot, second.hot]), verdicts.hot)


@given(order=st.permutations(range(4)))
@settings(max_examples=5, deadline=None)
def test_series_do_not_know_of_each_other(order: list[int]) -> None:
    spend = grid_of(np.random.default_rng(8), 300, series=4, calls_per_minute=2.0)

    states, verdicts = train(spend)
    shuffled, others = train(spend[:, order])

    assert shuffled.tobytes() == states[order].tobytes()
    assert np.array_equal(others.hot, verdicts.hot[:, order])


@given(so_far=st.floats(min_value=0, max_value=50), to_come=st.floats(min_value=0, max_value=50))
@settings(max_examples=30, deadline=None)
def test_what_is_hot_with_a_part_of_its_last_minute_is_hot_with_all_of_it(so_far: float, to_come: float) -> None:
    states, _ = train(np.full((90, 1), 0.5))

    part = watch_minutes(states, FIRST + 90, np.array([[so_far]]), GATES)[1]
    whole = watch_minutes(states, FIRST + 90, np.array([[so_far + to_come]]), GATES)[1]

    assert not part.hot.any() or whole.hot.any()
    assert np.array_equal(part.expected, whole.expected)


def test_the_states_given_are_left_alone() -> None:
    states = unseen(1)
    before = states.tobytes()

    watch_minutes(states, FIRST, np.ones((30, 1)), GATES)

    assert states.tobytes() == before
