"""Laws of the bill: whatever is done to spans on their way, each call is billed once, at its tokens and its price."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from processors.decode import decode
from processors.engine import Engine, bill
from processors.messages import Message
from processors.normalise import normalise
from processors.normalise.afterwards import finish
from processors.settings import WorkerSettings
from tests.processors.changes import CHANGES, Change, as_it_is, message
from tests.processors.scenes import SCENES, Draw, Scene, play
from tests.processors.worlds import PAIRS, Call, Told, Usage, World, request
from warehouse import once
from warehouse.schemas import SPANS

pytestmark = pytest.mark.long

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
CALM = settings(
    deadline=None,
    derandomize=True,  # a law that fails fails for everybody
    database=None,
    phases=[Phase.explicit, Phase.generate],  # each example is a whole world: shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Bill = Counter[tuple[Any, ...]]


def draw(chance: random.Random) -> Draw:
    """The chances of one scene."""
    one, other = chance.choice(PAIRS)
    input_, output = chance.randint(1, 5000), chance.randint(1, 900)
    return Draw(
        one=one,
        other=other,
        used=Usage(
            input=input_,
            output=output,
            cached=input_ // chance.choice([2, 10**6]),
            reasoning=output // chance.choice([3, 10**6]),
        ),
        model=chance.choice(["gpt-4o-mini", "gpt-4.1-mini"]),
        count=chance.randint(1, 4),
        yes=chance.random() < 0.5,
        maybe=chance.random() < 0.5,
        lag=chance.choice([0.0, 0.3, 2.0, 4.5]),
        tenant=chance.choice([None, "acme", "globex"]),
    )


def every_scene(seed: int) -> list[tuple[Scene, Draw]]:
    """Each scene twice, with chances of their own, in any order."""
    chance = random.Random(seed)
    scenes = [(scene, draw(chance)) for scene in SCENES * 2]
    return chance.sample(scenes, len(scenes))


# From a seed, not from strategies: an example is a whole world, so the first is to be as rich as any.
plays = st.integers(0, 2**32).map(every_scene)
chances = st.integers(0, 2**32).map(random.Random)


def rows_of(messages: list[Message], engine: Engine = ENGINE) -> pa.Table:
    """All spans as the engine judges them."""
    return bill(normalise(decode(messages, engine.table), engine.rules).spans, engine)


def billed(spans: pa.Table) -> Bill:
    """What is billed, in the terms of ``Call.bill``."""
    frame = pl.DataFrame(spans.drop_columns(["units", "tags"])).filter("billable")
    used = pl.col("input_tokens").is_not_null()
    parts = ("output_tokens", "cached_input_tokens", "reasoning_tokens")
    return Counter(
        frame.select(
            "tenant",
            "operation",
            pl.coalesce("response_model", "request_model"),
            "input_tokens",
            *(pl.when(used).then(pl.col(name).fill_null(0)) for name in parts),
            "cost_usd",
        ).rows()
    )


def truth(world: World) -> Bill:
    """What must be billed."""
    return Counter(call.bill for call in world.calls)


def in_flushes(world: World, chance: random.Random) -> list[pa.Table]:
    """What the lake holds when each span came with any of some flushes."""
    parts: list[list[Told]] = [[] for _ in range(chance.randint(2, 4))]
    for span in world.spans:
        chance.choice(parts).append(span)
    return [rows_of([message(request(part), offset=n)]).select(SPANS.names) for n, part in enumerate(parts)]


def settled(flushes: list[pa.Table]) -> pa.Table:
    """The rows of a lake as the rules judge all of them together; prices are still those of the flushes."""
    lake = pa.concat_tables(flushes)
    numbered = lake.append_column("row", pa.array(range(lake.num_rows), pa.int64()))
    return once.rejudge(numbered.append_column("ledger", pa.repeat(pa.scalar(0, pa.int64()), lake.num_rows)), finish)


def without_costs(bill: Bill) -> Bill:
    """Calls and tokens only."""
    return Counter(call[:-1] for call in bill.elements())


@settings(CALM, max_examples=2)
@given(plays)
def test_each_call_is_billed_once_at_its_tokens_and_its_price(scenes: list[Any]):
    world = play(scenes)

    assert billed(rows_of(as_it_is(world, random.Random(0)))) == truth(world)


@pytest.mark.parametrize("change", CHANGES)
@settings(CALM, max_examples=1)
@given(scenes=plays, chance=chances)
def test_nothing_on_the_way_changes_the_bill(change: Change, scenes: list[Any], chance: random.Random):
    world = play(scenes)

    assert billed(rows_of(change(world, chance))) == truth(world)


@settings(CALM, max_examples=1)
@given(scenes=plays, chance=chances)
def test_which_instrumentations_tell_of_a_call_changes_nothing(scenes: list[Any], chance: random.Random):
    told_otherwise = [
        (scene, dataclasses.replace(draw, one=one, other=other))
        for scene, draw in scenes
        for one, other in [chance.choice(PAIRS)]
    ]

    one, other = (play(some) for some in (scenes, told_otherwise))

    assert billed(rows_of(as_it_is(one, chance))) == billed(rows_of(as_it_is(other, chance)))


@settings(CALM, max_examples=1)
@given(scenes=plays, chance=chances)
def test_what_replaces_a_span_is_billed(scenes: list[Any], chance: random.Random):
    rows = rows_of(CHANGES[3](play(scenes), chance)).to_pylist()

    billed_ids = {row["span_id"] for row in rows if row["billable"]}
    replaced = {
        row["span_id"]: row["suppressed_by"]
        for row in rows
        if row["suppressed_by"] and row["_why"] != "repeated_record"
    }
    assert len(replaced) > 10
    assert set(replaced.values()) <= billed_ids
    assert all(span_id != other for span_id, other in replaced.items())
    assert all(row["suppressed_by"] == row["span_id"] for row in rows if row["_why"] == "repeated_record")


@settings(CALM, max_examples=1)
@given(scenes=plays, chance=chances)
def test_settling_any_flushes_bills_what_one_flush_would_have(scenes: list[Any], chance: random.Random):
    world = play(scenes)

    assert without_costs(billed(settled(in_flushes(world, chance)))) == without_costs(truth(world))


def test_streams_that_began_at_once_keep_the_records_that_a_flush_gave_them():
    chance = random.Random(0)
    scene = next(one for one in SCENES if one.__name__ == "streams_told_by_request_and_record")
    world = play([(scene, dataclasses.replace(draw(chance), count=1 + n % 4, yes=False)) for n in range(40)])

    assert without_costs(billed(settled(in_flushes(world, chance)))) == without_costs(truth(world))


FIELDS = ("operation", "operation_kind", "provider", "request_model", "response_model", "input_tokens", "output_tokens")
SAID = {"operation": "chat", "operation_kind": "llm", "provider": "openai", "request_model": "gpt-4o-mini",
        "response_model": "gpt-4o-mini", "input_tokens": 1000, "output_tokens": 200}  # fmt: skip


def written_by_the_table(convention: str) -> dict[str, Any]:
    """A call with the keys of one convention, and OpenTelemetry's where it has none of its own."""
    aliases = [one for one in ENGINE.table.aliases if one.field in FIELDS and one.place == "span" and not one.path]
    theirs = {one.field: one.key for one in reversed(aliases) if one.convention in (convention, "otel_genai")}
    theirs |= {one.field: one.key for one in reversed(aliases) if one.convention == convention}
    return {key: SAID[field] for field, key in theirs.items()}


def test_every_convention_of_the_table_writes_the_same_bill():
    conventions = sorted({one.convention for one in ENGINE.table.aliases})
    world = World()
    for convention in conventions:
        world.plain(None, written_by_the_table(convention), scope="acme")

    assert len(conventions) > 10
    assert billed(rows_of([message(request(world.spans))])) == {
        Call(usage=Usage(input=1000, output=200)).bill: len(conventions)
    }
