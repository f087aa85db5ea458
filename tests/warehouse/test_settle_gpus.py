"""Settlement says whose the minutes of GPUs were; parts add up to the bill, whatever comes late."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.warehouse.gpu_world import MODEL, NODE, RATES, call, minutes, sample, samples, settings, settled, sums, total
from tests.warehouse.settling import LATER, World
from warehouse.errors import BadFleet


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def test_an_hour_of_a_gpu_costs_its_rate_and_is_divided_into_used_and_idle(world: World, tmp_path: Path):
    world.flush([call("a", 0, 3600)], samples=samples(0.25))

    rows = minutes(settled(world, settings(tmp_path)))

    assert sums(rows) == {"used": (900, Decimal("0.90")), "idle": (2700, Decimal("2.70"))}
    assert {row["terms"] for row in rows} == {"on_demand"}


def test_calls_share_what_was_busy_by_their_tokens_and_output_weighs_more(world: World, tmp_path: Path):
    long = call("a", 0, 60, "acme", input_tokens=0, output_tokens=300)  # 900
    short = call("b", 0, 60, "globex", input_tokens=100, output_tokens=0)  # 100

    world.flush([long, short], samples=samples(0.5, last=60))

    used = [row for row in minutes(settled(world, settings(tmp_path))) if row["line"] == "used"]
    assert sums(used, "tenant") == {"acme": (27, Decimal("0.027")), "globex": (3, Decimal("0.003"))}


def test_cached_input_weighs_little_and_weights_may_be_a_models_own(world: World, tmp_path: Path):
    weights = '[weights]\ninput = 1\ncached_input = 0\noutput = 0\n[weights.models."big*"]\ninput = 3\n'
    plain = call("a", 0, 60, "acme", input_tokens=500, cached_input_tokens=200, output_tokens=50)  # 300
    big = call("b", 0, 60, "globex", input_tokens=100, request_model="BIG-70b")  # 300

    world.flush([plain, big], samples=samples(1.0, last=60))

    rows = minutes(settled(world, settings(tmp_path, RATES + weights)))
    assert {tenant: seconds for tenant, (seconds, _) in sums(rows, "tenant").items()} == {"acme": 30, "globex": 30}


def test_a_call_has_a_part_in_each_minute_that_it_overlaps_and_its_tokens_add_up(world: World, tmp_path: Path):
    world.flush([call("a", 30, 90, input_tokens=1000, output_tokens=7)], samples=samples(1.0, last=180))

    rows = [row for row in minutes(settled(world, settings(tmp_path))) if row["line"] == "used"]

    assert [(row["minute"].minute, row["calls"], row["input_tokens"], row["output_tokens"]) for row in rows] == [
        (0, 0, 333, 2),
        (1, 1, 667, 5),
    ]
    assert [row["time_us"] for row in rows] == [60_000_000, 60_000_000]


def test_what_is_busy_without_a_call_is_nobodys_and_not_spread(world: World, tmp_path: Path):
    world.flush([call("a", 0, 60)], samples=samples(0.5, last=120))

    assert sums(minutes(settled(world, settings(tmp_path)))) == {
        "used": (30, Decimal("0.03")),
        "unattributed": (30, Decimal("0.03")),
        "idle": (60, Decimal("0.06")),
    }


def test_a_gap_is_unmeasured_and_after_an_hour_the_gpu_was_not_there(world: World, tmp_path: Path):
    world.flush(
        [call("a", 0, 1)],
        samples=[sample(0, 1.0), sample(60, 1.0), sample(960, 1.0), sample(960 + 3601, 1.0), sample(960 + 3661, 1.0)],
    )

    rows = minutes(settled(world, settings(tmp_path)))

    assert sums(rows)["unmeasured"] == (900, Decimal("0.90"))
    assert total(rows) == (60 + 900 + 60, Decimal("1.02"))


def test_a_gpu_that_says_no_activity_is_unmeasured_not_idle(world: World, tmp_path: Path):
    world.flush([call("a", 0, 60)], samples=samples(0, last=60, utilisation=None, memory_used_bytes=1.0))

    rows = minutes(settled(world, settings(tmp_path)))
    assert sums(rows) == {"unmeasured": (60, Decimal("0.06")), "used": (0, 0)}
    assert sum(row["output_tokens"] for row in rows) == 100


def test_the_share_of_time_that_the_engine_was_active_is_believed_before_utilisation(world: World, tmp_path: Path):
    world.flush([call("a", 0, 60)], samples=samples(1.0, last=60, engine_active=0.5))

    assert sums(minutes(settled(world, settings(tmp_path)))) == {
        "used": (30, Decimal("0.03")),
        "idle": (30, Decimal("0.03")),
    }


def test_without_a_rate_time_is_known_and_cost_is_not(world: World):
    world.flush([call("a", 0, 60)], samples=samples(0.5, last=60))

    rows = minutes(settled(world, settings(world.directory, "")))

    assert total(rows) == (60, Decimal(0))
    assert {(row["priced_us"], row["terms"]) for row in rows} == {(0, None)}


def test_rates_hold_from_their_day_and_a_nodes_own_goes_first(world: World, tmp_path: Path):
    text = f"""{RATES}
[[rates]]
node = "{NODE}"
terms = "spot"
usd_per_hour = "1.80"
from = 2026-11-20
until = 2026-11-21
"""
    world.flush([call("a", 0, 60)], samples=samples(1.0, last=60))
    world.flush([call("b", 86_400, 60)], samples=samples(1.0, first=86_400, last=86_460))

    rows = minutes(settled(world, settings(tmp_path, text), LATER + dt.timedelta(days=1)))

    assert sums(rows, "terms") == {"spot": (60, Decimal("0.03")), "on_demand": (60, Decimal("0.06"))}


def test_gpus_that_work_together_each_have_their_part_and_tokens_count_once(world: World, tmp_path: Path):
    both = [one for gpu in ("GPU-1", "GPU-2") for one in samples(0.5, last=60, gpu_uuid=gpu, pod="llama-0")]

    world.flush([call("a", 0, 60, server_address="llama-0.llama.serving.svc")], samples=both)

    rows = [row for row in minutes(settled(world, settings(tmp_path))) if row["line"] == "used"]
    assert sums(rows, "gpu") == {"GPU-1": (30, Decimal("0.03")), "GPU-2": (30, Decimal("0.03"))}
    assert [sum(row[name] for row in rows) for name in ("calls", "input_tokens", "output_tokens")] == [1, 1000, 100]


def test_of_a_divided_gpu_each_instance_is_its_slices_and_the_rest_is_idle(world: World, tmp_path: Path):
    mig = [
        *samples(1.0, last=420, mig_id="13", mig_profile="1g.10gb", pod="small-0"),
        *samples(0.5, last=420, mig_id="2", mig_profile="4g.40gb", pod="large-0"),
        *samples(0.0, last=420),  # the whole GPU, which is not asked then
    ]
    small = call("a", 0, 420, "acme", server_address="small-0", request_model="small")
    large = call("b", 0, 420, "globex", server_address="large-0", request_model="large")

    world.flush([small, large], samples=mig)

    rows = minutes(settled(world, settings(tmp_path)))
    rounded = {key: (round(time, 4), round(cost, 9)) for key, (time, cost) in sums(rows, "line", "tenant").items()}
    assert rounded == {
        ("used", "acme"): (60, Decimal("0.06")),
        ("used", "globex"): (120, Decimal("0.12")),
        ("idle", None): (240, Decimal("0.24")),
    }
    assert total(rows) == (420, Decimal("0.42"))


def test_pods_that_change_gpus_within_an_hour_are_followed_by_the_minute(world: World, tmp_path: Path):
    moved = [
        *samples(1.0, 0, 1800, pod="a-0"),
        *samples(0.1, 0, 1800, pod="b-0", gpu_uuid="GPU-2"),
        *samples(0.1, 1815, 3600, pod="b-0"),
        *samples(1.0, 1815, 3600, pod="a-0", gpu_uuid="GPU-2"),
    ]
    world.flush(
        [call("a", 0, 3600, "acme", server_address="a-0"), call("b", 0, 3600, "globex", server_address="b-0")],
        samples=moved,
    )

    rows = minutes(settled(world, settings(tmp_path)))

    assert sums(rows, "line", "tenant") == {
        ("used", "acme"): (3600, Decimal("3.60")),
        ("used", "globex"): (360, Decimal("0.36")),
        ("idle", None): (3240, Decimal("3.24")),
    }


def test_a_gpu_that_comes_within_an_hour_takes_no_part_in_calls_before_it(world: World, tmp_path: Path):
    both = [*samples(0.5), *samples(0.5, first=3000, gpu_uuid="GPU-2")]
    world.flush([call(f"c{n}", n * 60, 60) for n in range(50)], samples=both)

    rows = minutes(settled(world, settings(tmp_path)))

    assert [sum(row[name] for row in rows) for name in ("calls", "input_tokens", "output_tokens")] == [50, 50_000, 5000]
    assert {row["gpu"] for row in rows if row["line"] == "used"} == {"GPU-1"}


def test_a_gpu_that_is_divided_within_an_hour_was_whole_before(world: World, tmp_path: Path):
    cut = [*samples(1.0, 0, 2400), *samples(1.0, 2415, 3600, mig_id="1", mig_profile="7g.80gb")]
    world.flush([call("a", 0, 3600)], samples=cut)

    rows = minutes(settled(world, settings(tmp_path)))

    assert sums(rows, "line", "mig_id") == {
        ("used", None): (2400, Decimal("2.40")),
        ("used", "1"): (1185, Decimal("1.185")),
        ("unmeasured", None): (15, Decimal("0.015")),
    }


def test_an_instance_that_is_made_anew_has_the_slices_of_its_profile_and_counts_while_it_is_there(
    world: World, tmp_path: Path
):
    made_anew = [
        *samples(1.0, 0, 60, mig_id="1", mig_profile="3g.40gb", pod="a-0"),
        *samples(1.0, 0, 30, mig_id="2", mig_profile="4g.40gb", pod="b-0"),
        *samples(1.0, 30, 60, mig_id="2", mig_profile="2g.20gb", pod="c-0"),
    ]
    calls = [call(name, 0, 60, name, server_address=f"{name}-0") for name in "abc"]
    world.flush(calls, samples=made_anew)

    found = sums(minutes(settled(world, settings(tmp_path))), "line", "tenant")

    assert {key: round(seconds * 7) for key, (seconds, _) in found.items()} == {
        ("used", "a"): 3 * 60, ("used", "b"): 4 * 30, ("used", "c"): 2 * 30, ("idle", None): 2 * 30,
    }  # fmt: skip


def test_two_exporters_of_one_gpu_are_one_and_each_is_asked_what_it_tells(world: World, tmp_path: Path):
    dcgm = samples(None, last=600, engine_active=0.3)
    agent = samples(1.0, first=7, last=600, source="hw", host=f"{NODE}.dc.internal")
    node = f'[[rates]]\nnode = "{NODE}"\nterms = "spot"\nusd_per_hour = "1.80"\n'
    world.flush([call("a", 0, 600)], samples=[*dcgm, *agent])

    rows = minutes(settled(world, settings(tmp_path, RATES + node)))

    assert sums(rows, "line", "terms") == {
        ("used", "spot"): (180, Decimal("0.09")),
        ("idle", "spot"): (420, Decimal("0.21")),
    }


def test_a_sample_of_memory_alone_ends_no_stretch_of_activity(world: World, tmp_path: Path):
    told = [*samples(0.5, step=60), *samples(None, first=30, step=60, power_watts=300.0)]
    world.flush([call("a", 0, 3600)], samples=told)

    rows = minutes(settled(world, settings(tmp_path)))

    assert sums(rows) == {"used": (1800, Decimal("1.80")), "idle": (1800, Decimal("1.80"))}


def test_tokens_that_a_cost_is_of_are_those_of_measured_time_with_a_rate(world: World, tmp_path: Path):
    told = [
        *samples(0.5, last=90, pod="a-0"), sample(120, None, pod="a-0"), sample(150, None, pod="a-0"),
        *samples(0.5, last=120, gpu_uuid="GPU-2", gpu_model="A100", pod="a-0"),
    ]  # fmt: skip
    world.flush([call("a", 0, 120, server_address="a-0", input_tokens=800, output_tokens=0)], samples=told)

    settled(world, settings(tmp_path))

    found = world.sql(
        "SELECT gpu, sum(input_tokens), sum(costed_tokens) FROM gpu_minutes GROUP BY ALL ORDER BY ALL", "gpu_minutes"
    )
    assert found == [("GPU-1", 400, 300), ("GPU-2", 400, 0)]


def test_models_that_take_turns_on_a_gpu_share_it_by_tokens_and_it_is_counted_once(world: World, tmp_path: Path):
    turns = [one for pod in ("small-0", "large-0") for one in samples(0.5, last=60, pod=pod)]
    small = call("a", 0, 60, "acme", server_address="small-0", input_tokens=100, output_tokens=0)
    large = call("b", 0, 60, "globex", server_address="large-0", input_tokens=200, output_tokens=0)

    world.flush([small, large], samples=turns)

    rows = minutes(settled(world, settings(tmp_path)))
    assert sums(rows, "tenant") == {
        "acme": (10, Decimal("0.01")), "globex": (20, Decimal("0.02")), None: (30, Decimal("0.03")),
    }  # fmt: skip


def test_a_name_that_is_no_uuid_is_one_of_its_host_alone(world: World, tmp_path: Path):
    unnamed = [
        one for host in ("node-1", "node-2") for one in samples(0.0, last=60, gpu_uuid="0", host=host, source="hw")
    ]
    indexed = samples(0.0, last=60, gpu_uuid=None, host="node-3", gpu_index=1)

    world.flush([call("a", 0, 1)], samples=[*unnamed, *indexed])

    gpus = {row["gpu"] for row in minutes(settled(world, settings(tmp_path)))}
    assert gpus == {"node-1/0", "node-2/0", "node-3/1"}


def test_an_address_that_the_file_or_a_servers_metrics_name_leads_to_its_gpus(world: World, tmp_path: Path):
    text = f'{RATES}\n[[servers]]\naddress = "llm.internal"\nhosts = ["{NODE}"]\n'
    server = {
        "source": "vllm",
        "sampled_at": samples(0)[0]["sampled_at"],
        "model_server": "10.0.0.5:8000",
        "pod": "llama-0",
    }
    by_file = call("a", 0, 60, "acme", server_address="llm.internal")
    by_metrics = call("b", 0, 60, "globex", server_address="10.0.0.5")
    elsewhere = call("c", 0, 60, "initech", server_address="api.openai.com", provider="openai")

    world.flush([by_file, by_metrics, elsewhere], samples=[*samples(1.0, last=60, pod="llama-0"), server])

    assert set(sums(minutes(settled(world, settings(tmp_path, text))), "tenant")) == {"acme", "globex"}


def test_a_server_behind_a_proxy_ran_its_call_where_it_is_itself(world: World, tmp_path: Path):
    asked = call("a", 0, 60, "acme", server_address="litellm.internal", provider="openai", service="app")
    done = call("b", 1, 58, None, server_address=None, host=NODE, service="vllm", feature=None)
    done |= {"trace_id": asked["trace_id"], "parent_span_id": asked["span_id"]}
    world.flush([asked, done], samples=samples(1.0, last=60))

    rows = minutes(settled(world, settings(tmp_path)))

    assert {row["tenant"] for row in rows if row["line"] == "used"} == {"acme"}


def test_servers_of_one_host_are_told_apart_by_the_ports_that_calls_name(world: World, tmp_path: Path):
    servers = "".join(
        f'[[servers]]\naddress = "{NODE}:{port}"\ngpus = ["{gpu}"]\n'
        for port, gpu in ((8000, "GPU-1"), (8001, "GPU-2"))
    )
    calls = [call("a", 0, 60, "acme", server_port=8000), call("b", 0, 60, "globex", server_port=8001)]
    world.flush(calls, samples=[*samples(1.0, last=60), *samples(0.1, last=60, gpu_uuid="GPU-2")])

    rows = minutes(settled(world, settings(tmp_path, RATES + servers)))

    assert {tenant: time for tenant, (time, _) in sums(rows, "tenant").items()} == {"acme": 60, "globex": 6, None: 54}


def test_pods_of_one_name_are_told_apart_by_their_namespaces(world: World, tmp_path: Path):
    told = [
        *samples(1.0, last=60, pod="vllm-0", namespace="prod"),
        *samples(0.1, last=60, gpu_uuid="GPU-2", host="node-2", pod="vllm-0", namespace="staging"),
    ]
    named = call("a", 0, 60, "acme", server_address="vllm-0.vllm.prod.svc.cluster.local")
    own = call("b", 0, 60, "globex", server_address=None, pod="vllm-0", namespace="staging")
    world.flush([named, own, call("c", 0, 60, "initech", server_address="vllm-0")], samples=told)

    rows = minutes(settled(world, settings(tmp_path)))

    assert {tenant: time for tenant, (time, _) in sums(rows, "tenant").items()} == {"acme": 60, "globex": 6, None: 54}


def test_samples_that_come_too_late_to_divide_anything_are_counted(world: World, tmp_path: Path):
    how = settings(tmp_path)
    days, now = 9 * 86_400, LATER + dt.timedelta(days=9)
    world.flush([call("a", 0, 60), call("z", days, 1)], samples=samples(1.0, last=60))
    world.settle(now=now, how=how)
    world.flush([], samples=samples(1.0, first=75, last=600, step=75), partition=1)

    done, again = (world.settle(now=now, how=how) for _ in range(2))

    assert (done.number, done.late_samples, again.number) == (2, 8, 0)
    assert total(minutes(world)) == (60, Decimal("0.06"))


def test_a_fleet_without_any_call_is_idle(world: World, tmp_path: Path):
    world.flush([], samples=samples(0.0))

    assert sums(minutes(settled(world, settings(tmp_path)))) == {"idle": (3600, Decimal("3.60"))}


def test_late_calls_and_samples_are_booked_as_differences_and_nothing_is_settled_twice(world: World, tmp_path: Path):
    how = settings(tmp_path)
    early, late = call("a", 0, 60, "acme"), call("b", 0, 60, "globex")
    world.flush([early], samples=samples(0.5, last=30))
    world.settle(how=how)
    before = minutes(world)

    again = world.settle(how=how)
    world.flush([late], samples=samples(1.0, first=45, last=60), partition=1)
    done = world.settle(how=how)

    assert (again.number, done.number) == (0, 2)
    assert len(done.reopened) == 1
    other = World(tmp_path / "other")
    other.flush([late], samples=samples(1.0, first=45, last=60), partition=1)
    other.flush([early], samples=samples(0.5, last=30))
    assert minutes(world) == minutes(settled(other, how))
    entries = world.sql("SELECT DISTINCT settlement, entry FROM gpu_minutes ORDER BY ALL", "gpu_minutes")
    assert entries == [(1, "settled"), (2, "late")]
    assert before != minutes(world)


def test_a_call_that_ends_after_its_hour_is_part_of_that_hour_too(world: World, tmp_path: Path):
    how = settings(tmp_path)
    world.flush([call("a", 3540, 60)], samples=samples(1.0, first=3540, last=3720))
    world.settle(how=how, until=LATER - dt.timedelta(hours=2))
    world.flush([call("b", 3540, 120, "globex")], partition=1)

    rows = minutes(settled(world, how))

    used = {(row["minute"].minute, row["tenant"]): row["time_us"] for row in rows if row["line"] == "used"}
    assert set(used) == {(59, "acme"), (59, "globex"), (0, "globex")}
    assert total(rows) == (180, Decimal("0.18"))


def test_what_comes_for_a_closed_month_is_booked_in_the_open_one(world: World, tmp_path: Path):
    how = settings(tmp_path)
    world.flush([call("a", 0, 60)], samples=samples(0.5, last=60))
    december = dt.datetime(2026, 12, 2, tzinfo=dt.UTC)
    world.flush([call("z", 11 * 86_400, 1)])
    world.settle(now=december, how=replace(how, lookback_days=60))
    world.close(dt.date(2026, 11, 1), now=december, how=how)
    world.flush([call("b", 0, 60, "globex")], partition=1)

    world.settle(now=december, how=replace(how, lookback_days=60))

    periods = world.sql("SELECT DISTINCT settlement, period FROM gpu_minutes ORDER BY ALL", "gpu_minutes")
    assert [period.month for _, period in periods] == [11, 12]


def test_a_file_that_cannot_be_used_settles_nothing(world: World, tmp_path: Path):
    world.flush([call("a", 0, 60)], samples=samples(0.5, last=60))

    with pytest.raises(BadFleet, match="usd_per_hour"):
        world.settle(how=settings(tmp_path, f'[[rates]]\ngpu_model = "{MODEL}"\nusd_per_hour = 3.6\n'))

    assert minutes(world) == []
