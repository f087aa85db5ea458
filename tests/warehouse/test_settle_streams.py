"""A topic that is made anew is another stream, with offsets from 0 again: what was settled of others stays settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.pricing.settled import pricing_of
from tests.warehouse.earlier import forget
from tests.warehouse.settling import HOW, LATER, World
from tests.warehouse.told import START, span
from warehouse.lake import Lake
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import SOURCE_STREAM, TABLES
from warehouse.settings import LakeSettings
from warehouse.settle import reprice

COST = Decimal("0.0035")
DAY = dt.timedelta(days=1)
USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100, "tenant": "acme"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def call(name: str, days: int = 0) -> dict[str, Any]:
    """A call in a trace of its own, so many days before the others: after 7 it is too old to be judged with them."""
    told = span(name, trace=name, **USED)
    return told | {at: told[at] - days * DAY for at in ("started_at", "ended_at", "received_at")}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("flush"), st.integers(0, 1), st.integers(0, 20)),
        st.sampled_from([("anew",), ("settle",)]),
    ),
    min_size=4,
    max_size=9,
)
OLD, NEW = ("flush", 0, 20), ("flush", 0, 0)


@pytest.mark.long
@given(steps=STEPS)
@example(steps=[OLD, OLD, ("settle",), ("anew",), NEW, ("settle",), NEW, ("settle",)])
@example(steps=[OLD, ("settle",), ("anew",), OLD, ("anew",), NEW, ("settle",), ("flush", 1, 20), ("anew",), OLD])
@settings(max_examples=6, deadline=None)
def test_whenever_a_topic_is_made_anew_each_call_is_booked_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
):
    world, calls = World(tmp_path_factory.mktemp("streams")), 0
    for step in steps:
        if step[0] == "anew":
            world.make_topic_anew()
        elif step[0] == "settle":
            world.settle()
            assert world.total()[0] == calls
        else:
            world.flush([call(f"c{calls}", step[2])], partition=step[1])
            calls += 1

    world.settle()

    assert world.total()[:2] == (calls, calls * COST)
    assert world.settle().number == 0


def test_a_span_that_comes_again_at_the_same_offset_of_a_new_topic_is_one_call(world: World):
    world.flush([call("a")])
    world.settle()
    world.make_topic_anew()
    world.flush([call("a") | {"received_at": START + DAY}])

    done = world.settle(now=LATER + DAY)

    assert (done.suppressed, world.total()[:2]) == (1, (1, COST))


def test_what_waits_for_settlement_is_that_of_its_own_stream(world: World):
    world.flush([call("a"), call("b")])
    world.settle()
    world.make_topic_anew()
    world.flush([call("c")])

    (told,) = Warehouse(world.settings).ask("provisional-vs-settled", ALL, by=(), bucket="").to_pylist()

    assert (told["late_usd"], told["difference_usd"], told["unexplained_usd"]) == (-COST, -COST, 0)


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Until it is undone, rows do not say their stream."""
    for table in ("spans", "outcomes"):
        less = pa.schema([field for field in TABLES[table].schema if field.name != SOURCE_STREAM.name])
        monkeypatch.setitem(TABLES, table, replace(TABLES[table], schema=less))
    forget()
    yield monkeypatch
    forget()


def test_rows_of_a_version_that_did_not_write_their_stream_are_booked_once_too(
    earlier: pytest.MonkeyPatch, tmp_path: Path
):
    Lake.open(LakeSettings(url=str(tmp_path / "lake")))
    before = World(tmp_path)
    before.flush([call("a", 20)])
    before.flush([call("b", 20)])
    earlier.undo()
    forget()
    world = World(tmp_path)
    world.next = dict(before.next)
    world.settle()
    world.flush([call("c", 20)])
    world.settle()
    world.make_topic_anew()
    world.flush([call("d")])

    world.settle()

    assert world.total()[:2] == (4, 4 * COST)


def test_a_record_that_comes_again_when_its_hour_is_too_old_to_be_judged_is_not_billed_again(world: World):
    first = call("a", 20)
    world.flush([first])
    world.settle()
    others = [call("a", 20) | {"tenant": "beta"}, call("b", 20), call("b", 20)]
    for again in (first, *others):
        world.flush([again], partition=1)

    done = world.settle()

    assert (done.late_alone, done.suppressed, world.total()[:2]) == (4, 2, (3, 3 * COST))
    assert world.sql("SELECT why, count(*) FROM corrections GROUP BY ALL", "corrections") == [("repeated_record", 2)]
    window = (START - 30 * DAY, LATER)
    assert not reprice(world.lake, world.settings, HOW, pricing_of(world.book), now=LATER, window=window).settled.number
    assert world.settle().number == 0
