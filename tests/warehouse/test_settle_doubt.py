"""At settlement the rules look at few spans of the lake: what comes out is as if they saw all."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest

from tests.quick import few
from tests.warehouse import settling
from tests.warehouse.earlier import forget
from tests.warehouse.look_alikes import APART
from tests.warehouse.scenes import REQUEST, SCENES, record
from tests.warehouse.settling import World
from tests.warehouse.test_once_doubt import WORLDS, world
from tests.warehouse.told import START, in_ledgers, span, table, tool
from warehouse import once
from warehouse.lake import Lake
from warehouse.once.rules import _append, prepare
from warehouse.schemas import SPANS, TABLES

ROWS = [*(rows for rows, _ in SCENES.values()), *APART.values()]
USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}


def stored(*flushes: pa.Table) -> pa.Table:
    """What a lake holds of judged flushes, each ledger apart, as a settlement reads it."""
    rows = pa.concat_tables(flushes)
    columns = [field for field in SPANS if field.name in rows.column_names]
    lake = rows.select([field.name for field in columns]).cast(pa.schema(columns))
    numbers = pa.array(range(rows.num_rows), pa.int64())
    return lake.append_column("row", numbers).append_column("ledger", rows[once.LEDGER])


def judged_in_full(spans: pa.Table) -> pa.Table:
    """The reference: every rule over every row."""

    def judge(told: pa.Table, _finish: object) -> pa.Table:
        decision = once.decide(told)
        return _append(once.fill(prepare(told), decision), decision.verdict)

    with patch("warehouse.once.stored.judge", judge):
        return once.rejudge(spans)


def compared(spans: pa.Table) -> list[dict[str, object]]:
    return spans.drop_columns([name for name in ("units", "tags") if name in spans.column_names]).to_pylist()


def in_flushes(rows: list[dict[str, object]], chance: random.Random, flushes: int) -> list[pa.Table]:
    """The rows in flushes, each judged by itself."""
    parts: list[list[dict[str, object]]] = [[] for _ in range(flushes)]
    for row in rows:
        chance.choice(parts).append(row)
    return [once.apply(table(*part)) for part in parts if part]


@pytest.mark.long
@pytest.mark.parametrize("seed", few(range(6), 2))
def test_what_is_looked_at_changes_nothing(seed: int):
    chance = random.Random(seed)
    rows = in_ledgers([world(chance) for _ in range(WORLDS)])
    spans = stored(*in_flushes(chance.sample(rows, len(rows)), chance, 1 + seed % 3))

    assert compared(once.rejudge(spans)) == compared(judged_in_full(spans))


@pytest.mark.parametrize("seed", few(range(3), 0))
def test_what_is_looked_at_changes_nothing_of_any_scene(seed: int):
    chance = random.Random(seed)
    spans = stored(*in_flushes(in_ledgers(ROWS), chance, 3))

    judged = once.rejudge(spans)

    assert compared(judged) == compared(judged_in_full(spans))
    assert len(set(judged["why"].to_pylist())) > 5


@pytest.mark.long
def test_what_a_flush_found_told_twice_stays_so_where_only_one_of_the_two_traces_is_looked_at_again(tmp_path: Path):
    world = World(tmp_path)
    world.flush([span("a", **USED), span("b", trace="u", at=1, ms=98, convention="openinference", **USED)])
    world.flush([tool("root", operation="invoke_agent", trace="u", ms=1000)], partition=1)

    world.settle()

    assert world.total()[0] == 1


@pytest.mark.long
@pytest.mark.parametrize("order", few(("abd", "bad", "abcd", "acbd"), "abd", "acbd"))
def test_what_one_settlement_put_together_stays_so_where_the_next_one_looks_at_one_of_the_two(
    order: str, tmp_path: Path
):
    one, other = ({"operation": "embeddings", "convention": name} for name in ("openinference", "openllmetry"))
    told = {
        "a": span("a", trace="a", **one | USED),
        "b": span("b", trace="b", at=1, ms=98, **other | USED),
        "c": span("c", trace="c", at=110, **other | USED | {"input_tokens": 900}),
        "d": span("d", trace="d", at=111, ms=98, **one | USED | {"input_tokens": 900}),
    }
    world = World(tmp_path)
    for name in order:
        world.flush([told[name]])
        world.settle()

    assert world.total()[0] == 2


@pytest.mark.long
@pytest.mark.parametrize(("better", "worse"), [("client", "inner"), ("inner", "client")])
def test_what_a_flush_put_together_across_traces_is_two_calls_where_a_call_around_one_of_them_has_come(
    better: str, worse: str, tmp_path: Path
):
    ranks = {better: {"convention": "otel_genai"}, worse: {"convention": "openlit"}}
    client = {"scope_name": "client", **ranks["client"], **USED}
    world = World(tmp_path)
    world.flush(
        [span("a", **client), span("b", "c", trace="u", at=1, ms=98, scope_name="inner", **ranks["inner"], **USED)]
    )
    world.flush([span("c", trace="u", **client)], partition=1)

    world.settle()

    assert world.total()[0] == 2


STREAM = {"request_model": "gpt-4o", "provider": "openai", "stream": True}
HANDED_OVER = span("a", ms=5, scope_name="llama", late_chunk_at=START + dt.timedelta(milliseconds=900), **STREAM)
READ = span("b", trace="u", at=600, ms=700, scope_name="sdk", input_tokens=1000, output_tokens=100, **STREAM)


def test_a_stream_that_is_read_late_is_found_in_another_trace_and_flush(tmp_path: Path):
    world = World(tmp_path)
    world.flush([HANDED_OVER])
    world.flush([READ], partition=1)

    world.settle()

    assert world.total()[0] == 1


@pytest.mark.long
@pytest.mark.parametrize("told", [{}, {"stream": None, "scope_version": "5.2.0"}])
def test_the_halves_of_a_stream_without_a_parent_are_found_however_late_it_is_read(
    told: dict[str, Any], tmp_path: Path
):
    of_record = {"request_model": REQUEST["request_model"], "scope_version": told.get("scope_version")}
    world = World(tmp_path)
    world.flush([span("q", trace="q", **REQUEST | told)])
    world.flush([record("r", 2600, 600, **USED | of_record)], partition=1)

    world.settle()

    assert world.total()[0] == 1


def test_a_record_whose_request_was_given_to_another_one_takes_the_request_of_that_one(tmp_path: Path):
    used = USED | {"request_model": REQUEST["request_model"]}
    world = World(tmp_path)
    world.flush([span("q1", trace="q1", **REQUEST), record("r2", 9000, 600, **used)])
    world.flush([record("r1", 2600, 600, **used), span("q2", trace="q2", at=8000, **REQUEST)], partition=1)

    world.settle()

    assert world.total()[0] == 2


def test_a_record_that_was_put_to_another_instrumentation_s_span_takes_its_request_along(tmp_path: Path):
    world = World(tmp_path)
    world.flush([span("q", trace="q", **REQUEST)])
    sdk = span("n", trace="n", scope_name="sdk", **REQUEST | {"convention": "otel_genai"})
    world.flush([sdk, record("r", 280, 277)], partition=1)

    world.settle()

    assert world.total()[0] == 1


def test_calls_through_two_client_libraries_stay_two_where_flushes_cut_them_apart(tmp_path: Path):
    world = World(tmp_path)
    model = {"request_model": "claude-sonnet-4-5", "provider": "anthropic", "input_tokens": 1000, "output_tokens": 50}
    for partition, scope in enumerate(
        ("openinference.instrumentation.anthropic", "openinference.instrumentation.openai")
    ):
        world.flush([span(f"c{partition}", trace=f"t{partition}", scope_name=scope, **model)], partition=partition)

    world.settle()

    assert world.total()[0] == 2


def without_later(schema: pa.Schema) -> pa.Schema:
    """The columns of spans as they were once."""
    return pa.schema([field for field in schema if field.name not in ("scope_name", "late_chunk_at")])


def test_a_lake_whose_spans_name_no_scope_is_settled_with_spans_that_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, "spans", replace(TABLES["spans"], schema=without_later(TABLES["spans"].schema)))
        patched.setattr(settling, "SPANS", without_later(SPANS))
        patched.setattr(settling, "open_lake", Lake.open)
        forget()
        world = World(tmp_path)
        world.flush([span("a", convention="otel_genai", scope_version="1", **USED)])
    forget()
    world.lake = Lake.open(world.settings)
    world.flush([span("b", trace="u", convention="openinference", scope_name="sdk", **USED)], partition=1)
    world.flush([span("c", trace="v", at=60_000, convention="openinference", scope_name="sdk", **USED)], partition=2)

    world.settle()

    assert world.total()[0] == 2
