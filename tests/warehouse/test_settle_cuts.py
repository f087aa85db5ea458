"""However flushes cut what is told, settlement says of every span, in every column, what one flush would have said."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.quick import few
from tests.warehouse.look_alikes import APART
from tests.warehouse.scenes import SCENES
from tests.warehouse.test_once_doubt import Rows, world
from tests.warehouse.test_settle_doubt import in_flushes, stored
from tests.warehouse.told import in_ledgers, span, table, told_once
from warehouse import once
from warehouse.once.told import NOTED, restore

WORLDS = 60
ORDER = [(name, "ascending") for name in ("trace_id", "span_id", "received_at", "source_partition", "source_offset")]
OTHER = {"input_tokens": 8}
Span = tuple[Any, ...]


def whole(rows: Rows) -> Rows:
    """The rows without what a lake cannot know: ancestors that never come."""
    there = {(row["trace_id"], row["span_id"]) for row in rows}
    for row in rows:
        if (row["trace_id"], row["parent_span_id"]) not in there:
            row["parent_span_id"] = None
        for name in ("tenant", "feature"):
            row[f"{name}_rank"] = row.get(f"{name}_rank") if row.get(name) else None
    return sorted(rows, key=lambda row: (row["received_at"], row["source_offset"]))


def by_span(spans: pa.Table, ledger: str) -> dict[Span, dict[str, Any]]:
    columns = ("billable", "suppressed_by", *NOTED)
    return {
        (row[ledger], row["trace_id"], row["span_id"], row["source_offset"]): {name: row[name] for name in columns}
        for row in spans.to_pylist()
    }


def cut(rows: Rows, chance: random.Random, flushes: int) -> dict[Span, dict[str, Any]]:
    """What settlement says."""
    lake = stored(*in_flushes(rows, chance, flushes)).drop_columns("row")
    lake = lake.take(pc.sort_indices(lake, sort_keys=ORDER))
    return by_span(once.rejudge(lake.append_column("row", pa.array(range(lake.num_rows), pa.int64()))), "ledger")


@pytest.mark.parametrize("seed", few(range(8), 0))
def test_scenes_are_told_as_by_one_flush(seed: int):
    rows = in_ledgers([*(rows for rows, _ in SCENES.values()), *APART.values()])

    assert cut(rows, random.Random(seed), 2 + seed % 3) == by_span(once.apply(table(*rows)), once.LEDGER)


@pytest.mark.long
@pytest.mark.parametrize("seed", few(range(12), 1))
def test_random_worlds_are_told_as_by_one_flush(seed: int):
    chance = random.Random(seed)
    rows = in_ledgers([whole(world(chance)) for _ in range(WORLDS)])

    assert cut(rows, chance, 2 + seed % 3) == by_span(once.apply(table(*rows)), once.LEDGER)


def test_a_row_keeps_what_its_span_told():
    given = {"provider": "openai", "request_model": "gpt-4o", "response_id": "chatcmpl-1a2b3c4d"}
    named = {"tenant": 'a "quoted" näme', "session_id": "s"}
    root = span("root", operation="invoke_agent", _role="other", **named)
    inner = span("in", "root", at=1, ms=50, reported_cost_usd=None, **given)
    used = {"input_tokens": 9, "output_tokens": 3, "ttft_ms": 0.1}
    outer = span("out", trace="u", ms=90, convention="openllmetry", **given, **used)

    flushed = once.apply(table(root, inner, outer))

    assert [row["as_told"] is None for row in flushed.to_pylist()] == [True, False, False]
    assert set(flushed["tenant"].to_pylist()) == {named["tenant"]}
    for told, row in zip((root, inner, outer), restore(stored(flushed)).to_pylist(), strict=True):
        assert {name: row[name] for name in NOTED} == {name: told.get(name) for name in NOTED}


def test_rows_of_a_version_that_did_not_say_what_was_told_stand_as_their_flush_left_them():
    used = {"request_model": "gpt-4o", "input_tokens": 9, "output_tokens": 3}
    flushed = once.apply(table(span("a", **used), span("b", at=1, ms=98, convention="openinference", **used)))
    lake = stored(flushed)
    for name in once.NOTES:
        index = lake.schema.get_field_index(name)
        lake = lake.set_column(index, lake.field(index), pa.nulls(2, lake.field(index).type))
    index = lake.schema.get_field_index("input_tokens")
    lake = lake.set_column(index, lake.field(index), pa.array([9, OTHER["input_tokens"]]))  # two calls, by the rules

    assert once.rejudge(lake)["billable"].to_pylist() == flushed["billable"].to_pylist() == [True, False]
    again = told_once(span("a", **used), span("b", at=1, ms=98, convention="openinference", **used | OTHER))
    assert again["b"]["billable"]
