"""The rules look at few spans of a flush and walk the lineage along an array: what comes out is as if they saw all."""

from __future__ import annotations

import datetime as dt
import functools
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.look_alikes import APART
from tests.warehouse.scenes import SCENES
from tests.warehouse.told import START, in_ledgers, name, span, table, tool
from warehouse import once
from warehouse.once.facts import state_facts
from warehouse.once.lineage import find_family, trace_lineage
from warehouse.once.rules import _append, _take, prepare
from warehouse.once.statements import begin, read_sql
from warehouse.once.told import note

WORLDS = 24
LATE_CHUNKS = tuple(START + dt.timedelta(milliseconds=after_ms) for after_ms in (20, 250, 400, 900))
CLIENT_LIBRARIES = ("openinference.instrumentation.openai", "opentelemetry.instrumentation.anthropic")
Rows = list[dict[str, Any]]
CALM = settings(deadline=None, derandomize=True, database=None, max_examples=2)


def judged_in_full(spans: pa.Table) -> pa.Table:
    """The reference: every rule over every row, lineage and all, in SQL."""
    decision, filled = once.decide(spans), prepare(spans)
    for taken in decision.taken:
        filled = _take(filled, taken)
    return note(spans, _append(filled, decision.verdict))


def world(chance: random.Random) -> Rows:
    """A few traces in which anything may meet anything: repeats, stamps, circles, copies, twins, shared ids."""
    rows: Rows = []
    size = chance.randint(2, 14)
    for number in range(size):
        make = chance.choice([span, span, span, tool])
        role = (
            chance.choices(["call", "repeat", "fetch", "usage_record"], [12, 1, 1, 2])[0] if make is span else "other"
        )
        counted = make is span and chance.random() < 0.6
        named = chance.random() < 0.6
        rows.append(
            make(
                f"s{number}",
                chance.choice([None, None, f"s{chance.randrange(size)}", f"s{chance.randrange(size)}", "gone"]),
                trace=chance.choice("ttu"),
                at=chance.choice([0, 3, 240, 260, 700]),
                ms=chance.choice([5, 100, 300, 1000]),
                _role=role,
                operation=chance.choice(["chat", "chat", "text_completion", "embeddings", "task"])
                if make is span
                else chance.choice(["execute_tool", "invoke_agent", None]),
                service=chance.choice(["shop", "shop", None, "proxy"]),
                convention=chance.choice(["otel_genai", "openinference", "logfire"]),
                scope_name=chance.choice([None, "one", "other", *CLIENT_LIBRARIES]),
                request_model=chance.choice([None, "gpt-4o", "openai/gpt-4o", "gpt-4o-mini"]),
                stream=chance.choice([None, True, False]),
                status=chance.choice(["ok", "ok", "error", None]),
                clock_skew=chance.choice([None, None, True]),
                original_ended_at=None,
                duration_ms=chance.choice([None, 100.0, 237.5]) if role == "usage_record" else None,
                late_chunk_at=chance.choice([None, None, *LATE_CHUNKS]),
                response_id=chance.choice(
                    [None, "msg_1a2b3c4d", "msg_5e6f7a8b", "7", "réponse-1234-äöü", f"r-{number}1b2c3d4"]
                ),
                tenant=chance.choice([None, "acme", "globex"]),
                feature=chance.choice([None, None, "search", "mail"]),
                session_id=chance.choice([None, "session"]),
                task_id=chance.choice([None, None, f"task{number}"]),
                prompt_version=chance.choice([None, None, "3"]),
                source_offset=number,
                user_id=chance.choice([None, "ann", "bob"]),
                **(
                    {"tenant_rank": chance.choice([0, 0, 1, 2, 3]), "feature_rank": chance.choice([1, 2, 3])}
                    if named
                    else {}
                ),
                **(
                    {"input_tokens": chance.choice([0, 7, 90]), "output_tokens": chance.choice([0, 5])}
                    if counted
                    else {}
                ),
            )
        )
    again = chance.choice([0, 0, 0, 1, 3])
    told_again = [row | {"source_offset": 99, "tenant": chance.choice([row["tenant"], "acme"])} for row in rows[:again]]
    told_beside = [beside(row, f"b{number}", chance) for number, row in enumerate(rows) if chance.random() < 0.2]
    streams = [told for n in range(chance.choice([0, 0, 0, 2, 3])) for told in stream(n, chance)]
    attempts = [told for n in range(chance.choice([0, 0, 1])) for told in tried(n, chance)]
    return rows + told_again + told_beside + streams + attempts


def beside(row: dict[str, Any], name_: str, chance: random.Random) -> dict[str, Any]:
    """The same once more, as another instrumentation would tell it, or the same one of two at once."""
    shift = dt.timedelta(milliseconds=chance.choice([0, 0, 2, 9, 249, 251]))
    return row | {
        "span_id": name(name_),
        "scope_name": chance.choice(["one", "other"]),
        "response_id": chance.choice([None, None, row["response_id"]]),
        "started_at": row["started_at"] + shift,
        "ended_at": row["ended_at"] + chance.choice([-shift, shift]),
    }


def stream(number: int, chance: random.Random) -> Rows:
    """A request and the record of its usage, about the same time as others."""
    at, took = chance.choice([0, 60, 99, 101]), chance.choice([200.0, 200.5])
    given = {"convention": "logfire", "request_model": "gpt-4o", "stream": True}
    record = {"_role": "usage_record", "duration_ms": took, "input_tokens": 5, "output_tokens": 6}
    return [
        span(f"q{number}", chance.choice([None, "s0"]), at=at, ms=chance.choice([5, 5, 120]), **given),
        span(f"r{number}", at=at + 5 + took, ms=0, **given | record),
    ]


def tried(number: int, chance: random.Random) -> Rows:
    """A client's call, and two to four attempts inside it, of which some failed."""
    attempts = [
        span(
            f"a{number}{n}",
            f"c{number}",
            at=chance.choice([0, 10, 20, 40]),
            ms=5,
            scope_name=chance.choice(["one", "one", "other"]),
            status=chance.choice(["error", "error", "ok"]),
            error_class=chance.choice(["rate_limit", "unknown", "invalid_request"]),
            source_offset=n,
        )
        for n in range(chance.choice([2, 3, 4]))
    ]
    client = {"convention": chance.choice(["pydantic_ai", "otel_genai"]), "scope_name": "client", "source_offset": 9}
    return [span(f"c{number}", chance.choice([None, "s0"]), ms=200, **client), *attempts]


seeds = st.integers(0, 2**32)


def worlds(seed: int) -> pa.Table:
    """Many worlds as one flush, each a ledger of its own, all spans shuffled."""
    chance = random.Random(seed)
    rows = in_ledgers(world(chance) for _ in range(WORLDS))
    return table(*chance.sample(rows, len(rows)))


@functools.cache
def judged(seed: int) -> pa.Table:
    """These worlds as they are judged while nothing else goes on."""
    return once.apply(worlds(seed))


def compared(spans: pa.Table) -> list[dict[str, Any]]:
    return spans.drop_columns(["units", "tags"]).to_pylist()


@pytest.mark.long
@CALM
@given(seeds)
def test_what_is_looked_at_changes_nothing(seed: int):
    spans = worlds(seed)

    assert compared(once.apply(spans)) == compared(judged_in_full(spans))


def test_scenes_are_judged_as_if_all_was_looked_at():
    spans = table(*in_ledgers([*(rows for rows, _ in SCENES.values()), *APART.values()]))

    assert compared(once.apply(spans)) == compared(judged_in_full(spans))


def test_the_worlds_meet_every_rule():
    why = set(judged(1)["_why"].to_pylist())

    assert why >= {None, "no_model_call", "repeated_record", "wire_copy", "wraps_call", "same_response", "split_stream"}
    assert {"same_call", "tried_again"} <= why


@CALM
@given(seeds)
def test_lineage_is_the_same_along_an_array_and_in_sql(seed: int):
    given_ = table(*in_ledgers([world(random.Random(seed + n))[:14] for n in range(WORLDS)]))
    spans = given_.filter(pl.DataFrame(given_.select([once.LEDGER, "trace_id", "span_id"])).is_unique().to_arrow())
    spans = spans.set_column(spans.schema.get_field_index("_row"), "_row", pa.array(np.arange(spans.num_rows)))
    spans = prepare(spans)
    facts = state_facts(spans, spans[once.LEDGER].to_numpy())

    walked = trace_lineage(facts, find_family(facts, np.ones(spans.num_rows, np.bool_))[1])
    with begin() as connection:
        connection.register("spans", spans)
        for part in ("given", "records", "lineage"):
            connection.execute(read_sql(part))
        told = connection.sql("FROM lineage").pl().sort("row")

    mine = pl.DataFrame(walked.table(np.arange(spans.num_rows))).with_columns(
        pl.col("outer_work").fill_null(value=False)
    )
    assert told.height < spans.num_rows  # circles are never reached
    assert mine.equals(told.with_columns(pl.col("outer_work").fill_null(value=False)).cast(mine.schema))


def agents(traces: int) -> Rows:
    """What most applications send: an agent that says whose it is, its calls and a tool."""
    rows: Rows = []
    for n in range(traces):
        root = tool(f"a{n}", trace=f"t{n}", operation="invoke_agent", tenant="acme", session_id=f"s{n}", scope_name="x")
        calls = [
            span(
                f"c{n}.{k}",
                f"a{n}",
                trace=f"t{n}",
                at=n * 9000 + k * 900,
                response_id=f"msg_{n:04}a{k}cdef",
                scope_name="x",
            )
            for k in range(2)
        ]
        rows += [root, *calls, tool(f"x{n}", f"a{n}", trace=f"t{n}", scope_name="x")]
    return [row | {once.LEDGER: 0} for row in rows]


def test_ordinary_agents_need_no_rule_and_inherit():
    spans = table(*agents(50))

    assert once.look(spans).verdict.is_empty()
    assert set(once.apply(spans)["tenant"].to_pylist()) == {"acme"}


def test_only_what_may_be_told_twice_is_looked_at():
    rows = agents(50)
    inner = span("inner", "c7.0", trace="t7", at=63_001, scope_name="y") | {once.LEDGER: 0}

    looked = once.look(table(*rows, inner)).verdict["row"].to_list()

    assert sorted(looked) == [7 * 4, 7 * 4 + 1, len(rows)]  # and what stands above


def test_threads_judge_apart():
    spans = [worlds(seed) for seed in range(2)]
    with ThreadPoolExecutor(2) as threads:
        at_once = list(threads.map(once.apply, spans))

    assert [compared(one) for one in at_once] == [compared(judged(seed)) for seed in range(2)]


def test_a_failure_leaves_nothing_behind_for_the_next_flush():
    spans, expected = worlds(1), compared(judged(1))
    at = spans.schema.get_field_index("http_status")
    broken = spans.set_column(at, "http_status", pa.repeat("no number", spans.num_rows))

    with pytest.raises(duckdb.Error):
        once.look(broken)

    assert compared(once.apply(spans)) == expected
