"""``kill -9`` at any instruction changes no total: every crash point of the commit protocol by itself."""

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


@pytest.mark.long  # every step at the level of the lake: tests/warehouse/test_commit_faults.py
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
