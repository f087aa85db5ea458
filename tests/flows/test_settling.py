"""A worker closes hours by itself, beside its flushes."""

import time
from decimal import Decimal

from tests.flows.deployment import Deployment
from tests.flows.payloads import payload


def test_a_worker_settles_what_is_over_and_goes_on_with_what_comes(deployment: Deployment):
    deployment.environment |= {"SPANLEDGER_SETTLE_EVERY_SECONDS": "1", "SPANLEDGER_SETTLE_LATENESS_MINUTES": "0"}
    over = time.time_ns() - 3 * 3600 * 1_000_000_000
    deployment.send([payload(number, ended_ns=over) for number in (1, 2)])
    deployment.start_worker()
    deployment.wait(lambda: deployment.table("settlements").num_rows > 0, "a settlement")
    deployment.send([payload(3, ended_ns=over)])
    deployment.wait_for_rows(60)
    deployment.wait(lambda: booked(deployment) == provisional(deployment), "books that agree with the stream")

    assert booked(deployment) == provisional(deployment) > 0
    deployment.stop()
    deployment.verify()


def booked(deployment: Deployment) -> Decimal:
    """USD of the ledger, of all settlements that stand."""
    stands = set(deployment.table("settlements", ["close_id"])["close_id"].to_pylist())
    lines = deployment.table("ledger", ["close_id", "cost_usd"]).to_pylist()
    return sum((line["cost_usd"] for line in lines if line["close_id"] in stands), Decimal(0))


def provisional(deployment: Deployment) -> Decimal:
    """USD of the stream."""
    return sum(deployment.table("usage", ["cost_usd"])["cost_usd"].to_pylist(), Decimal(0))
