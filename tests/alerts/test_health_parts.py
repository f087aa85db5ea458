"""Tails, speeds, the fold and the scope of what is odd."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.health.bars import BARS, bar_for
from alerts.health.counts import ALL, BINS, Index, blocks_of
from alerts.health.fold import Fold
from alerts.health.silence import Silence
from alerts.health.speeds import STEP, Speeds, quantile_ms
from alerts.health.table import CALLS, CHECKS, FAMILIES, MONEY, SIGNALS
from alerts.health.tails import score_of
from alerts.health.troubles import Trouble, Troubles
from alerts.health.vitals import Body, follow
from alerts.health.words import duration, percent, whose
from alerts.ledger import HEALTH
from tests.alerts.calls import CHAT, minute_rows
from tests.alerts.workload import FIRST


def score(part: float, whole: float, usual: float = 0.004, rho: float = 0.0) -> float:
    return float(score_of(np.array(part), np.array(whole), np.array(usual), np.array(rho)))


def tail(part: int, whole: int, usual: float) -> float:
    """Powers of ten of the exact binomial tail."""
    chances = [math.comb(whole, k) * usual**k * (1 - usual) ** (whole - k) for k in range(part, whole + 1)]
    return -math.log10(math.fsum(chances))


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.001, 0.5))
def test_no_score_is_higher_than_the_exact_tail(part: int, whole: int, usual: float):
    part = min(part, whole)
    if part / whole <= usual:
        return

    assert score(part, whole, usual) <= tail(part, whole, usual) + 1e-6


def test_two_of_three_are_little_and_a_third_of_500_is_certain():
    assert score(2, 3) < min(BARS)
    assert score(150, 500) > 100


def test_calls_that_fail_together_count_for_fewer():
    assert score(30, 100, rho=0.1) < score(30, 100, rho=0.01) < score(30, 100)


def test_a_fall_is_as_odd_as_a_rise():
    assert score(5, 100, 0.6) == pytest.approx(score(95, 100, 0.4))


def test_fewer_false_alerts_need_higher_bars():
    assert bar_for(5.0) <= bar_for(0.5) < bar_for(0.1) < bar_for(0.02)


@pytest.mark.parametrize("scale", [0.2, 0.5])
def test_a_quantile_of_bins_is_off_by_less_than_a_twelfth(scale: float):
    times = np.exp(np.random.default_rng(3).normal(math.log(900), scale, 100_000))
    bins = np.bincount(np.ceil(np.log(times) / math.log(STEP)).astype(int), minlength=BINS).astype(float)

    assert quantile_ms(bins) == pytest.approx(np.quantile(times, 0.95), rel=1 / 12)


def test_of_usual_calls_one_in_ten_at_most_is_slow():
    rng = np.random.default_rng(4)
    bins = rng.multinomial(10_000, np.full(BINS, 1 / BINS))[:, None].astype(float)
    speeds = Speeds()
    speeds.grow(1)

    assert speeds.slow(bins) == [0]
    speeds.learn(bins, np.ones(1), 1.0)
    speeds.settle()

    assert 0 < speeds.share()[0] <= 0.1
    assert speeds.slow(bins) / bins.sum() == pytest.approx(speeds.share()[0], rel=1e-3)


def table(*rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([one for some in rows for one in some], schema=HEALTH)


def test_a_leaf_counts_in_its_sums_and_each_minute_has_a_block():
    index = Index(FAMILIES[CALLS])
    other = ("acme", "chat", "openai", "gpt-4o")
    rows = table(minute_rows(FIRST, {"calls": 3, "ttft 5": 2}), minute_rows(FIRST + 2, {"calls": 4}, other))

    blocks = list(blocks_of(rows, index, FIRST, FIRST + 3))

    assert [block.minute for block in blocks] == [FIRST, FIRST + 1, FIRST + 2]
    assert index.keys[0] == CHAT
    tenant = index.keys.index(("acme", ALL, ALL, ALL))
    model = index.keys.index((ALL, ALL, "openai", "gpt-4o"))
    assert [float(block.counts["calls"][tenant]) for block in blocks] == [3, 0, 4]
    assert [float(block.counts["calls"][model]) for block in blocks] == [3, 0, 4]
    assert blocks[0].bins["ttft"][5, 0] == 2


def test_steps_of_five_minutes_come_to_the_sums_of_steps_of_one():
    rng = np.random.default_rng(5)
    rows = table(
        *(minute_rows(FIRST + at, {"calls": 20, "error timeout": float(rng.binomial(20, 0.1))}) for at in range(600))
    )
    shares = []
    for width in (1, 5):
        fold = Fold(FAMILIES[CALLS], 7.0)
        for block in blocks_of(rows, fold.index, FIRST, FIRST + 600, width):
            fold.step(block)
        shares.append(fold.usual())

    np.testing.assert_allclose(*shares, rtol=0.02, atol=1e-3)


def test_a_sum_whose_mix_has_changed_is_not_odd():
    """One leaf caches much, the other nothing; at night the first is alone."""
    rng = np.random.default_rng(6)
    cold = ("acme", "chat", "openai", "gpt-4o")
    rows = []
    for at in range(3 * 1440):
        warm, more = 10, 10 if at < 2.5 * 1440 else 200
        rows.append(minute_rows(FIRST + at, {"prompted": warm, "cached": float(rng.binomial(warm, 0.7))}))
        rows.append(minute_rows(FIRST + at, {"prompted": more}, cold))
    fold = Fold(FAMILIES[CALLS], 7.0)

    odd = [fold.step(block).any() for block in blocks_of(table(*rows), fold.index, FIRST, FIRST + 3 * 1440, 5)]

    assert not any(odd)


def test_what_lasts_for_a_day_is_the_new_usual():
    rng = np.random.default_rng(7)
    rows = []
    for at in range(4 * 1440):
        share = 0.004 if at < 1440 else 0.2
        rows.append(minute_rows(FIRST + at, {"calls": 20, "error parse_error": float(rng.binomial(20, share))}))
    fold = Fold(FAMILIES[CALLS], 7.0)
    odd = [fold.step(block).any() for block in blocks_of(table(*rows), fold.index, FIRST, FIRST + 4 * 1440, 5)]

    assert not any(odd[: 1440 // 5])
    assert all(odd[1450 // 5 : 2000 // 5])
    assert not any(odd[-1440 // 5 :])


def test_a_state_is_about_a_kilobyte_a_series():
    rows = [minute_rows(FIRST, {"calls": 1, "ttft 9": 1}, ("acme", f"f{n}", "openai", "gpt-4o")) for n in range(200)]
    fold = Fold(FAMILIES[CALLS], 7.0)
    for block in blocks_of(table(*rows), fold.index, FIRST, FIRST + 5):
        fold.step(block)
    told = [*vars(fold).values(), *(one for speeds in fold.speeds.values() for one in vars(speeds).values())]
    arrays = [one for one in told if isinstance(one, np.ndarray)]

    assert sum(one.nbytes for one in arrays) / len(fold.index.keys) < 2500


def test_silence_is_judged_by_the_emptier_of_yesterday_and_a_week_ago():
    silence, told = Silence(), []
    for at in range(0, 16 * 1440, 5):
        day, hour = at // 1440, at // 60 % 24
        speaks = 8 <= hour < 18 and day % 7 < 5
        calls = 40.0 if speaks and not (day == 15 and hour >= 12) else 0.0
        if silence.step(FIRST + at, 5, np.array([calls])).any():
            told.append((day, hour))

    assert told == []  # nights and weekends are quiet: nobody always speaks here

    silence, told = Silence(), []
    for at in range(0, 16 * 1440, 5):
        calls = 40.0 if at < 15 * 1440 + 720 else 0.0
        if silence.step(FIRST + at, 5, np.array([calls])).any():
            told.append(at - 15 * 1440 - 720)

    assert told[0] == 5


def test_every_row_of_the_table_has_a_family_and_a_name_of_its_own():
    assert len({one.name for one in SIGNALS}) == len(SIGNALS)
    assert {one.family for one in SIGNALS} == set(FAMILIES)
    for one in SIGNALS:
        assert set(one.yields_to) < {*MONEY, *(other.name for other in SIGNALS)}
        assert bool(one.parts) != bool(one.quantile)
    assert FAMILIES[CHECKS].dimensions == ("tenant", "feature", "model")


def test_shares_and_times_are_told_with_two_digits():
    assert [percent(share) for share in (0.312, 0.0042, 0.0, 0.0999)] == ["31 %", "0.42 %", "0 %", "10 %"]
    assert [duration(ms) for ms in (850.4, 2412)] == ["850 ms", "2.4 s"]
    assert whose({"tenant": None, "feature": "chat"}) == "unattributed/chat"
    assert whose({"provider": "openai"}) == "all tenants to openai"


def test_what_a_wider_trouble_has_taken_in_does_not_go_on_beside_it():
    leaf = ("acme", "search", "openai", "gpt-4o")
    narrow = Trouble(
        "errors_provider", {"tenant": "acme", "provider": "openai"}, FIRST, FIRST, known_as="a", resolved=FIRST + 1
    )
    wide = Trouble("errors_provider", {"provider": "openai"}, FIRST, FIRST, known_as="b")

    for all_ in ([narrow, wide], [wide, narrow]):  # both opened in one minute: in either order
        troubles = Troubles(all=all_)
        assert troubles.take("errors_provider", {"tenant": "acme", "provider": "openai"}, leaf, FIRST + 2) is None

    assert narrow.resolved == FIRST + 1


def test_a_wider_trouble_begins_where_a_narrower_one_is_over():
    leaf = ("acme", "search", "openai", "gpt-4o")
    over = Trouble(
        "errors_provider", {"tenant": "acme", "provider": "openai"}, FIRST, FIRST, known_as="a", resolved=FIRST + 1
    )

    begun = Troubles(all=[over]).take("errors_provider", {"provider": "openai"}, leaf, FIRST + 9)

    assert begun is not None
    assert (begun.scope, over.resolved) == ({"provider": "openai"}, FIRST + 1)


def test_the_first_nights_of_a_job_are_no_incident_and_what_is_none_is():
    """Each night a job asks without a cache for half an hour; on the third afternoon another feature loses its own."""
    rng = np.random.default_rng(8)
    mail = ("beta", "mail", "google", "flash")
    rows = []
    for at in range(600, 600 + 4 * 1440):
        of_job = 24 if 120 <= at % 1440 < 150 else 0
        cached = 0.6 if at < 3 * 1440 + 800 else 0.05
        rows.append(minute_rows(FIRST + at, {"prompted": 16 + of_job, "cached": float(rng.binomial(16, 0.6))}))
        rows.append(minute_rows(FIRST + at, {"prompted": 16, "cached": float(rng.binomial(16, cached))}, mail))
    body = Body(0.5)
    troubles = Troubles(all=[])
    for blocks in body.blocks(table(*rows), FIRST + 600, FIRST + 600 + 4 * 1440, 5):
        follow(body, troubles, blocks, {"": 10})

    (found,) = troubles.all
    assert (found.signal, found.scope["model"]) == ("cache_share", "flash")
    assert 0 <= found.opened - FIRST - 3 * 1440 - 800 <= 15


def test_while_young_the_next_must_be_odder_by_what_was_told():
    rows = [minute_rows(FIRST + at, {"calls": 9}) for at in range(20)]
    body = Body(0.5)
    for blocks in body.blocks(table(*rows), FIRST, FIRST + 20, 5):
        body.step(blocks)
    told = [Trouble("errors_quota", {"tenant": "acme"}, FIRST + at, FIRST + at) for at in (-9, 1, 2)]

    assert body.times_while_young(Troubles(all=told)) == 3  # one is allowed; the oldest is of another lake
    assert body.times_while_young(Troubles(all=[])) == 1
