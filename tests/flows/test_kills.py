"""``kill -9`` at random moments changes no total."""

import random
import time

import pytest

from tests.flows.deployment import Deployment
from tests.flows.payloads import payload


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
