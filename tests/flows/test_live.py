"""Real instrumentations around the real OpenAI client, as far as the lake: it says what the server knows.

The client's spans leave by the stock OTLP exporter, to gateway, Kafka and worker. The second instrumentation calls when
the lake has the first one's spans: both get the same response ids from the server, and one range would bill them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ingest.settings import KafkaSettings
from spanledger.verdict import differing
from tests.flows.contents import leaked
from tests.flows.deployment import Deployment
from tests.flows.entrance import drain, gateway_of
from tests.kafka import prefixed
from tests.live.application import run_application
from tests.live.cases import CASES, SECRETS, expected_call, expected_truth
from tests.live.child import INSTRUMENTATIONS
from tests.live.openai_server import openai_server
from warehouse.reader import Warehouse, WarehouseSnapshot
from warehouse.settings import LakeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What the lake holds after both applications; a tenant is named like its instrumentation."""

    deployment: Deployment
    snapshot: WarehouseSnapshot

    def calls(self, tenant: str) -> dict[str, dict[str, Any]]:
        """Billed rows of ``spans`` by feature, which is the name of the case."""
        rows = [row for row in self.deployment.table("spans").to_pylist() if row["billable"]]
        mine = [row for row in rows if row["tenant"] == tenant]
        assert len({row["feature"] for row in mine}) == len(mine)
        return {row["feature"]: row for row in mine}


@pytest.fixture(scope="module")
def live(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Run the application once with each instrumentation."""
    kafka = prefixed(KafkaSettings(bootstrap=bootstrap, partitions=2), "live")
    deployment = Deployment(kafka, tmp_path_factory.mktemp("live"))
    deployment.start_worker()
    try:
        with gateway_of(deployment) as gateway:
            for name in INSTRUMENTATIONS:
                with openai_server() as server:
                    endpoint = f"http://127.0.0.1:{gateway.http_port}"
                    run_application(name, base_url=server.base_url, otlp_endpoint=endpoint, tenant=name)
                drain(deployment)
    finally:
        deployment.stop()
    return Live(deployment=deployment, snapshot=Warehouse(LakeSettings(url=str(deployment.lake))).snapshot())


@pytest.mark.parametrize("instrumentation", INSTRUMENTATIONS)
def test_calls_tokens_and_cost_of_the_lake_are_those_of_the_server(live: Live, instrumentation: str):
    truth = expected_truth(instrumentation)

    by = live.snapshot.ask("spend", frozenset({instrumentation}), by=("tenant", "feature", "model")).to_pylist()
    [total] = live.snapshot.ask("spend", frozenset({instrumentation}), by=()).to_pylist()

    assert differing(truth, by) == []
    assert (total["calls"], total["priced_calls"], total["cost_usd"]) == (
        truth.calls,
        truth.priced_calls,
        truth.cost_usd,
    )


@pytest.mark.parametrize("instrumentation", INSTRUMENTATIONS)
def test_every_case_is_told_as_it_was_answered(live: Live, instrumentation: str):
    calls = live.calls(instrumentation)
    told = ("feature", "operation", "request_model", "status", "error_class", "cost_usd")

    expected = {case.name: expected_call(case) for case in CASES}

    assert calls.keys() == expected.keys()
    for name, call in expected.items():
        assert {key: calls[name][key] for key in told} == {key: call[key] for key in told}
        assert bool(calls[name]["stream"]) is call["stream"]
        assert (calls[name]["ttft_ms"] is not None) is call["stream"]


def test_no_content_and_no_credential_is_kept_or_logged(live: Live):
    assert leaked(SECRETS, live.deployment) == []
