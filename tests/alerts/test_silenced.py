"""What ends under a silence is not told after it; what goes on or begins then is told as if there had been none."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from alerts.calendar import Announced
from alerts.calendar import Event as Entry
from alerts.minutes import to_minute, to_time
from alerts.signals.episode import Episode
from alerts.signals.episodes import Episodes
from alerts.signals.fold import Fold, Minute
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaves
from alerts.signals.windows import Windows, since_start
from alerts.silences import read_silence
from alerts.usage_file import minutes_of
from tests.alerts.histories import BEGINS, DAY, rate, usage_of
from tests.alerts.test_silences import matcher

DAYS, LIVE = 8, 420
FIRST = to_minute(BEGINS) + DAYS * DAY + 570
"""The first minute of the silence, of two hours."""
END = FIRST + 120
How = Mapping[str, float]
"""How many times as much of what."""
Silenced = Callable[[], Announced]
KEY = ("acme", "chat", "sonnet", "key-1")


@cache
def learnt() -> tuple[Fold, tuple[Minute, ...]]:
    """Eight days and the hours before the silence, and the usual minutes from there on."""
    series = {KEY: rate(DAYS + 1), ("globex", "chat", "sonnet", "key-2"): rate(DAYS + 1)}
    fold = Fold(Leaves())
    minutes = tuple(minutes_of(usage_of(series), fold.leaves))
    for one in minutes:
        if one.minute < FIRST:
            list(fold.step(one))
    return fold, tuple(one for one in minutes if FIRST <= one.minute < FIRST + LIVE)


def more(one: Minute, *, calls: float = 1, tokens: float = 1, price: float = 1) -> Minute:
    """So many times what acme has; half of the cost is input."""
    times = np.array([calls, 1])
    usd = one.usd * np.array([calls * (1 + (tokens - 1) / 2) * price, 1])
    return Minute(
        one.minute,
        one.calls * times,
        one.input_tokens * times * np.array([tokens, 1]),
        one.cached_tokens,
        one.output_tokens * times,
        usd,
    )


def by_people() -> Announced:
    """``alerts silence`` of an incident of the model."""
    start, end = to_time(FIRST) - timedelta(hours=1), to_time(END - 1) + timedelta(seconds=40)
    values = {"model": "sonnet"}
    return Entry(kind="silenced", starts_at=start, ends_at=end, values=values, is_exact=True)


def by_alertmanager() -> Announced:
    """One of there, that is over by now."""
    start, end = to_time(FIRST) + timedelta(seconds=20), to_time(END - 1) + timedelta(seconds=40)
    found = read_silence(
        {
            "status": {"state": "expired"},
            "matchers": [matcher("model", "sonnet")],
            "startsAt": start.isoformat(),
            "endsAt": end.isoformat(),
        }
    )
    assert found is not None
    return found


def opened(said: Sequence[Announced], *odd: tuple[range, How]) -> list[Episode]:
    """What is told, with something odd in some minutes after the beginning of the silence."""
    fold, minutes = learnt()
    fold = copy.deepcopy(fold, {id(fold.leaves): fold.leaves})
    episodes = Episodes(0.5, least_usd=0.5)
    episodes.tune((), said)
    found: list[Episode] = []
    for one in minutes:
        for when, how in odd:
            if one.minute - FIRST in when:
                one = more(one, **how)  # noqa: PLW2901
        found += episodes.step(fold.step(one), fold)
        episodes.close(one.minute)
    return found


ENDED = [
    (range(5, 105), {"calls": 10.0}),  # over for a quarter of an hour
    (range(75, 85), {"calls": 20.0}),
    (range(90, 120), {"calls": 10.0}),  # to the last minute of the silence
    (range(120), {"tokens": 2.0}),
    (range(120), {"price": 1.5}),
]
SILENCES = [by_people, by_alertmanager]


@pytest.mark.parametrize("silence", SILENCES)
@pytest.mark.parametrize("odd", ENDED)
def test_what_ended_under_a_silence_is_not_told_after_it(odd: tuple[range, How], silence: Silenced) -> None:
    assert opened([], odd)
    assert opened([silence()], odd) == []


@pytest.mark.parametrize("silence", SILENCES)
@pytest.mark.parametrize(
    ("how", "signals", "within"),
    [
        ({"calls": 10.0}, (SPEND, CALLS), 5),
        ({"calls": 3.0}, (SPEND, CALLS), 15),
        ({"tokens": 2.0}, (TOKENS,), 40),
        ({"price": 1.5}, (PRICE,), 40),
    ],
)
def test_what_goes_on_is_told_by_what_it_costs_after_the_silence(
    how: How, signals: Sequence[str], within: int, silence: Silenced
) -> None:
    found = opened([silence()], (range(60, LIVE), how))

    assert found
    assert found[0].signal in signals
    assert END <= found[0].began <= found[0].opened < END + within
    assert found[0].severity == "warning"  # of the silenced hours nothing is told


@pytest.mark.parametrize("silence", SILENCES)
@pytest.mark.parametrize("after", [0, 3, 10, 40, 90])
@pytest.mark.parametrize("how", [{"calls": 10.0}, {"calls": 3.0}])
def test_what_begins_after_a_silence_is_told_as_soon_as_without_it(how: How, after: int, silence: Silenced) -> None:
    """The silenced burst before it, of the same series, delays it by nothing."""
    later = (range(120 + after, LIVE), how)

    alone, found = opened([], later)[0], opened([silence()], (range(60, 110), {"calls": 10.0}), later)[0]

    assert 0 <= found.opened - alone.opened <= 5


@pytest.mark.parametrize("first", range(1000, 1361, 7))
def test_sums_since_a_minute_are_those_of_the_pieces_that_begin_there(first: int) -> None:
    windows, values = Windows(), np.random.default_rng(4).random(1361)
    windows.grow(1)
    for minute, value in enumerate(values):
        windows.push(minute, np.array([value]))

    start = since_start(first, 1360)

    assert np.isclose(windows.since(first)[0], values[start:].sum())
    assert 0 <= start - max(first, 1360 // 30 * 30 - 330) < (1 if first > 1345 else 5 if first >= 1305 else 30)
