"""Whose a call is does not depend on how its trace was cut: every rank of tenant and feature, every cut."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from processors.pricing.book import PriceBook
from tests.quick import few
from tests.warehouse.settling import World
from tests.warehouse.told import span, table, tool
from warehouse import once
from warehouse.schemas import SPANS

Rows = list[dict[str, Any]]
ID = {"response_id": "chatcmpl-9f3c1b2a77d0", "request_model": "gpt-4o", "input_tokens": 20, "output_tokens": 4}
TENANT_RANKS = (None, 0, 1, 2, 3)
FEATURE_RANKS = (None, 1, 2, 3)


def request(name: str, **told: Any) -> dict[str, Any]:
    return tool(name, operation=None, ms=500, **told)


SHAPES: dict[str, Callable[..., Rows]] = {
    "a call of an agent": lambda a, b, c: [
        request("root", **a),
        tool("agent", "root", operation="invoke_agent", ms=400, **b),
        span("call", "agent", at=9, **ID, **c),
    ],
    "a wrapper around a call": lambda a, b, c: [
        request("root", **a),
        span("outer", "root", at=1, ms=300, scope_name="framework", convention="pydantic_ai", **ID, **b),
        span("inner", "outer", at=9, **ID, **c),
    ],
    "two instrumentations": lambda a, b, c: [
        request("root", **a),
        span("sdk", "root", at=1, scope_name="sdk", **ID, **b),
        span("wrap", "root", at=1, scope_name="wrap", convention="openllmetry", **ID, **c),
    ],
    "a client and a gateway": lambda a, b, c: [
        request("root", trace="gateway", at=3, **a),
        span("served", "root", trace="gateway", at=4, ms=50, convention="litellm_v2", scope_name="litellm", **ID, **b),
        span("client", ms=99, **ID, **c),
    ],
}


def names(which: str, ranks: tuple[int | None, ...]) -> Rows:
    """Another name for each span that has a rank, but of two that a gateway has stamped where it has not the third."""
    told = [f"{place}-{rank}" if rank or ranks.count(0) == 3 else "stamped" for place, rank in enumerate(ranks)]
    return [
        {} if rank is None else {which: name, f"{which}_rank": rank} for name, rank in zip(told, ranks, strict=True)
    ]


def scenes(shape: str) -> list[Rows]:
    """All ranks of tenants with some of features, and all of features with some of tenants."""
    chance = random.Random(7)
    some = [(tenants, chance.choices(FEATURE_RANKS, k=3)) for tenants in product(TENANT_RANKS, repeat=3)]
    some += [(chance.choices(TENANT_RANKS, k=3), features) for features in product(FEATURE_RANKS, repeat=3)]
    return [
        SHAPES[shape](*(one | other for one, other in zip(names("tenant", t), names("feature", f), strict=True)))
        for t, f in some
        if shape != "two instrumentations" or t[0] != 0 or 0 in t[1:]  # docs/once.md, "What cannot be known"
    ]


def settled(flushes: Iterable[Rows]) -> pa.Table:
    """The rows of a lake of these flushes, as the rules have them when they see all of them."""
    return judged(pa.concat_tables([once.apply(table(*rows)) for rows in flushes if rows]))


def judged(stored: pa.Table) -> pa.Table:
    """What settlement makes of rows of flushes."""
    lake = stored.select([name for name in SPANS.names if name in stored.column_names])
    lake = lake.append_column("row", pa.array(range(stored.num_rows), pa.int64()))
    return once.rejudge(lake.append_column("ledger", stored[once.LEDGER]))


def whose(spans: pa.Table, ledger: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By scene and span: what of it stands in the books."""
    return {
        (row[ledger], row["span_id"]): (row["billable"], row["tenant"], row["feature"])
        for row in spans.to_pylist()
        if row["billable"]
    }


@pytest.mark.parametrize("shape", few(SHAPES, "a call of an agent"))
def test_whose_a_call_is_does_not_depend_on_the_cut(shape: str):
    told = [row | {once.LEDGER: number} for number, rows in enumerate(scenes(shape)) for row in rows]
    expected = whose(once.apply(table(*told)), once.LEDGER)

    wrong: Counter[tuple[int, ...]] = Counter()
    for side in product((0, 1), repeat=3):
        flushes = [[row for place, row in enumerate(told) if side[place % 3] == part] for part in (0, 1)]
        found = whose(settled(flushes), "ledger")
        wrong[side] = sum(found.get(key) != expected.get(key) for key in found.keys() | expected.keys())

    assert wrong.total() == 0, wrong


HALF = """
[[price]]
provider = "openai"
model = "gpt-4o*"
tenant = "acme"
from = 2026-01-01
discount_percent = "50"
"""


def test_the_tenant_whose_price_is_paid_may_be_told_a_flush_later_by_a_better_key(tmp_path: Path):
    (tmp_path / "book.toml").write_text(HALF)
    prices = PriceBook.from_settings({}, str(tmp_path / "book.toml"))
    root = request("root", tenant="acme", feature="checkout")
    bare = {"provider": "openai", "tenant": "prod", "tenant_rank": 3, "feature": "bot", "feature_rank": 3}
    call = span("call", "root", at=9, **ID, **bare)
    worlds = [World(tmp_path / name, prices) for name in ("once", "call first", "root first")]
    for world, flushes in zip(worlds, ([[root, call]], [[call], [root]], [[root], [call]]), strict=True):
        for rows in flushes:
            world.flush(rows)
        world.settle()

    query = "SELECT tenant, feature, sum(calls), sum(cost_usd) FROM ledger GROUP BY ALL HAVING sum(calls) <> 0"
    booked = [world.sql(query, "ledger") for world in worlds]

    assert booked == [[("acme", "checkout", 1, Decimal("0.000045"))]] * 3


def test_one_tenant_does_not_silence_another_one_s_call_by_its_ids_in_a_later_flush():
    ours, theirs = (span("call", tenant=name, tenant_rank=0, **ID) for name in ("acme", "globex"))
    flushes = [[row | {once.LEDGER: 0, "source_offset": offset}] for offset, row in enumerate((ours, theirs, theirs))]

    assert sorted(row["tenant"] for row in settled(flushes).to_pylist() if row["billable"]) == ["acme", "globex"]


def test_a_record_that_comes_again_is_the_same_though_its_call_went_to_the_client_s_tenant():
    client = span("client", ms=99, tenant="acme", tenant_rank=0, **ID | {"input_tokens": None, "output_tokens": None})
    served = span("served", trace="gateway", at=4, ms=50, tenant="platform", tenant_rank=0, **ID)
    flushes = [[row | {once.LEDGER: 0} for row in rows] for rows in ([client, served], [served])]

    assert [row["tenant"] for row in settled(flushes).to_pylist() if row["billable"]] == ["acme"]


def test_names_that_an_earlier_version_wrote_count_as_explicit():
    rows = [request("root", tenant="acme"), span("call", "root", tenant="prod", tenant_rank=3, **ID)]
    stored = once.apply(table(*(row | {once.LEDGER: 0} for row in rows[1:])))
    at = stored.schema.get_field_index("tenant_rank")
    root = once.apply(table(rows[0] | {once.LEDGER: 0}))
    earlier = stored.set_column(at, "tenant_rank", pa.nulls(1, pa.int32()))

    assert [row["tenant"] for row in judged(pa.concat_tables([root, earlier])).to_pylist()] == ["acme", "prod"]
    assert [row["tenant"] for row in settled([[row | {once.LEDGER: 0}] for row in rows]).to_pylist()] == ["acme"] * 2
