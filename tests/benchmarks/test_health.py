"""The health benchmark: worlds are the same for the same seed, and notices are counted for what they are about."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from alerts.health.table import BY_NAME, CALLS, SILENCE
from alerts.health.troubles import Trouble
from alerts.health.vitals import Body
from benchmarks.health.__main__ import score
from benchmarks.health.incidents import SIGNALS
from benchmarks.health.world import World, days_of, world_of


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(11)


def test_a_world_is_the_same_for_the_same_seed_and_others_are_not(world: World):
    assert world_of(11) == world
    assert world_of(12) != world
    assert {one.kind for one in world.incidents} <= set(SIGNALS)
    assert {name for names in SIGNALS.values() for name in names} <= {*BY_NAME, SILENCE}


def test_minutes_hold_calls_and_what_is_wrong_with_some(world: World):
    body = Body(0.5)

    blocks = list(islice(days_of(world, body), 600))

    calls = np.sum([block[CALLS].counts["calls"] for block in blocks], axis=0)
    failed = np.sum([block[CALLS].counts["error timeout"] for block in blocks], axis=0)
    assert calls.sum() > 1000
    assert 0 < failed.sum() < 0.01 * calls.sum()
    assert blocks[0][CALLS].bins["ttft"].shape[-1] == len(body.folds[CALLS].index.keys)


def test_a_notice_is_found_again_or_false(world: World):
    incident = next(one for one in world.incidents if one.kind == "error burst")
    lane = incident.lane
    scope = {"tenant": lane.tenant, "feature": lane.feature}
    right = Trouble("errors_rate_limit", scope, incident.start + 4, incident.start + 4)
    again = Trouble("retry_share", scope, incident.start + 9, incident.start + 9)
    false = Trouble("errors_rate_limit", {"tenant": "another"}, incident.start, incident.start)

    found, wrong, more = score(world, [right, again, false])

    (mine,) = [one for one in found if one.incident is incident]
    assert (mine.after, mine.named) == (5, True)
    assert wrong == [false]
    assert more == 1
