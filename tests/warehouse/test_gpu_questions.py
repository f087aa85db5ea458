"""What reports say of GPUs, on worlds small enough to count by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.gpu_world import RATES, at, call, samples, settings
from tests.warehouse.settling import World, outcome
from tests.warehouse.told import START
from warehouse.errors import BadQuestion
from warehouse.reader import ALL, Warehouse
from warehouse.scope import Scope

USD = Decimal
HOSTED = {"provider": "openai", "request_model": "gpt-4o", "server_address": "api.openai.com"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One GPU for an hour, half busy: three quarters of that with acme's calls, a quarter with globex'; a hosted call.

    A second GPU is idle, a third busy with nobody for a minute.
    """
    world = World(tmp_path / "world")
    calls = [
        call("a", 0, 3600, "acme", task_id="A", input_tokens=1500, output_tokens=500),  # 3000
        call("b", 0, 3600, "globex", task_id="B", feature="search", input_tokens=1000, output_tokens=0),  # 1000
        call("c", 0, 1, "acme", task_id="C", **HOSTED),
    ]
    idle = samples(0.0, gpu_uuid="GPU-2", host="node-2", gpu_index=1)
    stray = samples(1.0, last=60, gpu_uuid="GPU-3", host="node-3")
    world.flush(
        calls, [outcome("success", "success", task_id="A", tenant="acme")], samples=[*samples(0.5), *idle, *stray]
    )
    world.settle(how=settings(tmp_path))
    return world


def ask(world: World, question: str, scope: Scope = ALL, **params: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = Warehouse(world.settings).ask(question, scope, **params).to_pylist()
    return answer


def pick(answer: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in answer]


def near(usd: Decimal) -> Decimal:
    """A line may be off by less than a picodollar a minute."""
    return round(usd, 9)


def test_gpu_says_whose_the_time_was_and_what_was_idle(world: World):
    rows = ask(world, "gpu", by="line,tenant,feature")

    assert [(*key, near(usd)) for *key, usd in pick(rows, "line", "tenant", "feature", "cost_usd")] == [
        ("idle", None, None, USD("5.40")),
        ("used", "acme", "chat", USD("1.35")),
        ("used", "globex", "search", USD("0.45")),
        ("unattributed", None, None, USD("0.06")),
    ]
    assert [row["gpu_hours"] for row in rows] == pytest.approx([1.5, 0.375, 0.125, 60 / 3600])
    assert sum(row["time_share"] for row in rows) == pytest.approx(1)
    assert [near(row["cost_per_1k_tokens_usd"]) for row in rows[1:3]] == [USD("0.675"), USD("0.45")]


def test_gpu_in_one_row_is_the_bill_with_utilisation_and_idle_cost(world: World):
    (row,) = ask(world, "gpu", by="")

    assert (row["cost_usd"], row["idle_cost_usd"], row["unattributed_cost_usd"]) == (
        USD("7.26"),
        USD("5.40"),
        USD("0.06"),
    )
    assert row["utilisation"] == pytest.approx((1800 + 60) / (7200 + 60))
    assert row["priced_share"] == 1.0


def test_what_nobody_used_may_be_spread_over_who_used_the_gpu_in_sight_and_the_bill_stays(world: World):
    rows = ask(world, "gpu", by="line,tenant", spread="idle, unattributed")
    (used,) = ask(world, "gpu", by="", spread="idle", where="line=used,tenant=acme")

    assert {(row["line"], row["tenant"]): round(row["spread_cost_usd"], 6) for row in rows} == {
        ("used", "acme"): USD("1.35"),
        ("used", "globex"): USD("0.45"),
        ("idle", None): USD("-1.80"),  # GPU-2 was used by nobody, so its 3.60 stay
        ("unattributed", None): 0,
    }
    assert sum(row["spread_cost_usd"] for row in rows) == 0
    assert round(used["spread_cost_usd"], 6) == USD("1.35")
    assert ask(world, "gpu", by="")[0]["spread_cost_usd"] is None
    with pytest.raises(BadQuestion, match="must be one of idle, unattributed, unmeasured"):
        ask(world, "gpu", spread="used")


def test_gpu_over_time_and_of_some(world: World):
    rows = ask(world, "gpu", by="gpu", bucket="hour", where="gpu=GPU-1")
    minutes = ask(world, "gpu", by="", bucket="minute", start=at(60), end=at(180), where="line=used")

    assert pick(rows, "bucket", "gpu", "utilisation") == [(START, "GPU-1", 0.5)]
    assert pick(minutes, "bucket", "cost_usd") == [(at(60), USD("0.03")), (at(120), USD("0.03"))]


def test_a_tenant_sees_its_own_and_nothing_of_the_whole(world: World):
    rows = ask(world, "gpu", frozenset({"globex"}), by="line,tenant")

    assert pick(rows, "line", "tenant", "time_share") == [("used", "globex", None)]
    assert near(rows[0]["cost_usd"]) == USD("0.45")


def test_as_of_a_settlement_is_what_was_said_then(world: World, tmp_path: Path):
    world.flush([call("d", 0, 3600, "initech", input_tokens=4000, output_tokens=0)], partition=1)
    before = ask(world, "gpu", by="tenant")
    world.settle(how=settings(tmp_path))

    now = ask(world, "gpu", by="tenant")

    assert {row["tenant"] for row in now} - {row["tenant"] for row in before} == {"initech"}
    assert ask(world, "gpu", by="tenant", as_of_settlement=1) == before


def test_without_a_rate_cost_is_unknown_and_time_is_not(tmp_path: Path):
    world = World(tmp_path / "world")
    world.flush([call("a", 0, 60)], samples=samples(0.5, last=60))
    world.settle(how=settings(tmp_path, ""))

    (row,) = ask(world, "gpu", by="")

    assert (row["cost_usd"], row["idle_cost_usd"], row["cost_per_1k_tokens_usd"], row["priced_share"]) == (
        None,
        None,
        None,
        0,
    )
    assert row["gpu_hours"] == pytest.approx(1 / 60)


def test_self_hosted_models_stand_beside_hosted_ones_with_their_idle_time(world: World):
    own, hosted = ask(world, "gpu-models")

    assert pick([own], "hosting", "model", "calls", "input_tokens", "output_tokens", "gpu_hours") == [
        ("self_hosted", "llama", 2, 2500, 500, 1.0)
    ]
    assert pick([own], "cost_usd", "used_cost_usd", "cost_per_1k_tokens_usd", "used_cost_per_1k_tokens_usd") == [
        (USD("3.60"), USD("1.80"), USD("1.2"), USD("0.6"))
    ]
    assert pick([own], "successful_tasks", "cost_per_successful_task_usd", "tokens_per_gpu_hour") == [
        (1, USD("3.6"), 3000)
    ]
    assert pick([hosted], "hosting", "model", "calls", "cost_usd", "gpu_hours", "successful_tasks") == [
        ("hosted", "gpt-4o", 1, USD("0.0035"), None, 0)
    ]
    assert own["against_cost_usd"] is None


def test_against_a_hosted_model_it_is_said_from_which_load_on_self_hosting_pays(world: World):
    own, _ = ask(world, "gpu-models", against="gpt-4o")

    hosted = USD("2.5") * 2500 / 10**6 + USD(10) * 500 / 10**6
    assert own["against_cost_usd"] == hosted
    assert own["break_even_tokens_per_gpu_hour"] == pytest.approx(3000 * 3.6 / float(hosted))


def test_a_model_that_is_served_here_and_elsewhere_has_a_line_of_each(tmp_path: Path):
    world = World(tmp_path / "world")
    own = [call("a", 0, 60, request_model="gpt-4o"), call("b", 0, 60, "globex")]
    world.flush([*own, call("c", 0, 60, "globex", **HOSTED), call("d", 0, 60, **HOSTED)], samples=samples(1.0, last=60))
    world.settle(how=settings(tmp_path))

    rows = ask(world, "gpu-models")

    assert sorted(pick(rows, "hosting", "model", "calls", "input_tokens", "cost_usd")) == [
        ("hosted", "gpt-4o", 2, 2000, USD("0.007")),
        ("self_hosted", "gpt-4o", 1, 1000, USD("0.03")),
        ("self_hosted", "llama", 1, 1000, USD("0.03")),
    ]


def test_what_tokens_cost_is_of_those_on_gpus_with_a_rate_and_says_how_many_these_are(tmp_path: Path):
    world = World(tmp_path / "world")
    unpriced = samples(0.5, gpu_uuid="GPU-2", gpu_model="A100")
    world.flush([call("a", 0, 3600, input_tokens=12_000, output_tokens=0)], samples=[*samples(0.5), *unpriced])
    world.settle(how=settings(tmp_path))

    (model,), (gpus,) = ask(world, "gpu-models"), ask(world, "gpu", by="")

    assert (model["gpu_hours"], model["priced_share"], model["measured_share"]) == (2.0, 0.5, 1.0)
    assert (model["cost_per_1k_tokens_usd"], model["used_cost_per_1k_tokens_usd"]) == (USD("0.6"), USD("0.3"))
    assert (gpus["cost_per_1k_tokens_usd"], gpus["costed_share"]) == (USD("0.3"), 0.5)


def test_a_gpu_of_the_group_that_nobody_measured_costs_its_model_all_the_same(tmp_path: Path):
    world = World(tmp_path / "world")
    silent = samples(None, gpu_uuid="GPU-2", memory_used_bytes=1.0)
    world.flush([call("a", 0, 3600, input_tokens=12_000, output_tokens=0)], samples=[*samples(0.5), *silent])
    world.settle(how=settings(tmp_path))

    (model,), (gpus,) = ask(world, "gpu-models"), ask(world, "gpu", by="")

    assert (model["gpu_hours"], model["cost_usd"], model["measured_share"]) == (2.0, USD("7.2"), 0.5)
    assert (model["cost_per_1k_tokens_usd"], model["used_cost_per_1k_tokens_usd"]) == (USD("0.6"), USD("0.3"))
    assert (gpus["cost_per_1k_tokens_usd"], gpus["costed_share"]) == (USD("0.3"), 0.5)


def test_models_of_one_gpu_share_its_idle_time_as_they_used_it(tmp_path: Path):
    world = World(tmp_path / "world")
    some = [
        call("a", 0, 60, input_tokens=300, output_tokens=0),
        call("b", 0, 60, input_tokens=100, output_tokens=0, request_model="q"),
    ]
    world.flush(some, samples=samples(0.5, last=60))
    world.settle(how=settings(tmp_path, RATES))

    rows = ask(world, "gpu-models")

    assert pick(rows, "model", "cost_usd", "used_cost_usd") == [
        ("llama", USD("0.045"), USD("0.0225")),
        ("q", USD("0.015"), USD("0.0075")),
    ]


def server(seconds: float, **values: Any) -> dict[str, Any]:
    plain = {"source": "vllm", "model": "llama", "model_server": "10.0.0.5:8000", "engine": "0"}
    return plain | {"sampled_at": at(seconds)} | values


def counted(seconds: float, prompt: float, generation: float, since: float = -60, **values: Any) -> dict[str, Any]:
    counters = {
        "prompt_tokens": prompt,
        "generation_tokens": generation,
        "cumulative": True,
        "counted_since": at(since),
    }
    return server(seconds, **(counters | values))


def test_saturation_says_how_full_servers_are_beside_the_first_tokens_of_calls(tmp_path: Path):
    world = World(tmp_path / "world")
    told = [
        server(0, requests_running=4, requests_waiting=0, kv_cache_utilisation=0.5),
        server(15, requests_running=8, requests_waiting=2, kv_cache_utilisation=1.0),
        server(3600, requests_running=1, requests_waiting=0, kv_cache_utilisation=0.1),
    ]
    slow = [call(f"c{n}", n, 10, stream=True, ttft_ms=500.0 * (n + 1)) for n in range(2)]
    world.flush([*slow, call("h", 0, 1, **HOSTED)], samples=told)

    first, second = ask(world, "gpu-saturation")

    assert pick([first], "bucket", "model", "servers", "running_mean", "running_max") == [(START, "llama", 1, 6, 8)]
    assert pick([first], "waiting_mean", "waiting_max", "waiting_share", "kv_cache_mean", "kv_cache_max") == [
        (1, 2, 0.5, 0.75, 1.0)
    ]
    assert (first["ttft_p50_ms"], first["ttft_p95_ms"]) == (pytest.approx(500, rel=0.01), pytest.approx(1000, rel=0.01))
    assert (first["ttft_coverage"], first["seen_tokens"]) == (1.0, 2200)
    assert (second["bucket"], second["ttft_coverage"], second["ttft_p50_ms"]) == (
        START + dt.timedelta(hours=1),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("counters", "tokens"),
    [
        ([counted(0, 100, 10), counted(15, 150, 20), counted(30, 150, 25)], 65),  # goes on
        ([counted(0, 100, 10), counted(15, 40, 2)], 42),  # less than before: it began anew
        ([counted(0, 100, 10), counted(15, 140, 12, since=5)], 152),  # so it says itself
        (
            [counted(0, 100, 10, cumulative=False), counted(15, 50, 5, cumulative=False)],
            165,
        ),  # each says what was since
        ([counted(0, 100, 10), counted(0, 30, 3, engine="1"), counted(15, 101, 10), counted(15, 31, 3, engine="1")], 2),
        ([counted(0, 100, 10)], 0),  # since when nobody knows
        ([counted(0, 100, 10), counted(15, 140, 12, since=-59.9)], 42),  # a start that drifts is none
        (
            [
                server(seconds, cumulative=True, counted_since=at(since), **{name: seconds + 100.0})
                for seconds in (0, 15)
                for name, since in (("prompt_tokens", -60), ("generation_tokens", -59.9))
            ],
            30,
        ),
    ],
    ids=["on", "reset", "restarted", "delta", "engines", "first", "drift", "apart"],
)
def test_tokens_that_servers_count_are_differences_and_a_counter_may_begin_anew(
    tmp_path: Path, counters: list[dict[str, Any]], tokens: int
):
    world = World(tmp_path / "world")
    world.flush([call("a", 0, 1)], samples=[server(0, requests_running=1), *counters])

    (row,) = ask(world, "gpu-saturation", bucket="")

    assert row["served_tokens"] == tokens


def test_what_a_late_call_moves_between_lines_of_a_closed_month_adds_up_over_months(tmp_path: Path):
    world, how, december = World(tmp_path / "late"), settings(tmp_path), dt.datetime(2026, 12, 2, tzinfo=dt.UTC)
    how = replace(how, lookback_days=60)
    world.flush([call("a", 0, 30)], samples=samples(0.5, last=120))
    world.flush([call("z", 11 * 86_400, 1)])
    world.settle(now=december, how=how)
    world.close(dt.date(2026, 11, 1), now=december, how=how)
    world.flush([call("b", 60, 60, "globex")], partition=1)
    world.settle(now=december, how=how)
    spread = "idle,unattributed,unmeasured"

    (whole,), by_month = (ask(world, "gpu", by=(), spread=spread, bucket=bucket) for bucket in (None, "month"))
    parts = ("cost_usd", "idle_cost_usd", "unattributed_cost_usd", "spread_cost_usd")

    assert [row["unattributed_cost_usd"] for row in by_month][-1] < 0
    assert {name: sum(row[name] for row in by_month) for name in parts} == {name: whole[name] for name in parts}
