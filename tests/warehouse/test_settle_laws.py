"""Laws of settlement: all scenes of the once rules in one lake, cut into flushes and brought in any order."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.look_alikes import APART
from tests.warehouse.scenes import SCENES
from tests.warehouse.settling import HOW, LATER, World, outcome
from tests.warehouse.told import table
from warehouse import once

pytestmark = pytest.mark.long

ROWS = [*(rows for rows, _ in SCENES.values()), *APART.values()]
NAMES = [*SCENES, *APART]
TIMES = ("started_at", "ended_at", "original_ended_at")


def placed(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """The span of a scene with ids and a minute that no other scene has; `suppressed_by` knows span ids only."""
    moved = {name: row[name] + dt.timedelta(minutes=number) for name in TIMES if row.get(name)}
    if row.get("response_id"):
        moved["response_id"] = re.sub(
            "[0-9a-f]{6,}", lambda digits: f"{digits[0][:-3]}{number:03x}", row["response_id"], count=1
        )
    moved |= {name: row[name][:7] + bytes([number]) for name in ("span_id", "parent_span_id") if row.get(name)}
    return row | moved | {"trace_id": row["trace_id"][:14] + number.to_bytes(2)}


SCENES_PLACED = [[placed(number, row) for row in rows] for number, rows in enumerate(ROWS)]


def flushes(cut: int) -> list[list[dict[str, Any]]]:
    """All scenes in two flushes, each scene cut somewhere."""
    halves: list[list[dict[str, Any]]] = [[], []]
    for rows in SCENES_PLACED:
        place = cut % (len(rows) + 1)
        halves[0] += rows[:place]
        halves[1] += rows[place:]
    return halves


def booked(world: World) -> list[tuple[Any, ...]]:
    """All that the ledger says."""
    return world.sql(
        "SELECT hour, tenant, feature, service, provider, model, operation, status, error_class, price_status, "
        "outcome, sum(calls), sum(cost_usd), sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) "
        "FROM ledger GROUP BY ALL HAVING sum(calls) <> 0 ORDER BY ALL",
        "ledger",
    )


def stated(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all books."""
    rows = "SELECT * EXCLUDE (close_id) FROM books ORDER BY ALL"
    tables = ("corrections", "ledger", "tasks", "user_days", "safety_hours")
    return {name: world.sql(rows.replace("books", name), name) for name in tables}


def billed(world: World) -> Counter[int]:
    """Billed spans by scene, as they stand."""
    found = world.sql(
        "SELECT s.trace_id, coalesce(c.billable, s.billable) FROM spans s LEFT JOIN ("
        "  FROM corrections QUALIFY row_number() OVER ("
        "    PARTITION BY trace_id, span_id, source_partition, source_offset ORDER BY settlement DESC) = 1"
        ") c USING (trace_id, span_id, source_partition, source_offset)",
        "spans",
        "corrections",
    )
    return Counter(int.from_bytes(trace[14:]) for trace, billable in found if billable)


def expected() -> Counter[int]:
    """Billed spans by scene where one flush sees them all."""
    rows = [row | {once.LEDGER: number} for number, some in enumerate(SCENES_PLACED) for row in some]
    applied = once.apply(table(*rows)).to_pylist()
    return Counter(row[once.LEDGER] for row in applied if row["billable"])


def named(counts: Counter[int]) -> dict[str, int]:
    return {NAMES[number]: count for number, count in sorted(counts.items())}


@pytest.mark.parametrize("cut", [1, 2])
def test_settled_flushes_bill_as_many_calls_as_one_flush_would_in_any_order(cut: int, tmp_path: Path):
    one, other = flushes(cut)
    forth, back, between = (World(tmp_path / name) for name in ("forth", "back", "between"))
    forth.flush(one)
    forth.flush(other, partition=1)
    back.flush(other, partition=1)
    back.flush(one)
    between.flush(one)
    between.settle()
    between.flush(other, partition=1)

    for world in (forth, back, between):
        world.settle()

    assert named(billed(forth)) == named(expected())
    assert booked(back) == booked(forth)
    assert booked(between) == booked(forth)
    assert {world.settle(now=LATER).number for world in (forth, back, between)} == {0}


def test_in_however_small_parts_what_is_settled_is_the_same(tmp_path: Path):
    one, other = flushes(1)
    whole, parts = (World(tmp_path / name) for name in ("whole", "parts"))
    steps: list[str] = []
    told = [outcome("success", "failure", trace_id=SCENES_PLACED[number][0]["trace_id"]) for number in (0, 30, 60)]
    for world in (whole, parts):
        world.flush(one)
        world.flush(other, told, partition=1)

    whole.settle()
    parts.settle(how=replace(HOW, chunk_spans=25), on_step=steps.append)

    assert stated(parts) == stated(whole)
    assert ("failure",) in parts.sql("SELECT DISTINCT outcome FROM tasks", "tasks")
    assert sum(step.startswith("judged") for step in steps) > 5
