"""The first token that a model server measured, of a call that only its client knows to be a stream."""

from __future__ import annotations

from typing import Any

import pytest

from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.otlp import SECOND_NS, START_NS, message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
ID = "chatcmpl-7f3c1b2a9d4e4f60a1b2c3d4e5f60718"
CLIENT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.id": ID}
CLIENT |= {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 21}
SERVER = {"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 21}
SERVER |= {"gen_ai.latency.time_to_first_token": 0.12, "gen_ai.request.id": ID}


def _rows(
    client: dict[str, Any] | None, server: dict[str, Any] = SERVER, *, below: bool = True
) -> list[dict[str, Any]]:
    """All rows of a call of 1 s and of its server's span of 0.9 s, below it or in a trace of its own."""
    served = span(
        server,
        name="llm_request",
        trace_id=(b"\x01" if below else b"\x09") * 16,
        span_id=b"\x08" * 8,
        parent_span_id=b"\x02" * 8 if below else b"",
        start_time_unix_nano=START_NS + SECOND_NS // 20,
        end_time_unix_nano=START_NS + SECOND_NS // 20 * 19,
    )
    asked = [message(request(span(CLIENT | client), scope="opentelemetry.util.genai.handler"))] if client else []
    told = message(request(served, scope="vllm.llm_engine", resource={"service.name": "vllm"}), offset=1)
    return process_range([*asked, told], ENGINE).tables["spans"].to_pylist()


def _billed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (billed,) = (row for row in rows if row["billable"])
    return billed


NAMELESS = {key: SERVER[key] for key in SERVER if key != "gen_ai.request.id"}


@pytest.mark.parametrize(("server", "below"), [(SERVER, True), (NAMELESS, True), (SERVER, False)])
def test_a_stream_has_the_first_token_that_its_server_measured(server: dict[str, Any], below: bool):
    rows = _rows({"gen_ai.request.stream": True}, server, below=below)
    billed = _billed(rows)

    assert (billed["stream"], billed["ttft_ms"], billed["tpot_ms"]) == (True, 120.0, (900 - 120) / 20)
    assert all(row["ttft_ms"] is None for row in rows if not row["stream"])


def test_what_the_client_saw_goes_before_what_the_server_measured():
    billed = _billed(_rows({"gen_ai.response.time_to_first_chunk": 0.2}))

    assert (billed["ttft_ms"], billed["tpot_ms"]) == (200.0, (1000 - 200) / 20)


@pytest.mark.parametrize("client", [None, {}, {"gen_ai.request.stream": False}])
def test_where_nobody_tells_of_a_stream_there_is_no_first_token(client: dict[str, Any] | None):
    rows = _rows(client)

    assert {(row["ttft_ms"], row["tpot_ms"]) for row in rows} == {(None, None)}


@pytest.mark.parametrize("seconds", [-0.1, 0.95])
def test_a_servers_first_token_outside_its_span_is_refused(seconds: float):
    server = SERVER | {"gen_ai.latency.time_to_first_token": seconds}

    assert _billed(_rows({"gen_ai.request.stream": True}, server))["ttft_ms"] is None
