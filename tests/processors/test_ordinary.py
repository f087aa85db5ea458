"""Ordinary spans go past the rules: they come to what all rules would have made of them."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from processors.conventions.rules import ALONE, usage_rules
from processors.conventions.table import load_table
from processors.decode import decode
from processors.normalise.calls import describe_calls
from processors.normalise.finish import FINISH_SPEAKS
from processors.normalise.guardrails import note_safety
from processors.normalise.ordinary import READ, find_ordinary
from processors.normalise.status import ENDS_WELL, JUDGED, judge, judge_all
from processors.normalise.times import place_all, place_in_time
from processors.normalise.usage import apply_all, settle_usage
from tests.processors.captures import load
from tests.processors.otlp import message, request, span

TABLE = load_table()
KEYS = {name: [one.key for one in TABLE.aliases if one.field == name and not one.path] for name in READ}
KEYS["input_tokens"].append("gen_ai.usage.input_tokens")
SCOPES = ["", "my.app", *sorted({rule.scope.removesuffix(ALONE) for rule in usage_rules()})]
OPERATIONS = ("chat", "embeddings", "rerank", "image", "execute_tool")
SETTLED = (
    *(*READ, "usage_semantics", "_repair", "_refused", "_has_usage", "_usage_rank", "input_includes"),
    *("_input_tokens_reported", "_output_tokens_reported", "output_includes"),
)
"""What later steps and explanations read."""


def frame(*seeds: int, odd: float) -> pl.DataFrame:
    """Spans of many scopes, 300 of each seed; ``odd``: how often a count is one that instrumentations rarely tell."""
    sent = [
        message(request(*(chat(rng, odd) for _ in range(5)), scope=rng.choice(SCOPES)))
        for rng in map(random.Random, seeds)
        for _ in range(60)
    ]
    return describe_calls(decode(sent, TABLE))


def chat(rng: random.Random, odd: float) -> Any:
    counts = {"input_tokens": rng.randrange(12), "output_tokens": rng.randrange(8)}
    counts |= {name: rng.randrange(9) for name in ("cached_input_tokens", "reasoning_tokens") if rng.random() < 0.5}
    counts |= {name: rng.choice((-1, 0, 0, 3, 20, 2_000_000_000)) for name in READ if rng.random() < odd}
    if rng.random() < 0.3:
        counts["total_tokens"] = counts["input_tokens"] + counts["output_tokens"] + rng.choice((0, 0, 3))
    kept = {} if rng.random() < 0.2 else counts
    given = {rng.choice(KEYS[name]): count for name, count in kept.items() if KEYS[name]}
    told = {
        "gen_ai.operation.name": rng.choice(OPERATIONS),
        "gen_ai.request.model": rng.choice(("gpt-4o", "gemini-2.0")),
    }
    provider = {"gen_ai.provider.name": rng.choice(("openai", "anthropic", "gcp.gemini", "aws.bedrock"))}
    return span(told | provider | given, status=rng.choice((0, 0, 0, 2)), kind=3)


def settled(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """What is read; nothing taken out of an input is 0 where any span tells a piece, else NULL."""
    return frame.select(SETTLED).with_columns(pl.col("taken_input_tokens").replace(0, None)).rows()


@pytest.mark.parametrize("odd", [0.0, 0.01, 0.1])
def test_a_span_past_the_rules_comes_to_the_same_as_through_them(odd: float):
    made = frame(*range(8), odd=odd)

    assert len(made) == 8 * 300
    assert settled(settle_usage(made)) == settled(apply_all(made))
    assert 100 < int(find_ordinary(made).sum()) < len(made)


def test_spans_that_are_all_ordinary_come_to_the_same():
    made = frame(1, odd=0.0)
    made = made.filter(pl.Series(find_ordinary(made)))

    assert find_ordinary(made).all()
    assert settled(settle_usage(made)) == settled(apply_all(made))


def test_what_most_spans_tell_is_ordinary():
    told: list[dict[str, int]] = [
        {"input_tokens": 5, "output_tokens": 2},
        {"input_tokens": 5, "output_tokens": 2, "cached_input_tokens": 3, "cache_write_tokens": 2, "total_tokens": 7},
        {"input_tokens": 5, "output_tokens": 2, "reasoning_tokens": 2},
        {},
    ]
    keys = {name: KEYS[name][0] for name in READ if KEYS[name]}
    keys |= {name: f"gen_ai.usage.{name}" for name in ("input_tokens", "output_tokens")}
    sent = [span({"gen_ai.operation.name": "chat"} | {keys[name]: n for name, n in one.items()}) for one in told]

    made = describe_calls(decode([message(request(*sent))], TABLE))

    assert [one for one, ordinary in zip(told, find_ordinary(made), strict=True) if not ordinary] == []


def captured() -> pl.DataFrame:
    return settle_usage(describe_calls(decode([message(one.value) for one in load("pb")], TABLE)))


def test_a_span_past_the_judge_is_judged_as_by_a_look_at_everything():
    made = place_all(captured())

    quick, whole = judge(made), judge_all(made)

    assert quick.select(JUDGED).equals(whole.select(JUDGED))
    assert 0 < made[ENDS_WELL].sum() < len(made)
    assert set(whole.filter(ENDS_WELL)["status"]) == {"ok"}


def test_a_span_that_says_nothing_of_safety_comes_to_nothing():
    decoded = decode([message(one.value) for one in load("pb")], TABLE)
    made = judge(place_all(settle_usage(describe_calls(decoded))))

    noted = note_safety(made, decoded)
    all_noted = note_safety(made.with_columns(pl.lit(value=True).alias(FINISH_SPEAKS)), decoded)

    columns = ["guardrail_action", "safety_category", "pii_detected", "injection_detected", "safety_findings"]
    assert noted.select(columns).equals(all_noted.select(columns))


def test_times_of_clocks_that_are_believed_come_to_the_same_as_through_all_doubts():
    rng = random.Random(3)
    rows = [(one := rng.randrange(1, 2_000_000_000_000_000_000), one + rng.randrange(10**14)) for _ in range(2000)]
    rows += [(1, 1), (999, 1000), (1, 604_799_999_990_000)]
    began, ended = ([row[at] for row in rows] for at in (0, 1))
    made = pl.DataFrame(
        {"started_ns": began, "ended_ns": ended, "received_at_us": [end // 1000 - 600_000_000 for end in ended]},
        schema_overrides={"started_ns": pl.UInt64, "ended_ns": pl.UInt64},
    ).with_columns(pl.lit(None, pl.Float64).alias("reported_duration"), pl.lit("call").alias("_role"))
    columns = ["started_at", "ended_at", "original_ended_at", "received_at", "day", "clock_skew", "duration_ms"]

    quick = place_in_time(made)

    assert "_skewed" not in quick.columns
    assert quick.select(columns).equals(place_all(made).select(columns))


@pytest.mark.parametrize(
    "odd",
    [
        {"started_ns": 0},
        {"ended_ns": 0},
        {"ended_ns": 5},
        {"ended_ns": 1_604_800_000_000_000},
        {"received_at_us": 1000},
        {"reported_duration": 5.0},
    ],
)
def test_a_clock_that_may_be_wrong_makes_all_doubts_be_looked_at(odd: dict[str, float]):
    made = pl.DataFrame(
        [{"started_ns": 1_000_000_000_000_000, "ended_ns": 1_000_000_001_000_000, "received_at_us": 10**15} | odd],
        schema_overrides={"started_ns": pl.UInt64, "ended_ns": pl.UInt64},
    ).with_columns(pl.lit("call").alias("_role"))
    made = (
        made if "reported_duration" in odd else made.with_columns(pl.lit(None, pl.Float64).alias("reported_duration"))
    )

    assert "_skewed" in place_in_time(made).columns
