"""Recorded calls that two instrumentations tell under two words for the provider: tests/data/twice/README.md."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings
from tests.processors.otlp import RECEIVED_US, TOPIC

HERE = Path(__file__).parent.parent / "data" / "twice"
ENGINE = Engine.of(WorkerSettings(), user_key=b"a key of the tests")

CALLS = {
    "langchain-openai-groq-stream": ("groq", 1000, None, 400, "0.000906"),
    "langchain-openai-azure-stream": ("azure.ai.openai", 1000, 800, 400, "0.0055"),
    "langchain-openai-xai": ("x_ai", 1000, 200, 700, "0.01305"),
    "langchain-twice-gemini": ("gcp.gemini", 1100, 600, 400, "0.001168"),
}
"""Provider, input, cached, output tokens and USD by the catalogue's rates of the host."""


def spans(*names: str) -> list[dict[str, Any]]:
    messages = [
        Message(
            topic=TOPIC, partition=0, offset=n, received_at_us=RECEIVED_US, value=(HERE / f"{name}.pb").read_bytes()
        )
        for n, name in enumerate(names)
    ]
    rows: list[dict[str, Any]] = process_range(messages, ENGINE).tables["spans"].to_pylist()
    return rows


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    counts = tuple(row[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens"))
    return row["provider"], *counts, None if row["cost_usd"] is None else str(row["cost_usd"].normalize())


@pytest.mark.parametrize("name", CALLS)
def test_one_call_is_billed_to_who_was_seen_to_serve_it(name: str):
    rows = spans(name)

    (billed,) = [row for row in rows if row["billable"]]
    assert len(rows) == 2
    assert told(billed) == (*CALLS[name][:4], str(Decimal(CALLS[name][4]).normalize()))
    assert [row["suppressed_by"] for row in rows if not row["billable"]] == [billed["span_id"]]


def test_all_of_them_in_one_range_are_one_call_each_in_any_order():
    there = sorted(told(row) for row in spans(*CALLS) if row["billable"])

    back = sorted(told(row) for row in spans(*reversed(CALLS)) if row["billable"])

    assert [row[0] for row in there] == ["azure.ai.openai", "gcp.gemini", "groq", "x_ai"]
    assert there == back
