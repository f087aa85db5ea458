"""The spend benchmark counts right: what incidents cost is in the usage, and only what is about one has found it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.spend.lanes import DAY, MINUTES, TENANTS, WEEK
from benchmarks.spend.plans import DIMENSIONS, Incident, World, world_of
from benchmarks.spend.score import GRACE, score
from benchmarks.spend.world import calendar_of, to_time, usage_of

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(7)


def notice(incident: Incident, after: int = 5, **scope: Any) -> dict[str, Any]:
    """Sent at the end of the minute ``after`` minutes into the incident, about its tenant unless told otherwise."""
    [*tenants] = incident.touched["tenant"]
    named = dict.fromkeys(DIMENSIONS) | {"tenant": tenants[0] if len(tenants) == 1 else None} | scope
    return {"opened_at": to_time(incident.first + after - 1), "contributors": [], **named}


def perfect(world: World) -> Iterator[dict[str, Any]]:
    for incident in world.incidents:
        cause = [dict([pair]) for pair in incident.cause]
        yield notice(incident, **next(one for one in cause if next(iter(one.values())) is not None))


def test_a_seed_is_one_world_and_another_seed_another(world: World):
    again, other = usage_of(world_of(7)), usage_of(world_of(8))

    assert usage_of(world).equals(again)
    assert not again.equals(other)


def test_the_usage_is_what_incidents_add_and_the_rest(world: World):
    usage = pl.DataFrame(usage_of(world))
    stolen = [one for one in world.incidents if one.kind == "leaked_key"]
    rises = {model: times for model, times in world.price_times.items() if (times > 1).any()}

    for one in stolen:
        [principal] = one.touched["principal"]
        [model] = one.touched["model"]
        rows = usage.filter(pl.col("principal") == principal)
        plain = model not in rises or rises[model][one.first : one.last].max() == 1
        assert rows["cost_usd"].sum() >= one.usd * (1 - 1e-9)
        assert not plain or rows["cost_usd"].sum() == pytest.approx(one.usd)
    assert usage["cost_usd"].sum() > sum(one.usd for one in world.incidents)
    assert usage.select((pl.col("cached_input_tokens") <= pl.col("input_tokens")).all()).item()
    assert usage["minute"].is_between(to_time(0), to_time(MINUTES - 1)).all()


def test_every_kind_of_incident_is_in_a_world_with_what_it_cost(world: World):
    kinds = {one.kind for one in world.incidents}

    assert len(kinds) == 7
    assert all(one.excess.size == one.last - one.first and one.usd >= 0 for one in world.incidents)
    assert all(one.first >= 9 * DAY for one in world.incidents)
    assert calendar_of(world).count("[[event]]") == len(world.calendar) > 10


def test_who_tells_of_everything_at_once_finds_everything(world: World):
    found = score(world.incidents, perfect(world))

    figures = found.figures()
    assert (figures["recall"], figures["dollars_found"], figures["precision"], figures["named"]) == (1, 1, 1, 1)
    assert figures["minutes_median"] == 5
    assert figures["dollars_ahead"] == pytest.approx(
        sum(one.excess[5:].sum() for one in world.incidents) / sum(one.usd for one in world.incidents)
    )


def test_what_is_about_another_tenant_or_value_or_time_is_false(world: World):
    one = next(one for one in world.incidents if one.kind == "retry_loop")

    wrong = [
        notice(one, tenant="tenant-of-nobody"),
        notice(one, model="a model that it does not use"),
        notice(one, after=0),
        notice(one, after=one.last - one.first + GRACE + 1),
    ]

    found = score([one], wrong)
    assert (found.false, found.again, found.found[0].after) == (4, 0, None)
    assert found.false_per_tenant_week == 4 / (TENANTS * MINUTES / WEEK)


def test_a_price_that_rose_for_all_is_found_by_who_names_the_model_alone(world: World):
    one = next(one for one in world.incidents if one.kind == "price_change")
    tenant = next(iter(one.touched["tenant"]))
    [(_, model)] = one.cause

    assert score([one], [notice(one, tenant=tenant)]).false == 1
    assert score([one], [notice(one, tenant=tenant, model=model)]).false == 0
    assert score([one], [notice(one, tenant=tenant) | {"contributors": [{"model": model}]}]).false == 0


def test_what_is_told_again_counts_apart(world: World):
    one = next(one for one in world.incidents if one.kind == "slow_leak")

    found = score([one], [notice(one, after=9), notice(one, after=3)])

    assert (found.false, found.again, found.found[0].after) == (0, 1, 3)
    assert np.isclose(found.found[0].ahead_usd, one.excess[3:].sum())
