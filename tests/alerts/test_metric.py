"""The detector of metrics finds what is odd in one series, once an episode, whatever its unit, without a look ahead."""

import numpy as np
import pytest

from alerts.metric.constants import DEFAULT
from alerts.metric.kernel import WIDTH, Floats, blank, score_series, score_values

STEP_S = 300.0
DAY = 288
DAYS = 14
ODD_AT = 12 * DAY + 100
"""Where something happens: in the middle of a day of which there have been enough."""


def times(values: Floats) -> Floats:
    return 1_790_000_000 + np.arange(len(values)) * STEP_S


def scores(values: Floats) -> Floats:
    return score_series(blank(1)[0], times(values), values, DEFAULT)


def alarms(values: Floats) -> list[int]:
    return np.flatnonzero(scores(values) >= DEFAULT.alarm).tolist()


def noise(seed: int = 1, count: int = DAYS * DAY) -> Floats:
    return np.random.default_rng(seed).normal(size=count)


def days(seed: int = 1) -> Floats:
    """A wave a day, with noise."""
    return 100 + 40 * np.sin(np.arange(DAYS * DAY) * 2 * np.pi / DAY) + 3 * noise(seed)


def found(values: Floats, within: int, since: int = ODD_AT) -> bool:
    return any(since <= place < since + within for place in alarms(values))


@pytest.mark.parametrize("count", [1, 50, 500, 2000, DAYS * DAY - 1])
def test_the_scores_of_a_beginning_are_the_beginning_of_the_scores(count: int):
    values = days()

    assert np.array_equal(scores(values[:count]), scores(values)[:count])


def test_many_series_at_once_score_as_each_by_itself():
    values = np.stack([days(1), days(2), noise(3)])
    states = blank(3)

    rows = [score_values(states, at, row, DEFAULT) for at, row in zip(times(values[0]), values.T, strict=True)]

    assert np.array_equal(np.array(rows).T, np.stack([scores(one) for one in values]))


def test_a_state_is_a_few_hundred_bytes():
    assert blank(1000).nbytes == 1000 * 8 * WIDTH
    assert 8 * WIDTH <= 512


def test_a_spike_is_found_at_once():
    values = days()
    values[ODD_AT] += 60

    assert scores(values)[ODD_AT] > 0.6


def test_a_drop_by_night_is_found_that_would_be_nothing_by_day():
    spread = np.where(np.arange(DAYS * DAY) % DAY < DAY // 2, 20, 1)
    quiet = 12 * DAY + 200
    values = 100 + spread * noise()
    values[quiet] -= 40

    assert scores(values)[quiet] >= DEFAULT.alarm


def test_a_new_level_is_found_and_then_usual():
    values = noise()
    values[6 * DAY :] += 6

    assert found(values, within=6, since=6 * DAY)
    assert len([place for place in alarms(values) if place >= 8 * DAY]) <= (DAYS - 8) * DAY / 200


def test_unrest_is_found():
    values = noise()
    values[ODD_AT:] *= 3

    assert found(values, within=12)


def test_slow_unrest_is_found_though_no_value_is_odd_by_itself():
    values = np.clip(noise(), -2.5, 2.5)
    values[ODD_AT:] = 2.4 * np.sign(values[ODD_AT:])

    assert found(values, within=30)


def test_a_day_that_is_not_as_other_days_is_found():
    values = days()
    values[12 * DAY : 13 * DAY] = 100 + 3 * noise(2, DAY)

    assert found(values, within=DAY // 3, since=12 * DAY)


def test_a_flat_series_is_quiet_until_it_moves():
    values = np.full(2000, 45.1)
    values[1500] += 0.01

    assert alarms(values)[0] == 1500


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_is_quiet(seed: int):
    values = noise(seed, 50_000)

    found = scores(values)

    assert (found >= DEFAULT.alarm).sum() <= 50_000 / 400
    assert found.max() < 0.6


@pytest.mark.parametrize("kind", ["uniform", "normal", "exponential", "lognormal"])
@pytest.mark.parametrize(("forget", "least"), [(7_000, 500), (50_000, 3_000)])
def test_how_often_noise_alarms_is_up_to_what_is_forgotten_whatever_its_distribution(
    kind: str, forget: float, least: int
):
    values = getattr(np.random.default_rng(5), kind)(size=200_000)
    constants = DEFAULT._replace(forget=forget)

    found = score_series(blank(1)[0], times(values), values, constants)

    assert least <= 200_000 / (found >= constants.alarm).sum() <= 4 * least


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0), (1e6, 0), (-1, 0), (1, 1e4), (0.01, -7)])
def test_scale_and_offset_do_not_matter(scale: float, offset: float):
    values = days()
    values[ODD_AT] += 60

    assert scores(scale * values + offset) == pytest.approx(scores(values), abs=1e-4)


def test_an_episode_is_one_alarm():
    values = days()
    values[ODD_AT : ODD_AT + 20] += np.linspace(60, 600, 20)

    told = scores(values)

    rest = slice(ODD_AT + 1, ODD_AT + 1 + int(DEFAULT.rest))
    assert told[ODD_AT] >= DEFAULT.alarm
    assert told[rest].max() <= 0.5


def test_a_new_series_is_only_learned_from():
    values = noise()
    values[50] += 1000

    assert not scores(values)[: int(DEFAULT.young)].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_what_is_no_number_scores_nothing_and_teaches_nothing(value: float):
    state = blank(1)[0]
    score_series(state, times(days()), days(), DEFAULT)
    before = state.copy()

    told = score_series(state, np.array([1.8e9]), np.array([value]), DEFAULT)

    assert told == [0]
    assert np.array_equal(state, before, equal_nan=True)


def test_scores_are_between_0_and_1():
    values = np.concatenate(
        [np.zeros(200), 1e-300 * noise(6, 200), 1e149 * noise(4, 200), np.full(200, 1e-300), noise(5, 200)]
    )

    told = scores(values)

    assert np.isfinite(told).all()
    assert told.min() >= 0
    assert told.max() <= 1
