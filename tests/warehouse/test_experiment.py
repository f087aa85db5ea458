"""Two prompt versions side by side: intervals as they were published, verdicts as they can be counted by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processors.histograms import histograms
from tests.warehouse.held import held
from tests.warehouse.samples import NOON, span, usage
from warehouse.errors import BadQuestion
from warehouse.experiments import compare, compare_by
from warehouse.experiments.estimates import Estimate, difference, mean, relative, share, student, weighted
from warehouse.reader import ALL, WarehouseSnapshot
from warehouse.schemas import HISTOGRAM_GAMMA

Row = dict[str, Any]


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, n: int, low: float, high: float):
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    found = share(hits, n)

    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [((48, 80), (56, 70), 0.0524, 0.3339), ((3, 10), (9, 10), 0.1705, 0.8090), ((0, 20), (10, 10), 0.6791, 1.0)],
)
def test_the_interval_of_a_difference_of_shares_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
):
    """Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10."""
    found = difference(share(*one), share(*other))

    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(("freedom", "quantile"), [(5, 2.5706), (10, 2.2281), (29, 2.0452), (1_000, 1.9623)])
def test_the_quantile_of_student_is_that_of_tables(freedom: int, quantile: float):
    assert student(freedom) == pytest.approx(quantile, rel=5e-3)


def test_the_interval_of_a_mean_is_students():
    found = mean(25, 10.0, 2.0)

    assert (found.low, found.high) == (
        pytest.approx(10 - 2.0639 * 0.4, abs=1e-3),
        pytest.approx(10 + 2.0639 * 0.4, abs=1e-3),
    )
    assert mean(1, 10.0, None) == Estimate(n=1, value=10.0)


def test_a_score_weighs_changes_for_the_better():
    faster = relative(Estimate(n=40, value=-200, low=-300, high=-100), 1_000, lower_is_better=True)
    worse = relative(Estimate(n=50, value=-0.1, low=-0.2, high=0.0), 0.5, lower_is_better=False)

    assert (faster.value, faster.low, faster.high) == (0.2, 0.1, 0.3)
    assert (worse.value, worse.low, worse.high) == (-0.2, -0.4, 0.0)
    both = weighted([(3, faster), (1, worse), (0, Estimate(n=0))])
    assert (both.n, both.value) == (40, pytest.approx(0.1))
    assert both.low == pytest.approx(0.1 - (0.075**2 + 0.05**2) ** 0.5)
    assert weighted([(1, faster), (1, Estimate(n=3))]).value is None


def tasks(version: str, good: int, bad: int, usd: tuple[str, str], **values: Any) -> list[Row]:
    """Tasks of a prompt version, whose costs are one of two in turn."""
    plain = {"hour": NOON, "tenant": "acme", "kind": "task", "feature": "chat", "prompts": [f"main@{version}"]}
    counts = {"spans": 1, "calls": 1, "priced_calls": 1, "guardrail_blocks": 0, "safe": "unknown"}
    return [
        plain
        | counts
        | {"task": f"{version}-{n}", "outcome": "success" if n < good else "failure", "cost_usd": Decimal(usd[n % 2])}
        | values
        for n in range(good + bad)
    ]


@pytest.fixture
def lake(tmp_path: Path) -> WarehouseSnapshot:
    """Version 8 succeeds in 90 of 100 tasks, 7 in 70 of 100; it costs half; some tasks had both, some neither."""
    both = tasks("both", 9, 0, ("100", "100"), prompts=["main@7", "main@8"])
    other = tasks("none", 9, 0, ("100", "100"), prompts=[])
    timed = [("7", 1_000), ("8", 500)]
    calls = [
        usage(tenant="acme", feature="chat", prompt_version=version, calls=count, latency_hist=histogram(count))
        for version, count in timed
    ]
    about = [span(n, task_id=f"{version}-{n}", prompt_version=version) for version in "78" for n in range(40)]
    outcomes = [
        {
            "outcome_id": f"{version}-{n}", "observed_at": NOON, "received_at": NOON, "tenant": "acme",
            "name": "groundedness",
            "label": "grounded" if n < good else "ungrounded", "source": "evaluator", "task_id": f"{version}-{n}",
        }
        for version, good, number in (("7", 20, 40), ("8", 20, 20))
        for n in range(number)
    ]  # fmt: skip
    booked = [*tasks("7", 70, 30, ("2", "4")), *tasks("8", 90, 10, ("1", "2")), *both, *other]
    return held(tmp_path / "lake", NOON + timedelta(days=1), tasks=booked, usage=calls, spans=about, outcomes=outcomes)


def histogram(calls: int) -> list[dict[str, int]]:
    """One call in each of as many buckets, so that ranks are indices."""
    return [{"index": n + 1, "count": 1} for n in range(calls)]


def told(snapshot: WarehouseSnapshot, **params: object) -> dict[str, Row]:
    """Rows of the report by measure."""
    asked = {"by": "prompt_version", "baseline": "7", "candidate": "8"} | params
    return {row["measure"]: row for row in compare(snapshot, ALL, **asked).to_pylist()}


def test_a_candidate_is_better_where_the_interval_of_the_difference_says_so(lake: WarehouseSnapshot):
    found = told(lake)["success"]

    assert (found["baseline_n"], found["baseline_value"], found["candidate_n"], found["candidate_value"]) == (
        100,
        0.7,
        100,
        0.9,
    )
    assert found["difference"] == pytest.approx(0.2)
    expected = difference(share(70, 100), share(90, 100))
    assert (found["difference_low"], found["difference_high"]) == (expected.low, expected.high)
    assert found["verdict"] == "better"


def test_the_cost_of_a_task_is_a_mean_and_less_is_better(lake: WarehouseSnapshot):
    found = told(lake)["task_cost"]

    assert (found["baseline_n"], found["baseline_value"], found["candidate_value"]) == (100, 3.0, 1.5)
    half = student(99) * (100 / 99) ** 0.5 / 10
    assert (found["baseline_low"], found["baseline_high"]) == (pytest.approx(3 - half), pytest.approx(3 + half))
    assert (found["difference"], found["verdict"], found["better"]) == (-1.5, "better", "lower")


def test_the_limits_of_a_percentile_are_the_edges_of_its_ranks(lake: WarehouseSnapshot):
    found = told(lake)["latency_p95"]
    (low, value, high) = (found[f"baseline_{end}"] for end in ("low", "value", "high"))

    # 950 -+ 1.96 x sqrt(1000 x 0.95 x 0.05) = 936.5 and 963.5
    assert (low, high) == (pytest.approx(HISTOGRAM_GAMMA**936), pytest.approx(HISTOGRAM_GAMMA**964))
    assert value == pytest.approx(2 * HISTOGRAM_GAMMA**950 / (HISTOGRAM_GAMMA + 1))


@pytest.mark.parametrize("seed", range(5))
def test_the_limits_of_a_percentile_hold_those_of_the_values_themselves(tmp_path: Path, seed: int):
    values = np.random.default_rng(seed).lognormal(6, 0.05 * 3**seed, 5_000)
    (hist,) = histograms(values, np.zeros(len(values), np.int64), 1).to_pylist()
    calls = [usage(tenant="acme", prompt_version=version, calls=5_000, latency_hist=hist) for version in "78"]
    lake = held(tmp_path / "lake", NOON + timedelta(days=1), tasks=tasks("7", 40, 0, ("1", "1")), usage=calls)
    found = told(lake)["latency_p95"]

    half = 1.959964 * (5_000 * 0.95 * 0.05) ** 0.5
    low, high = (np.sort(values)[ceil(4_750 + sign * half) - 1] for sign in (-1, 1))
    assert low / 1.02 <= found["baseline_low"] <= low < high <= found["baseline_high"] <= high * 1.02


def test_one_asks_once_whatever_the_weights(lake: WarehouseSnapshot):
    asked: dict[str, list[Row]] = {}

    def ask(question: str, **parameters: object) -> list[Row]:
        key = repr((question, sorted(parameters.items())))
        if key not in asked:
            asked[key] = lake.ask(question, ALL, **parameters).to_pylist()
        return asked[key]

    usual = compare_by(ask, lake.levels, by=("prompt_version",)).to_pylist()
    names = {side: usual[0][side] for side in ("baseline", "candidate")}
    known = set(asked)
    weighed = compare_by(ask, lake.levels, by=("prompt_version",), **names, cost_weight=3.0).to_pylist()
    turned = {"baseline": names["candidate"], "candidate": names["baseline"]}
    compare_by(ask, lake.levels, by=("prompt_version",), **turned)

    assert set(asked) == known
    assert weighed == compare(lake, ALL, by="prompt_version", **names, cost_weight=3).to_pylist() != usual


def test_fewer_than_thirty_on_a_side_are_not_enough(lake: WarehouseSnapshot):
    found = told(lake)

    assert (found["groundedness"]["baseline_n"], found["groundedness"]["candidate_n"]) == (40, 20)
    assert found["groundedness"]["verdict"] == "not enough"
    assert (found["judged_safe"]["baseline_n"], found["judged_safe"]["baseline_value"]) == (0, None)
    assert found["unblocked"]["verdict"] == "no difference shown"


def test_the_score_is_of_what_has_a_weight(lake: WarehouseSnapshot):
    weights = {"latency_weight": 0, "cost_weight": 3, "quality_weight": 1}
    score = told(lake, **weights)["score"]

    assert score["difference"] == pytest.approx((3 * 0.5 + 0.2 / 0.7) / 4)
    assert score["verdict"] == "better"
    assert told(lake, latency_weight=0, cost_weight=0, quality_weight=0)["score"]["verdict"] == "not enough"


def test_those_with_the_most_tasks_are_compared_where_none_is_named(lake: WarehouseSnapshot):
    found = told(lake, baseline=None, candidate=None)["success"]

    assert {found["baseline"], found["candidate"]} == {"7", "8"}
    assert told(lake, baseline=None, candidate="7")["success"]["baseline"] == "8"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"by": "model,route"}, "by = 'model,route': must be one of model_family, model, prompt_version, route"),
        ({"by": "tenant"}, "by = 'tenant': must be one of"),
        ({"candidate": "7"}, "candidate = '7': must be another than the baseline"),
    ],
)
def test_what_cannot_be_compared_is_refused(lake: WarehouseSnapshot, asked: dict[str, str], reason: str):
    with pytest.raises(BadQuestion, match=reason):
        told(lake, **asked)


def test_what_others_did_is_compared_for_nobody_else(lake: WarehouseSnapshot):
    asked = {"by": "prompt_version"}

    assert compare(lake, frozenset({"beta"}), **asked).num_rows == 0
    named = compare(lake, frozenset({"beta"}), **asked, baseline="7", candidate="8").to_pylist()
    assert {(row["baseline_n"], row["candidate_n"]) for row in named} == {(0, 0), (None, None)}


def test_without_two_of_them_there_is_nothing_to_compare(lake: WarehouseSnapshot):
    assert told(lake, by="route", baseline=None, candidate=None) == {}
    missing = told(lake, candidate="9")
    assert (missing["success"]["candidate_n"], missing["success"]["verdict"]) == (0, "not enough")
