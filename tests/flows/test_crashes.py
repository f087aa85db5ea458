"""``kill -9`` at any instruction changes no total: every crash point of the commit protocol, and random ones."""

import random
import time

import pytest

from tests.flows.deployment import Deployment
from tests.flows.payloads import payload
from warehouse.schemas import COMMIT_ORDER

STEPS = [
    "processed",
    "dead-lettered",
    "loaded",
    *(f"{table} {done}" for table in COMMIT_ORDER for done in ("written", "committed")),
    "committed",
    "noticed",
]


@pytest.mark.timeout(600)
def test_a_worker_that_dies_after_any_step_of_a_flush_leaves_a_lake_that_the_next_one_completes(
    deployment: Deployment,
):
    for number, step in enumerate(STEPS):
        deployment.send([payload(number * 10 + i) for i in range(3)])
        crashed = deployment.start_worker(exit_after=step)
        assert crashed.wait(60) == 9, f"no flush reached the step {step!r}"

    deployment.start_worker()
    deployment.wait_for_rows(len(deployment.acknowledged))
    deployment.verify()


@pytest.mark.timeout(600)
def test_a_worker_killed_twenty_times_at_random_loses_nothing_and_doubles_nothing(deployment: Deployment):
    chance = random.Random(20)
    number = 1000
    for _ in range(20):
        worker = deployment.start_worker()
        until = time.monotonic() + chance.uniform(1.0, 7.0)
        while time.monotonic() < until:
            deployment.send([payload(number)])
            number += 1
            time.sleep(chance.uniform(0.0, 0.2))
        deployment.kill(worker)

    deployment.start_worker()
    deployment.wait_for_rows(len(deployment.acknowledged))
    deployment.verify()
