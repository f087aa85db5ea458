"""What is odd about usage: spikes, prompts that grew, prices that rose; and what is not: habits, moved traffic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from alerts.signals.fold import Fold, Minute, Odd
from alerts.signals.kinds import CALLS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaf, Leaves

HOUR, DAY = 60, 1440
DAYS = 9
END = DAYS * DAY
LAST = (DAYS - 1) * DAY + 12 * HOUR  # noon of the last day: what happens happens then
INPUT, OUTPUT = 1000.0, 100.0
TOLD = 2.0
FRESH_USD, OUTPUT_USD = 2e-6, 10e-6

STEADY = Leaf("acme", "search", "swift", "app")
NIGHTLY = Leaf("acme", "report", "swift", "cron")
SPIKING = Leaf("globex", "search", "swift", "app")
BLOATED = Leaf("initech", "mail", "verse", "app")
MOVED_FROM = Leaf("hooli", "mail", "verse", "old key")
MOVED_TO = Leaf("hooli", "mail", "verse", "new key")
STOLEN = Leaf("hooli", None, "verse", "stolen key")
DEARER = Leaf("umbrella", "chat", "quill", "app")
ALL = (STEADY, NIGHTLY, SPIKING, BLOATED, MOVED_FROM, STOLEN, DEARER, MOVED_TO)


def usage() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """(minutes, leaves): calls come as they may, each like the others but for what happens on the last day."""
    random = np.random.default_rng(3)
    minute = np.arange(END)
    night = (minute % DAY >= 2 * HOUR) & (minute % DAY < 3 * HOUR)
    since = minute >= LAST
    rates = {
        STEADY: np.full(END, 6.0),
        NIGHTLY: np.where(night, 60.0, 0.2),
        SPIKING: np.where(since & (minute < LAST + 20), 24.0, 6.0),
        BLOATED: np.full(END, 6.0),
        MOVED_FROM: np.where(since, 0.0, 6.0),
        MOVED_TO: np.where(since, 6.0, 0.0),
        STOLEN: np.where(since, 6.0, 0.0),
        DEARER: np.full(END, 6.0),
    }
    calls = np.stack([random.poisson(rates[leaf]) for leaf in ALL], axis=1).astype(np.float64)
    spread = random.normal(0, 0.5, calls.shape) / np.sqrt(np.maximum(calls, 1))
    grown = np.where(since[:, None] & (np.array([leaf is BLOATED for leaf in ALL])), 1.6, 1.0)
    tokens = np.rint(calls * INPUT * np.exp(spread) * grown)
    cached = np.rint(tokens * 0.25)
    output = np.rint(calls * OUTPUT * np.exp(-spread))
    price = np.where(since[:, None] & np.array([leaf is DEARER for leaf in ALL]), 1.5, 1.0)
    usd = ((tokens - cached) * FRESH_USD + cached * FRESH_USD / 10 + output * OUTPUT_USD) * price
    return {"calls": calls, "input_tokens": tokens, "cached_tokens": cached, "output_tokens": output, "usd": usd}


def stepped(told: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]], until: int) -> Iterator[Odd]:
    """All that is odd; leaves are made known when they are first used."""
    leaves = Leaves()
    fold = Fold(leaves)
    for minute in range(until):
        used = [leaf for place, leaf in enumerate(ALL) if told["calls"][minute, place]]
        numbers = leaves.numbers(used)
        rows = {}
        for name, values in told.items():
            rows[name] = np.zeros(len(leaves.keys))
            rows[name][numbers] = values[minute, [ALL.index(leaf) for leaf in used]]
        for odd in fold.step(Minute(minute, **rows)):
            yield odd
            names[odd.minute, odd.signal, odd.window] = [
                leaves.keys[number] if odd.signal != PRICE else list(leaves.models)[number].name
                for number in odd.series
            ]


names: dict[tuple[int, str, int], list[object]] = {}
"""Minute, signal and window -> whose it is."""


@pytest.fixture(scope="module")
def odd() -> list[Odd]:
    names.clear()
    return list(stepped(usage(), END))


def firsts(leaf: object, bar: float, odd: list[Odd], *signals: str) -> list[int]:
    """Minutes after noon of the last day at which it first scores above the bar, by any signal that did."""
    found: dict[str, int] = {}
    for one in odd:
        whose = names[one.minute, one.signal, one.window]
        if leaf in whose and one.score[whose.index(leaf)] > bar and one.signal in (signals or (one.signal,)):
            found.setdefault(one.signal, one.minute - LAST)
    return sorted(found.values())


def test_four_times_the_calls_are_odd_within_minutes_and_not_before(odd: list[Odd]):
    first = firsts(SPIKING, TOLD, odd, SPEND, CALLS)

    assert 0 <= first[0] <= 8
    assert all(minute >= 0 for minute in first)


def test_what_comes_every_night_is_nothing_odd_when_it_has_come_for_days(odd: list[Odd]):
    nights = [
        one.minute // DAY
        for one in odd
        if one.signal in (SPEND, CALLS)
        and NIGHTLY in names[one.minute, one.signal, one.window]
        and one.score[names[one.minute, one.signal, one.window].index(NIGHTLY)] > TOLD
    ]

    assert not [night for night in nights if night >= 3]


def test_a_prompt_that_grew_by_three_fifths_is_odd_within_hours_though_spend_hardly_is(odd: list[Odd]):
    assert 0 <= firsts(BLOATED, 6.0, odd, TOKENS)[0] <= 2 * HOUR
    assert not firsts(STEADY, 6.0, odd, TOKENS)


def test_traffic_that_moved_to_another_key_is_nothing_odd_and_a_stolen_key_is(odd: list[Odd]):
    assert not firsts(MOVED_TO, 0.0, odd)
    assert 0 <= firsts(STOLEN, TOLD, odd, SPEND)[0] <= 10


def test_a_price_that_rose_is_told_of_the_model_and_of_no_feature(odd: list[Odd]):
    [first] = firsts("quill", 0.1, odd, PRICE)
    rise = max(one.score.max() for one in odd if one.signal == PRICE)

    assert 0 <= first <= 15
    assert rise == pytest.approx(0.5, rel=0.01)
    assert not firsts(DEARER, TOLD, odd)
    assert {name for key, whose in names.items() if key[1] == PRICE for name in whose} == {"quill"}


@pytest.mark.long
def test_what_is_odd_does_not_depend_on_what_comes_later(odd: list[Odd]):
    until = LAST + 30
    before = [one for one in odd if one.minute < until]
    again = list(stepped(usage(), until))

    assert len(again) == len(before) > 0
    for one, other in zip(before, again, strict=True):
        assert (one.minute, one.signal, one.window) == (other.minute, other.signal, other.window)
        assert (one.series == other.series).all()
        assert np.array_equal(one.score, other.score)
        assert np.array_equal(one.excess_usd, other.excess_usd)
