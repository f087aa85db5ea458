"""Streams of logfire whose halves flushes have put together wrongly are one call each after settlement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.warehouse.settling import World
from tests.warehouse.told import span

LOGFIRE = {"convention": "logfire", "scope_name": "logfire.openai", "scope_version": "5.2.0", "request_model": "gpt-4o"}


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
