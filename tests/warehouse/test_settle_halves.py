"""Streams of logfire whose halves flushes have put together wrongly are one call each after settlement."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.quick import few
from tests.warehouse.settling import World
from tests.warehouse.told import span, tool

LOGFIRE = {"convention": "logfire", "scope_name": "logfire.openai", "scope_version": "5.2.0", "request_model": "gpt-4o"}
NATIVE = {"convention": "anthropic_sdk_native", "scope_name": "com.anthropic.sdk", "request_model": "gpt-4o"}
SCENES = 25
Rows = list[dict[str, Any]]


def stream(number: int, at: float, **usage: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request and the record of it, each in a trace of its own."""
    record = {"_role": "usage_record", "duration_ms": 270.0} | usage
    return (
        span(f"request{number}", trace=f"q{number}", at=at, ms=5, **LOGFIRE),
        span(f"record{number}", trace=f"r{number}", at=at + 280, ms=0, **LOGFIRE | record),
    )


def test_a_stream_that_was_given_up_may_hold_the_halves_of_others(tmp_path: Path):
    (asked, told), (asked_next, told_next) = stream(0, 0, input_tokens=9, output_tokens=3), stream(1, 900)
    world = World(tmp_path)
    world.flush([asked, told_next])
    world.flush([told, asked_next])
    world.settle()

    assert world.sql("SELECT sum(calls) FROM ledger", "ledger") == [(2,)]


def scene(number: int, chance: random.Random, *, native: bool, rooted: bool) -> tuple[Rows, list[tuple[int, int]]]:
    """Some calls of one service, one after the other, and what each has used.

    Streams that are read at once or late, answers in one piece, raw ones of which nobody reads the counts, streams that
    are given up.
    """
    rows: Rows = []
    truth = []
    at = 0.0
    mine = {"service": f"shop{number}"}
    root = f"root{number}" if rooted else None
    if rooted:
        rows.append(tool(f"root{number}", trace=f"{number}", operation=None, ms=100_000, **mine))
    for n in range(chance.randint(2, 5)):
        used = {"input_tokens": chance.randint(500, 3000), "output_tokens": chance.randint(20, 400)}
        told = used | {"response_id": f"msg_01{number:04}{n:04}ab", "finish_reason": "stop"}
        kind = chance.choice(["whole", "stream", "stream", "stream", "raw", "given up"])
        handed, read = chance.randint(60, 400), chance.randint(80, 4000)
        name, trace = f"q{number}-{n}", f"{number}" if rooted else f"{number}-{n}"
        took = handed + (500 if kind == "whole" else 0)
        rows.append(
            span(name, root, trace=trace, at=at, ms=took, **LOGFIRE, **mine, **(told if kind == "whole" else {}))
        )
        end = at + took
        if kind == "stream":
            end += chance.randint(0, 30) + read
            record = {"_role": "usage_record", "duration_ms": float(read)} | told
            where = trace if rooted else f"{number}+{n}"
            rows.append(span(f"r{number}-{n}", root, trace=where, at=end, ms=0, **LOGFIRE | record, **mine))
        if native and kind != "raw":
            inner = told if kind != "given up" else {}
            rows.append(
                span(f"n{number}-{n}", name, trace=trace, at=at + 1, ms=end - at - 1, **NATIVE, **mine, **inner)
            )
        truth.append((used["input_tokens"], used["output_tokens"]) if kind in ("whole", "stream") else (0, 0))
        at = end + chance.randint(1, 3000)
    return rows, truth


WAYS = [
    f"{seed} {sdk} {place} {cut}"
    for seed, cut in enumerate(("spans", "traces", "in turn", "spans, settled each time", "traces, settled each time"))
    for sdk in ("native", "alone")
    for place in ("rooted", "rootless")
]


@pytest.mark.long
@pytest.mark.parametrize("way", few(WAYS, "0 native rootless spans", "4 alone rootless traces, settled each time"))
def test_however_flushes_cut_what_logfire_tells_each_call_is_billed_once(way: str, tmp_path: Path):
    seed, sdk, place, cut = way.split(maxsplit=3)
    chance = random.Random(int(seed))
    scenes = [scene(n, chance, native=sdk == "native", rooted=place == "rooted") for n in range(SCENES)]
    told = [row for rows, _ in scenes for row in rows]
    flushes: list[Rows] = [[], [], []]
    by_trace: dict[bytes, int] = {}
    for row in told:
        late = min(int(row["ended_at"].timestamp() * 1000) % 6000 // 2000, 2)
        at_random = chance.randrange(3)
        which = {"spans": at_random, "traces": by_trace.setdefault(row["trace_id"], at_random), "in turn": late}
        flushes[which[cut.split(",")[0]]].append(row)
    world = World(tmp_path)
    for rows in flushes:
        world.flush(rows)
        if cut.endswith("each time"):
            world.settle()
    world.settle()

    found = world.sql(
        "SELECT service, sum(calls)::INT, sum(input_tokens)::INT, sum(output_tokens)::INT FROM ledger GROUP BY ALL",
        "ledger",
    )
    expected = {
        f"shop{n}": (len(truth), sum(one for one, _ in truth), sum(two for _, two in truth))
        for n, (_, truth) in enumerate(scenes)
    }
    assert {service: sums for service, *sums in found if sums[0]} == {k: list(v) for k, v in expected.items()}
