"""User, session, task and prompt of a call do not depend on how its trace was cut: random names, every cut."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from tests.quick import few
from tests.warehouse.test_settle_ranks import ID, SHAPES, Rows, request, settled
from tests.warehouse.told import span, table
from warehouse import once

NAMES = ("user_id", "session_id", "task_id", "prompt_name", "prompt_version")
SCENES = 60

WITHOUT_ID = {name: value for name, value in ID.items() if name != "response_id"}
SOME: dict[str, Callable[..., Rows]] = SHAPES | {
    "two instrumentations without ids": lambda a, b, c: [
        request("root", **a),
        span("sdk", "root", at=1, scope_name="sdk", **WITHOUT_ID, **b),
        span("wrap", "root", at=1, scope_name="wrap", convention="openllmetry", **WITHOUT_ID, **c),
    ],
    "a wrapper with a gateway": lambda a, b, c: [
        span("outer", ms=300, scope_name="framework", convention="pydantic_ai", **ID, **a),
        span("inner", "outer", at=9, **ID, **b),
        span("served", trace="gateway", at=14, ms=50, convention="litellm_v2", scope_name="litellm", **ID, **c),
    ],
}


def names(chance: random.Random, place: int) -> dict[str, Any]:
    """Some names, sometimes those of another span."""
    return {name: f"{name} {chance.choice([place, 0])}" for name in NAMES if chance.random() < 0.4}


def whose(spans: pa.Table, ledger: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By scene and span: who is billed, and what of it stands in the books."""
    return {
        (row[ledger], row["span_id"]): tuple(row[name] for name in NAMES)
        for row in spans.to_pylist()
        if row["billable"]
    }


@pytest.mark.long
@pytest.mark.parametrize("shape", few(SOME, "a wrapper around a call"))
def test_whose_a_call_is_does_not_depend_on_the_cut(shape: str):
    chance = random.Random(shape)
    scenes = [SOME[shape](*(names(chance, place) for place in range(3))) for _ in range(SCENES)]
    told = [row | {once.LEDGER: number} for number, rows in enumerate(scenes) for row in rows]
    expected = whose(once.apply(table(*told)), once.LEDGER)

    wrong: Counter[tuple[int, ...]] = Counter()
    for side in (*product((0, 1), repeat=3), (0, 1, 2), (2, 1, 0)):
        flushes = [[row for place, row in enumerate(told) if side[place % 3] == part] for part in range(3)]
        found = whose(settled(flushes), "ledger")
        wrong[side] = sum(found.get(key) != expected.get(key) for key in found.keys() | expected.keys())

    assert wrong.total() == 0, +wrong
