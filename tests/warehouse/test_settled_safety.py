"""Safety by the settled books: however flushes cut what was told, it is what one flush would have counted."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from processors.normalise.afterwards import finish
from processors.safety import roll_up_safety
from tests.quick import few
from tests.warehouse.settling import HOW, LATER, World
from tests.warehouse.test_settle_laws import SCENES_PLACED
from tests.warehouse.told import in_ledgers, span, table, tool
from warehouse import once
from warehouse.reader import ALL, Scope, Warehouse

CALL = {"provider": "openai", "request_model": "gpt-4o-mini", "input_tokens": 1000, "output_tokens": 100}
FILTERED = {"finish_reason": "content_filter", "safety_category": "content_filter", "guardrail_action": "blocked"}
TOLD: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"finish_reason": "stop"},
    FILTERED,
    {"status": "error", "error_class": "rate_limit"},
    {"safety_category": "hate", "guardrail_action": "blocked", "safety_findings": "hate=blocked violence=flagged pii="},
    {"pii_detected": True, "safety_category": "pii", "guardrail_action": "redacted", "safety_findings": "pii=redacted"},
    {"pii_detected": False},
    {"injection_detected": True},
)
GUARDS: tuple[dict[str, Any], ...] = (
    {"guardrail_action": "blocked", "safety_category": "pii", "safety_findings": "pii=blocked", "pii_detected": True},
    {"guardrail_action": "allowed", "safety_findings": "hate=allowed violence=allowed"},
    {"guardrail_action": "allowed"},
    {},
)
PLACE = ("tenant", "feature", "service", "model", "category", "action")
HOUR_MS = 3_600_000


def ask(world: World, question: str = "settled-safety", scope: Scope = ALL, **params: Any) -> list[dict[str, Any]]:
    return Warehouse(world.settings).ask(question, scope, **params).to_pylist()


def counted(rows: pa.Table) -> Counter[tuple[Any, ...]]:
    """Events and checks of ``SAFETY`` by hour and place."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows.to_pylist():
        for name in ("events", "checked_calls"):
            key = (row["minute"].replace(minute=0), *(row[one] for one in PLACE), name)
            found[key] += row[name]
    return Counter({key: count for key, count in found.items() if count})


def booked(world: World) -> Counter[tuple[Any, ...]]:
    """The same of the books."""
    rows = world.sql(
        "SELECT hour, tenant, feature, service, model, category, action, name, sum(n) FROM ("
        "  UNPIVOT safety_hours ON events, checked_calls INTO NAME name VALUE n"
        ") GROUP BY ALL HAVING sum(n) <> 0",
        "safety_hours",
    )
    return Counter({tuple(key): int(count) for *key, count in rows})


def guarded(dice: random.Random) -> list[list[dict[str, Any]]]:
    """Scenes of the once rules whose spans tell of safety, and agents with guards."""
    scenes = [[row | dice.choice(TOLD) for row in scene] for scene in SCENES_PLACED]
    for number in range(20):
        told = {"trace": f"guarded {number}", "at": dice.randrange(3) * HOUR_MS}
        scenes.append(
            [
                tool("guard", "root", operation="guardrail", **dice.choice(GUARDS), **told),
                span("call", "root", **CALL | dice.choice(TOLD), **told),
                tool("root", ms=300, operation="invoke_agent", tenant="acme", feature="shop", **told),
            ]
        )
    return scenes


@pytest.mark.long
@pytest.mark.parametrize("seed", few(range(6), 0))
def test_of_spans_in_several_flushes_as_much_is_counted_as_of_one(seed: int, tmp_path: Path):
    dice, world = random.Random(seed), World(tmp_path)
    scenes = guarded(dice)
    parts: dict[int, list[dict[str, Any]]] = {}
    for row in itertools.chain.from_iterable(scenes):
        parts.setdefault(dice.randrange(3), []).append(row)
    settles = [dice.random() < 0.5 for _ in parts]

    for (number, part), is_settled in zip(parts.items(), settles, strict=True):
        world.flush(part, partition=number)
        if is_settled:
            world.settle()
    closed_to = world.settle(how=replace(HOW, chunk_spans=dice.choice((50, HOW.chunk_spans)))).closed_to

    in_one = counted(roll_up_safety(once.apply(table(*in_ledgers(scenes)), finish)))
    assert booked(world) == Counter({key: count for key, count in in_one.items() if key[0] < closed_to})
    assert world.settle().number == 0


@pytest.mark.long
def test_a_call_told_twice_and_a_guard_count_once_for_the_tenant_of_a_root_that_comes_later(tmp_path: Path):
    world = World(tmp_path)
    inner = span("inner", "outer", at=10, ms=80, **CALL, **FILTERED)
    outer = span("outer", "root", convention="openinference", **CALL, **FILTERED)
    guard = tool("guard", "root", at=200, operation="guardrail", **GUARDS[0])
    root = tool("root", ms=400, operation="invoke_agent", _role="aggregate", tenant="acme", feature="shop")
    for number, row in enumerate((inner, outer, guard)):
        world.flush([row], partition=number)
    world.settle()
    world.flush([root], partition=3)
    world.settle()

    lines = {(row["category"], row["action"]): row for row in ask(world, by="tenant,feature")}

    assert {(row["tenant"], row["feature"], row["calls"]) for row in lines.values()} == {("acme", "shop", 1)}
    assert {key: (row["events"], row["checked_calls"]) for key, row in lines.items()} == {
        ("any", "blocked"): (2, 2),
        ("content_filter", "blocked"): (1, 1),
        ("pii", "blocked"): (1, 1),
    }
    before = {row["tenant"] for row in ask(world, by="tenant", as_of_settlement=1)}
    assert before == {None}
    assert ask(world, "safety", by="tenant", as_of_settlement=1) == ask(world, by="tenant", as_of_settlement=1)
    assert ask(world, scope=frozenset({None})) == []
    assert ask(world, scope=frozenset({"acme"})) == ask(world, by="tenant")


def test_what_settlement_took_back_leaves_no_line(tmp_path: Path):
    """Of a tenant that had it no more: neither an event nor a line that says that it was looked for."""
    world = World(tmp_path)
    seen = {"safety_category": "hate", "safety_findings": "hate="}
    world.flush([span("call", "root", at=10, **CALL, **seen), span("other", trace="other", **CALL)])
    world.settle()
    world.flush([tool("root", ms=400, operation="invoke_agent", _role="aggregate", tenant="acme")], partition=1)
    world.settle()

    (first,) = (row for row in ask(world, as_of_settlement=1) if row["category"] == "hate")
    assert (first["tenant"], first["action"], first["events"]) == (None, None, 1)
    now = {(row["tenant"], row["category"]): row["events"] for row in ask(world)}
    assert now == {("acme", "any"): 1, ("acme", "hate"): 1, (None, "any"): 0, (None, "content_filter"): 0}


def test_what_came_too_late_to_be_judged_is_added_and_a_record_that_came_again_is_not(tmp_path: Path):
    world, how = World(tmp_path), replace(HOW, lookback_days=0)
    call = span("call", tenant="acme", **CALL, **FILTERED)
    world.flush([call])
    world.settle(how=how)
    again = call | {"received_at": LATER}
    other = span("other", trace="o", tenant="acme", received_at=LATER, **CALL, **FILTERED)
    world.flush([again, other], partition=1)

    world.settle(how=how)

    (line,) = (row for row in ask(world) if row["category"] == "content_filter")
    assert (line["events"], line["checked_calls"], line["calls"]) == (2, 2, 2)


def test_whatever_came_again_too_late_to_be_judged_changes_nothing(tmp_path: Path):
    """Guards, agents and what another span replaces too, told twice by one flush and by several."""
    world, how = World(tmp_path), replace(HOW, lookback_days=0)
    told = {"tenant": "acme", "feature": "shop"}
    guard = tool("guard", "root", operation="guardrail", **GUARDS[0], **told)
    inner = span("inner", "outer", at=10, ms=80, **CALL, **told)
    outer = span("outer", "root", convention="openinference", **CALL | FILTERED, **told)
    root = tool("root", ms=400, operation="invoke_agent", _role="aggregate", **told)
    spans = [guard, inner, outer, root]
    world.flush(spans)
    world.settle(how=how)
    before = ask(world, by="tenant,feature"), world.totals(), world.sql("FROM tasks", "tasks")
    again = [row | {"received_at": LATER} for row in spans]

    world.flush([*again, *again], partition=1)
    first = world.settle(how=how)
    world.flush([again[0]], partition=2)
    second = world.settle(how=how)

    assert (ask(world, by="tenant,feature"), world.totals(), world.sql("FROM tasks", "tasks")) == before
    assert (first.late_alone, first.suppressed, second.late_alone, second.suppressed) == (8, 1, 1, 0)
    assert world.sql("SELECT DISTINCT why, billable FROM corrections", "corrections") == [("repeated_record", False)]


def test_a_call_that_came_too_late_and_again_with_more_counts_once(tmp_path: Path):
    """Their flush took the second record, which says more, for the call."""
    world, how = World(tmp_path), replace(HOW, lookback_days=0)
    world.flush([span("early", trace="early", tenant="acme", **CALL)])
    world.settle(how=how)
    late = span("late", trace="late", tenant="acme", received_at=LATER, **CALL, **FILTERED)
    fuller = {"received_at": LATER + dt.timedelta(seconds=1)}
    world.flush([late | {"input_tokens": None, "output_tokens": None}, late | fuller], partition=1)

    world.settle(how=how)

    assert world.totals()["acme"][0] == 2
    assert {row["category"]: row["events"] for row in ask(world)} == {"any": 1, "content_filter": 1}


def test_a_filtered_call_that_two_spans_tell_is_one_block_of_its_task(tmp_path: Path):
    world = World(tmp_path)
    inner = span("inner", "outer", at=10, ms=80, **CALL, **FILTERED)
    outer = span("outer", convention="openinference", **CALL, **FILTERED)
    guard = tool("guard", "outer", operation="guardrail", **GUARDS[0])
    for number, row in enumerate((inner, outer, guard)):
        world.flush([row], partition=number)

    world.settle()

    assert world.sql("SELECT spans, calls, guardrail_blocks FROM tasks", "tasks") == [(3, 1, 2)]


def test_rates_over_time(tmp_path: Path):
    world = World(tmp_path)
    calls = [
        span(f"s{n}", trace=f"t{n}", at=n // 4 * HOUR_MS, tenant="acme", **CALL, **(FILTERED if n == 5 else {}))
        for n in range(8)
    ]
    world.flush(calls)
    world.settle()

    lines = [row for row in ask(world, bucket="hour") if row["category"] == "content_filter"]

    assert [(row["bucket"].hour, row["events"], row["checked_calls"]) for row in lines] == [(12, 0, 4), (13, 1, 4)]
