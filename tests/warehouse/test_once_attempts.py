"""A client library that tries again by itself tells one call; the requests below it say how often it was tried."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.warehouse.settling import World
from tests.warehouse.told import in_ledgers, span, table, told_once
from warehouse import once
from warehouse.once import LEDGER, rejudge
from warehouse.schemas import SPANS

HOST = "api.openai.com"
WORKED: dict[str, Any] = {"http_status": 200}
LIMITED: dict[str, Any] = {"http_status": 429, "error_class": "rate_limit", "status": "error"}
BUSY: dict[str, Any] = {"http_status": 503, "error_class": "overloaded", "status": "error"}
UNHEARD: dict[str, Any] = {"error_class": "timeout", "status": "error"}
CONFLICT: dict[str, Any] = {"http_status": 409, "error_class": "conflict", "status": "error"}
REFUSED: dict[str, Any] = {"http_status": 400, "error_class": "invalid_request", "status": "error"}


def request(number: int, parent: str = "call", **fields: Any) -> dict[str, Any]:
    """The HTTP span of the request that is sent as the ``number``-th."""
    told = {"operation": None, "_role": "other", "convention": None, "server_address": HOST, "at": 10 * number}
    return span(f"r{number}", parent, ms=5, **told | fields)


def call(*requests: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """A model call and the requests below it, one after the other."""
    return [span("call", ms=1000, **fields), *(request(n, **one) for n, one in enumerate(requests))]


CASES: dict[str, tuple[list[dict[str, Any]], int | None]] = {
    "one request": (call(WORKED), None),
    "tried again": (call(LIMITED, WORKED), 2),
    "tried again until it worked": (call(LIMITED, UNHEARD, BUSY, WORKED), 4),
    "tried again and given up": (call(BUSY, BUSY, BUSY, status="error"), 3),
    "tried again after a conflict": (call(CONFLICT, WORKED), 2),
    "refused once": (call(REFUSED, status="error"), None),
    "a refusal is not tried again": (call(REFUSED, WORKED), None),
    "a picture elsewhere": (call(BUSY | {"server_address": "cdn.example"}, WORKED), None),
    "the host is told by none": (call(*({**one, "server_address": None} for one in (LIMITED, WORKED))), 2),
    "a later attempt of its own": (call(LIMITED, WORKED, attempt=3), 3),
    "a request that says so": (call(WORKED | {"attempt": 3}), 3),
    "a request below no call": ([span("agent", operation="invoke_agent"), request(0, "agent", **LIMITED)], None),
    "a tool below a call": (call(LIMITED | {"operation": "execute_tool"}, WORKED), None),
}


def attempts(spans: pa.Table, name: str) -> list[int | None]:
    """``attempt`` of the first span of each ledger."""
    first = {row[name]: row["attempt"] for row in reversed(spans.to_pylist()) if row["operation"] is not None}
    return [first[number] for number in sorted(first)]


def test_requests_that_were_sent_again_are_attempts_of_their_call():
    flush = once.apply(table(*in_ledgers(rows for rows, _ in CASES.values())))

    told = dict(zip(CASES, attempts(flush, LEDGER), strict=True))
    assert told == {case: expected for case, (_, expected) in CASES.items()}


def test_a_request_that_is_told_twice_was_sent_once():
    rows = call(LIMITED, WORKED)

    assert told_once(*rows, rows[1])["call"]["attempt"] == 2


def test_the_span_that_is_billed_takes_the_attempts_of_the_one_that_saw_them():
    rows = [span("outer", ms=1000, input_tokens=5), span("inner", "outer", at=1, ms=900, input_tokens=5)]

    told = told_once(*rows, request(1, "outer", **LIMITED), request(2, "outer", **WORKED))

    assert (told["inner"]["billable"], told["inner"]["attempt"]) == (True, 2)


SIDES = [(case, side) for case, (rows, _) in CASES.items() for side in product((0, 1), repeat=len(rows))]
"""Each case, and with which of two flushes each of its spans comes."""


@cache
def from_two_flushes() -> list[int | None]:
    """By the place in ``SIDES``."""
    parts = (
        in_ledgers(
            [row for row, here in zip(CASES[case][0], side, strict=True) if here == part] for case, side in SIDES
        )
        for part in (0, 1)
    )
    return attempts(settled(*parts), "ledger")


@pytest.mark.parametrize("case", CASES)
def test_settlement_counts_the_attempts_that_flushes_saw_apart(case: str):
    rows, expected = CASES[case]

    found = {side: from_two_flushes()[n] for n, (one, side) in enumerate(SIDES) if one == case}

    assert found == dict.fromkeys(product((0, 1), repeat=len(rows)), expected)


def test_the_books_count_a_call_that_was_tried_again_and_hold_no_other_call_for_superseded(tmp_path: Path):
    told = {"tenant": "acme", "request_model": "gpt-4o", "provider": "openai", "input_tokens": 5, "output_tokens": 5}
    world = World(tmp_path)
    world.flush([span("one", "agent", ms=100, **told), request(0, "one", **WORKED), request(1, "two", **LIMITED)])
    world.flush([request(4, "one", **LIMITED, at=-5), span("two", "agent", at=200, ms=100, **told)], partition=1)
    world.flush([request(2, "two", **LIMITED), request(3, "two", **WORKED)], partition=2)

    world.settle()

    query = "SELECT sum(calls), sum(retries), sum(superseded_cost_usd) FROM ledger"
    assert world.sql(query, "ledger") == [(2, 2, 0)]


def sdk(parent: str = "request", **fields: Any) -> dict[str, Any]:
    """A model call that asks for one model, as the AI SDK 6 tells each attempt."""
    told = {"scope_name": "ai", "convention": "vercel_ai_legacy", "provider": "openai", "request_model": "gpt-4o"}
    return span(fields.pop("name", "a"), parent, ms=20, **told | fields)


REQUEST = sdk(None, name="request", operation="task", _role="other") | {"ended_at": span("", ms=900)["ended_at"]}
CLIENT = span("request", ms=900, scope_name="pydantic-ai", convention="pydantic_ai", request_model="gpt-4o")
APP = span("request", ms=900, scope_name="my.app", request_model="gpt-4o")
LOST: dict[str, Any] = {"status": "error", "error_class": "unknown"}
SECOND = sdk(name="b", at=30, input_tokens=5, output_tokens=6)

TRIED: dict[str, tuple[list[dict[str, Any]], dict[str, int | None]]] = {
    "the request of a client's": ([REQUEST, sdk(**LOST), SECOND], {"b": 2}),
    "a client's call around another library's": ([CLIENT, sdk(**LOST), SECOND], {"b": 2}),
    "given up": ([REQUEST, sdk(**BUSY), sdk(name="b", at=30, **BUSY), sdk(name="c", at=60, **BUSY)], {"c": 3}),
    "refused before it was sent": ([CLIENT, sdk(**REFUSED), SECOND], {"b": None}),
    "several at once": (
        [REQUEST, *(sdk(name=one, **LOST) for one in "ab"), *(sdk(name=one, at=30) for one in "cd")],
        {"c": 2, "d": 2},
    ),
    "one step worked, the next was tried again": (
        [REQUEST, sdk(name="s", input_tokens=5), sdk(at=30, **LOST), sdk(name="b", at=60)],
        {"s": None, "b": 2},
    ),
    "another instrumentation inside the attempt": (
        [CLIENT, sdk(**LOST), span("in", "a", at=1, ms=9, scope_name="sdk", **LOST), SECOND],
        {"b": 2},
    ),
    "another model": ([CLIENT, sdk(**LOST), SECOND | {"request_model": "gpt-4o-mini"}], {"a": None, "b": None}),
    "another provider": ([CLIENT, sdk(**LOST), SECOND | {"provider": "groq"}], {"a": None, "b": None}),
    "a span of the application": ([APP, sdk(**LOST), SECOND], {"a": None, "b": None}),
    "a span of the application that LiteLLM tells": (
        [APP | {"convention": "litellm_v1"}, sdk(**LOST), SECOND],
        {"a": None, "b": None},
    ),
    "an agent": ([REQUEST | {"operation": "invoke_agent"}, sdk(**LOST), SECOND], {"a": None, "b": None}),
    "a request that is over": ([REQUEST, sdk(at=950, **LOST), sdk(name="b", at=990)], {"a": None, "b": None}),
    "what was counted": ([REQUEST, sdk(**LOST, input_tokens=5), SECOND], {"a": None, "b": None}),
    "another tenant's message": (
        [REQUEST, sdk(**LOST, tenant="acme", tenant_rank=0), SECOND | {"tenant": "globex", "tenant_rank": 0}],
        {"a": None, "b": None},
    ),
}
"""Spans, and the attempts of the calls that are billed."""


Rows = list[dict[str, Any]]
ALONE = [(case, alone) for case, (rows, _) in TRIED.items() for alone in range(len(rows))]
"""Each case, and which of its spans comes with a flush of its own."""


def billed(spans: pa.Table, ledger: str = LEDGER) -> dict[int, dict[str, int | None]]:
    """By ledger."""
    found: dict[int, dict[str, int | None]] = {number: {} for number in spans[ledger].to_pylist()}
    for row in spans.to_pylist():
        if row["billable"]:
            found[row[ledger]][row["span_id"].rstrip(b"\0").decode()] = row["attempt"]
    return found


def settled(*flushes: Rows) -> pa.Table:
    stored = pa.concat_tables([once.apply(table(*flush)) for flush in flushes])
    columns = [field.name for field in SPANS if field.name in stored.column_names]
    lake = stored.select(columns).append_column("row", pa.array(range(stored.num_rows), pa.int64()))
    return rejudge(lake.append_column("ledger", stored[LEDGER]))


@cache
def in_one_flush() -> dict[int, dict[str, int | None]]:
    return billed(once.apply(table(*in_ledgers(rows for rows, _ in TRIED.values()))))


@cache
def in_two_flushes() -> dict[int, dict[str, int | None]]:
    """By the place in ``ALONE``."""
    one = in_ledgers(TRIED[case][0][at : at + 1] for case, at in ALONE)
    others = in_ledgers(TRIED[case][0][:at] + TRIED[case][0][at + 1 :] for case, at in ALONE)
    return billed(settled(one, others), "ledger")


@pytest.mark.parametrize("case", TRIED)
def test_a_retry_inside_the_client_is_one_call_in_one_flush_and_at_settlement(case: str):
    _, expected = TRIED[case]

    assert in_one_flush()[list(TRIED).index(case)] == expected
    assert {at: in_two_flushes()[n] for n, (one, at) in enumerate(ALONE) if one == case} == dict.fromkeys(
        range(len(TRIED[case][0])), expected
    )


def test_an_attempt_that_is_recorded_twice_is_no_call_either():
    told = [REQUEST, sdk(**LOST), sdk(**LOST), SECOND]

    assert billed(once.apply(table(*told))) == {0: {"b": 2}}
    assert billed(settled(told[1:2], [told[0], *told[2:]]), "ledger") == {0: {"b": 2}}
