"""Real instrumentations, as far as the gateway and ``spanledger inspect``; the whole flow is in ``tests/flows``."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from ingest.gateway.outlet import MemoryOutlet
from spanledger.__main__ import main
from tests.ingest.gateway.serving import serving
from tests.live.application import run_application
from tests.live.cases import CASES, SECRETS, Case, cost_usd, expected_call, expected_truth
from tests.live.child import INSTRUMENTATIONS
from tests.live.openai_server import FIRST_CHUNK_S, OpenAIServer, openai_server

ZERO_OR_NULL = {0, None}


@dataclass(frozen=True, kw_only=True)
class Live:
    """One run: the server that was called, what ``inspect`` printed, and its calls by case."""

    instrumentation: str
    server: OpenAIServer
    printed: str
    calls: dict[str, list[dict[str, Any]]]

    def of(self, case: Case) -> dict[str, Any]:
        """The one call of a case."""
        [call] = self.calls[case.name]
        return call


@pytest.fixture(scope="module", params=INSTRUMENTATIONS)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Live:
    """All cases, instrumented and exported to a gateway, then inspected."""
    outlet = MemoryOutlet()
    with openai_server() as server, serving(outlet=outlet) as gateway:
        run_application(request.param, base_url=server.base_url, otlp_endpoint=gateway.url, tenant="live-tenant")
    file = tmp_path_factory.mktemp("live") / "spans.pb"
    file.write_bytes(b"".join(record.value for record in outlet.records))  # requests of protobuf may be joined
    printed = inspect(file)
    calls: dict[str, list[dict[str, Any]]] = {}
    for line in printed.splitlines():
        call = json.loads(line)
        calls.setdefault(call["feature"], []).append(call)
    return Live(instrumentation=request.param, server=server, printed=printed, calls=calls)


def inspect(file: Path) -> str:
    """What ``spanledger inspect`` prints of a file."""
    out = StringIO()
    with redirect_stdout(out):
        assert main(["inspect", str(file), "--format", "jsonl"]) == 0
    return out.getvalue()


def test_the_real_client_called_the_server_for_every_case(live: Live) -> None:
    assert live.server.requests == {case.name: 1 + (case.refusals or 0) for case in CASES}


def test_every_case_is_one_call_of_its_feature_and_tenant(live: Live) -> None:
    assert {name: len(calls) for name, calls in live.calls.items()} == {case.name: 1 for case in CASES}
    assert {call["tenant"] for calls in live.calls.values() for call in calls} == {"live-tenant"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_call_says_what_the_server_knows(live: Live, case: Case) -> None:
    call, expected = live.of(case), expected_call(case)

    found = {name: call[name] for name in ("operation", "request_model", "status", "error_class")}
    assert found == {name: expected[name] for name in found}
    for kind in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"):
        wanted = expected[kind]
        assert call[kind] == wanted if wanted else call[kind] in ZERO_OR_NULL, kind
    assert (None if call["cost_usd"] is None else Decimal(call["cost_usd"])) == expected["cost_usd"]
    assert bool(call["stream"]) is case.stream
    assert call["finish_reason"] in ({expected["finish_reason"]} | ({"error"} if case.fails else set()))


def test_streams_have_a_time_to_first_token(live: Live) -> None:
    for case in CASES:
        ttft_ms = live.of(case)["ttft_ms"]

        assert (ttft_ms is not None and ttft_ms >= FIRST_CHUNK_S * 1000) is case.stream


def test_the_calls_add_up_to_the_truth(live: Live) -> None:
    truth = expected_truth("live-tenant")
    calls = [call for calls in live.calls.values() for call in calls]

    assert len(calls) == truth.calls
    assert sum(Decimal(call["cost_usd"]) for call in calls if call["cost_usd"]) == truth.cost_usd
    assert sum(call["input_tokens"] or 0 for call in calls) == truth.tokens["input_tokens"]


def test_no_content_and_no_credential_is_printed(live: Live) -> None:
    assert [secret for secret in SECRETS if secret in live.printed] == []


def test_an_unknown_usage_has_no_price() -> None:
    [unknown] = [case for case in CASES if case.name == "stream-without-usage"]

    assert cost_usd(unknown) is None
