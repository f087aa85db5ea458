"""The first token that a model server measured, of a call that only its client knows to be a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processors.engine import Engine
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, processed_of
from tests.processors.otlp import SECOND_NS, START_NS, message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
ID = "chatcmpl-7f3c1b2a9d4e4f60a1b2c3d4e5f60718"
CLIENT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.response.id": ID}
CLIENT |= {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 21}
SERVER = {"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 21}
SERVER |= {"gen_ai.latency.time_to_first_token": 0.12, "gen_ai.request.id": ID}


def _told(client: dict[str, Any] | None, server: dict[str, Any] = SERVER, *, below: bool = True) -> list[Message]:
    """A call of 1 s, if there is one, and its server's span of 0.9 s, below it or in a trace of its own."""
    served = span(
        server,
        name="llm_request",
        trace_id=(b"\x01" if below else b"\x09") * 16,
        span_id=b"\x08" * 8,
        parent_span_id=b"\x02" * 8 if below else b"",
        start_time_unix_nano=START_NS + SECOND_NS // 20,
        end_time_unix_nano=START_NS + SECOND_NS // 20 * 19,
    )
    told = message(request(served, scope="vllm.llm_engine", resource={"service.name": "vllm"}), offset=1)
    if client is None:
        return [told]
    return [message(request(span(CLIENT | client), scope="opentelemetry.util.genai.handler")), told]


def _rows(cases: Mapping[Case, Sequence[Message]]) -> dict[Case, list[dict[str, Any]]]:
    """All rows of each case, from one pass of the engine."""
    return {case: made.tables["spans"].to_pylist() for case, made in processed_of(cases, ENGINE).items()}


def _billed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (billed,) = (row for row in rows if row["billable"])
    return billed


NAMELESS = {key: SERVER[key] for key in SERVER if key != "gen_ai.request.id"}


def test_a_stream_has_the_first_token_that_its_server_measured():
    stream = {"gen_ai.request.stream": True}

    found = _rows(
        {
            "below": _told(stream),
            "below, nameless": _told(stream, NAMELESS),
            "apart": _told(stream, below=False),
        }
    )

    told = {
        case: tuple(_billed(rows)[name] for name in ("stream", "ttft_ms", "tpot_ms")) for case, rows in found.items()
    }
    assert told == dict.fromkeys(found, (True, 120.0, (900 - 120) / 20))
    beside = {case: {row["ttft_ms"] for row in rows if not row["stream"]} for case, rows in found.items()}
    assert {case: times for case, times in beside.items() if times - {None}} == {}


def test_what_the_client_saw_goes_before_what_the_server_measured():
    billed = _billed(_rows({"it": _told({"gen_ai.response.time_to_first_chunk": 0.2})})["it"])

    assert (billed["ttft_ms"], billed["tpot_ms"]) == (200.0, (1000 - 200) / 20)


def test_where_nobody_tells_of_a_stream_there_is_no_first_token():
    clients = [None, {}, {"gen_ai.request.stream": False}]

    found = _rows({str(client): _told(client) for client in clients})

    told = {client: {(row["ttft_ms"], row["tpot_ms"]) for row in rows} for client, rows in found.items()}
    assert told == {str(client): {(None, None)} for client in clients}


def test_a_servers_first_token_outside_its_span_is_refused():
    seconds = [-0.1, 0.95]
    stream = {"gen_ai.request.stream": True}

    found = _rows({n: _told(stream, SERVER | {"gen_ai.latency.time_to_first_token": n}) for n in seconds})

    assert {n: _billed(rows)["ttft_ms"] for n, rows in found.items()} == dict.fromkeys(seconds)


def test_a_time_that_cannot_be_leaves_another_key_to_tell_it():
    first, second = "gen_ai.response.time_to_first_chunk", "ai.response.msToFirstChunk"
    cases = {
        "beyond the duration": ({first: 5.0, second: 200}, 200.0),
        "negative": ({first: -1, second: 200}, 200.0),
        "both can be": ({first: 0.25, second: 200}, 250.0),
        "neither can be": ({first: 5.0, second: 5000}, None),
    }

    made = {case: [message(request(span(CLIENT | told)))] for case, (told, _) in cases.items()}
    found = {case: (_billed(rows)["ttft_ms"], _billed(rows)["stream"]) for case, rows in _rows(made).items()}

    assert found == {case: (expected, True) for case, (_, expected) in cases.items()}
