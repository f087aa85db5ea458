"""What Langfuse's ``usage_details`` say: sums without their details, or a provider's own usage as it came."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from processors.engine import Engine
from processors.settings import WorkerSettings
from tests.processors.flushes import Case, bill_of
from tests.processors.otlp import request, span
from tests.processors.test_explain import told

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
COUNTS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "audio_input_tokens"),
    *("output_tokens", "reasoning_tokens", "audio_output_tokens"),
)
PATHS = {
    "input": 100,
    "prompt_tokens": 100,
    "input_tokens": 100,
    "inputTokens": 100,
    "prompt_token_count": 100,
    "output": 60,
    "completion_tokens": 60,
    "output_tokens": 60,
    "candidates_token_count": 60,
    "input_cached_tokens": 50,
    "cache_read_input_tokens": 50,
    "input_audio": 50,
    "input_audio_tokens": 50,
    "output_audio": 30,
    "output_reasoning": 30,
    "thoughts_token_count": 30,
    "total": 300,
    "total_tokens": 300,
    "cache_creation_input_tokens": 40,
    "input_ephemeral_5m_input_tokens": 40,
    "input_ephemeral_1h_input_tokens": 40,
    "input_modality_TEXT": 60,
    "input_modality_AUDIO": 40,
    "cached_modality_AUDIO": 20,
    "output_modality_TEXT": 30,
    "tool_use_prompt_token_count": 20,
}
"""Paths of ``usage_details``, and the most that is written there."""


def generation(usage: dict[str, Any], model: str = "gpt-4o-audio-preview", **more: Any) -> Any:
    """A span of Langfuse's SDK."""
    given = {"type": "generation", "model.name": model, "usage_details": json.dumps(usage)}
    return span({f"langfuse.observation.{name}": value for name, value in given.items()}, **more)


def calls(usages: Mapping[Case, dict[str, Any]], model: str = "gpt-4o") -> dict[Case, dict[str, Any]]:
    """The row of a generation of each usage."""
    return calls_of({case: generation(usage, model) for case, usage in usages.items()})


def calls_of(generations: Mapping[Case, Any]) -> dict[Case, dict[str, Any]]:
    """The row of each generation."""
    return bill_of({case: request(one, scope="langfuse-sdk") for case, one in generations.items()}, ENGINE)


def test_audio_is_a_part_of_sums_that_were_written_without_it():
    told: list[tuple[dict[str, Any], tuple[int | None, ...]]] = [
        ({"input": 60, "input_audio": 40, "output": 30, "output_audio": 20}, (100, None, None, None, 40, 50, None, 20)),
        (
            {"input": 10, "input_audio_tokens": 40, "input_cached_tokens": 50, "output": 5}
            | {"output_audio_tokens": 20, "output_reasoning_tokens": 25},
            (100, 50, None, None, 40, 50, 25, 20),
        ),
        ({"input": 0, "input_audio": 40, "output": 0, "output_audio": 20}, (40, None, None, None, 40, 20, None, 20)),
        (
            {"prompt_tokens": 100, "prompt_tokens_details": {"audio_tokens": 40, "cached_tokens": 0}}
            | {"completion_tokens": 50, "completion_tokens_details": {"audio_tokens": 20, "reasoning_tokens": 0}},
            (100, 0, None, None, 40, 50, 0, 20),
        ),
        (
            {"input_tokens": 100, "input_tokens_details": {"audio_tokens": 40}}
            | {"output_tokens": 50, "output_tokens_details": {"audio_tokens": 20}},
            (100, None, None, None, 40, 50, None, 20),
        ),
    ]
    cases = {str(usage): (usage, counts) for usage, counts in told}
    totals = {case: usage | {"total": (counts[0] or 0) + (counts[5] or 0)} for case, (usage, counts) in cases.items()}
    usages = {case: usage for case, (usage, _) in cases.items()}

    without, with_total = (calls(some, "gpt-4o-audio-preview") for some in (usages, totals))

    for made in (without, with_total):
        assert {case: tuple(call[name] for name in COUNTS) for case, call in made.items()} == {
            case: counts for case, (_, counts) in cases.items()
        }
        assert [case for case, call in made.items() if "total_disagrees" in call["usage_semantics"]] == []


def test_anthropics_input_lacks_what_was_written_to_a_cache_though_nothing_was_read():
    written = {"cache_creation_input_tokens": 100, "cache_creation": {"ephemeral_1h_input_tokens": 40}}
    read: list[dict[str, Any]] = [{}, {"cache_read_input_tokens": None}, {"cache_read_input_tokens": 0}]

    made = calls(
        {str(one): {"input_tokens": 176, "output_tokens": 345, **written, **one} for one in read}, "claude-sonnet-4-5"
    )

    names = ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "usage_semantics")
    assert {case: tuple(call[name] for name in names) for case, call in made.items()} == {
        str(one): (276, 100, 40, "exclusive") for one in read
    }


def test_a_providers_own_usage_is_read_as_that_provider_counts():
    told: list[tuple[dict[str, int], str, tuple[int | None, ...]]] = [
        (
            {"inputTokens": 176, "outputTokens": 345, "totalTokens": 1645}
            | {"cacheReadInputTokens": 1024, "cacheWriteInputTokens": 100},
            "us.amazon.nova-pro-v1:0",
            (1300, 1024, 100, 345, None),
        ),
        (
            {"inputTokens": 176, "outputTokens": 345, "cacheWriteInputTokens": 100},
            "us.amazon.nova-pro-v1:0",
            (276, None, 100, 345, None),
        ),
        (
            {"inputTokens": 1200, "outputTokens": 345, "totalTokens": 1545}
            | {"cachedInputTokens": 924, "reasoningTokens": 128},
            "gpt-4o",
            (1200, 924, None, 345, 128),
        ),
        (
            {"prompt_token_count": 1200, "candidates_token_count": 217, "total_token_count": 1545}
            | {"thoughts_token_count": 128, "cached_content_token_count": 924},
            "gemini-2.5-flash",
            (1200, 924, None, 345, 128),
        ),
        (
            {"promptTokenCount": 1200, "candidatesTokenCount": 217, "thoughtsTokenCount": 128}
            | {"cachedContentTokenCount": 924},
            "gemini-2.5-flash",
            (1200, 924, None, 345, 128),
        ),
        (
            {"prompt_token_count": 1200, "candidates_token_count": 217, "total_token_count": 1545},
            "gemini-2.5-flash",
            (1200, None, None, 345, None),
        ),
        ({"promptTokens": 7, "completionTokens": 9, "totalTokens": 16}, "gpt-4o", (7, None, None, 9, None)),
        ({"inputTokenCount": 7, "outputTokenCount": 9}, "us.amazon.nova-pro-v1:0", (7, None, None, 9, None)),
    ]

    made = calls_of({str(usage): generation(usage, model) for usage, model, _ in told})

    kinds = ("input", "cached_input", "cache_write", "output", "reasoning")
    assert {case: tuple(call[f"{kind}_tokens"] for kind in kinds) for case, call in made.items()} == {
        str(usage): counts for usage, _, counts in told
    }
    assert [case for case, call in made.items() if call["price_status"] == "usage_missing"] == []
    assert [case for case, call in made.items() if "total_disagrees" in call["usage_semantics"]] == []


WRITES = {"input_cache_creation": 0, "input_ephemeral_5m_input_tokens": 300, "input_ephemeral_1h_input_tokens": 100}
VERTEX = {"input": 0, "output": 0, "cached_content_token_count": 400, "thoughts_token_count": 130}
PIECES = VERTEX | {"output_modality_TEXT": 80, "cached_modality_TEXT": 350, "cached_modality_AUDIO": 50}


def test_what_langchains_handler_took_out_of_the_sums_is_put_back():
    told: list[tuple[dict[str, int], tuple[int | None, ...], str]] = [
        (  # LangChain's Anthropic: writes by how long they are kept, the sum as 0
            {"input": 100, "input_cache_read": 500, **WRITES, "output": 50, "output_reasoning": 30, "total": 1080},
            (1000, 500, 400, 100, None, 80, 30, None),
            "exclusive",
        ),
        (  # LangChain's Bedrock: only the times that occur
            {"input": 400, "input_cache_read": 500, "input_cache_creation": 0, "output": 80, "total": 1080}
            | {"input_ephemeral_1h_input_tokens": 100},
            (1000, 500, 100, 100, None, 80, None, None),
            "exclusive",
        ),
        (  # Anthropic's own usage, flattened by Langfuse 5
            {"input": 100, "cache_read_input_tokens": 500, "output": 80, "cache_creation_input_tokens": 400}
            | {"cache_creation_ephemeral_5m_input_tokens": 300, "cache_creation_ephemeral_1h_input_tokens": 100},
            (1000, 500, 400, 100, None, 80, None, None),
            "exclusive",
        ),
        (  # LangChain 0.3: the sum of writes beside its parts, all of them taken out
            {"input": 500, "input_cache_read": 100, "input_cache_creation": 200, "output": 80, "total": 1080}
            | {"input_ephemeral_5m_input_tokens": 200},
            (1000, 100, 200, None, None, 80, None, None),
            "exclusive+taken_out_twice",
        ),
        (  # likewise, cut off at 0
            {"input": 0, "input_cache_read": 500, **WRITES, "input_cache_creation": 400, "output": 80, "total": 1080},
            (1000, 500, 400, 100, None, 80, None, None),
            "exclusive+taken_out_twice",
        ),
        (  # Vertex by modality, as Langfuse 3.0 to 3.10 wrote it
            PIECES | {"input_modality_TEXT": 900, "input_modality_AUDIO": 100, "total_token_count": 1210},
            (1000, 400, None, None, 100, 210, 130, None),
            "inclusive",
        ),
        (  # and since: what was cached is taken out of the modalities too
            PIECES | {"input_modality_TEXT": 550, "input_modality_AUDIO": 50, "total": 1210},
            (1000, 400, None, None, 100, 210, 130, None),
            "exclusive",
        ),
        (  # the enum's number for its name; tools in the bill and not in the prompt
            VERTEX
            | {"input_modality_1": 600, "cached_modality_1": 400, "output_modality_1": 80, "total": 1260}
            | {"tool_use_prompt_token_count": 50},
            (1050, 400, None, None, None, 210, 130, None),
            "exclusive",
        ),
        (  # no modalities: nothing was taken out
            VERTEX | {"input": 1000, "output": 80, "total": 1210},
            (1000, 400, None, None, None, 210, 130, None),
            "inclusive",
        ),
        (  # Vertex streams: thoughts taken out of candidates, which never had them
            {"input": 600, "input_cache_read": 400, "output": 50, "output_reasoning": 30, "total": 1110},
            (1000, 400, None, None, None, 110, 30, None),
            "exclusive+taken_out_twice",
        ),
        (  # OpenAI's service tiers: taken out by Langfuse of old
            {"input": 0, "input_priority_cache_read": 400, "input_priority": 600, "total": 1210}
            | {"output": 0, "output_priority_reasoning": 130, "output_priority": 80},
            (1000, 400, None, None, None, 210, 130, None),
            "exclusive",
        ),
        (  # and left in by the newest
            {"input": 1000, "input_priority_cache_read": 400, "input_priority": 600, "total": 1210}
            | {"output": 210, "output_priority_reasoning": 130, "output_priority": 80},
            (1000, 400, None, None, None, 210, 130, None),
            "inclusive",
        ),
        (  # Bedrock's metrics of an invocation, through the handler and as they came
            {"input": 100, "output": 80, "cacheReadInputTokenCount": 500, "cacheWriteInputTokenCount": 400},
            (1000, 500, 400, None, None, 80, None, None),
            "exclusive",
        ),
        (
            {"inputTokenCount": 100, "outputTokenCount": 80, "cacheWriteInputTokenCount": 400},
            (500, None, 400, None, None, 80, None, None),
            "exclusive",
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 80, "total_tokens": 180}
            | {"cache_read_input_tokens": 500, "cache_write_input_tokens": 400},
            (1000, 500, 400, None, None, 80, None, None),
            "exclusive",
        ),
    ]

    made = calls({str(usage): usage for usage, *_ in told})

    assert {case: (tuple(call[name] for name in COUNTS), call["usage_semantics"]) for case, call in made.items()} == {
        str(usage): (counts, semantics) for usage, counts, semantics in told
    }


def test_a_side_that_is_not_told_is_the_rest_of_the_total_where_nothing_speaks_against_it():
    told: list[tuple[dict[str, Any], tuple[int | None, ...], str | None]] = [
        ({"input": 60, "total": 150}, (60, 90), "exclusive+rest_of_total"),
        ({"output": 60, "total": 150}, (90, 60), "inclusive+rest_of_total"),
        (
            {"prompt_tokens": 60, "prompt_tokens_details": {"cached_tokens": 40}, "total": 150},
            (60, 90),
            "inclusive+rest_of_total",
        ),
        ({"input": 60, "input_cached_tokens": 40, "total": 150}, (100, None), "exclusive+output_missing"),
        ({"input": 60, "output_reasoning": 100, "total": 150}, (60, None), "refused+part_without_sum"),
        ({"input": 60, "total": 60}, (60, None), "exclusive+output_missing"),
        ({"input": 60, "total": 50}, (60, None), "exclusive+output_missing"),
        ({"total": 150}, (None, None), None),
    ]

    made = calls({str(usage): usage for usage, *_ in told})

    assert {
        case: ((call["input_tokens"], call["output_tokens"]), call["usage_semantics"]) for case, call in made.items()
    } == {str(usage): (sides, semantics) for usage, sides, semantics in told}


def test_a_total_that_nothing_comes_to_is_named_and_the_sides_are_billed():
    told: list[tuple[dict[str, int], bool]] = [
        ({"input": 60, "output": 30, "total": 150}, True),
        ({"prompt_tokens": 60, "completion_tokens": 30, "total_tokens": 50}, True),
        ({"input": 60, "output": 30, "total": 90}, False),
        ({"input": 60, "input_cached_tokens": 40, "output": 30, "total": 130}, False),
        ({"input": 60, "input_cached_tokens": 40, "output": 30, "total": 90}, False),
    ]

    made = calls({str(usage): usage for usage, _ in told})

    assert {
        case: ("total_disagrees" in call["usage_semantics"].split("+"), call["price_status"], call["output_tokens"])
        for case, call in made.items()
    } == {
        str(usage): (flagged, "priced", usage.get("output", usage.get("completion_tokens"))) for usage, flagged in told
    }


def test_pieces_of_a_sum_that_is_not_told_leave_the_call_without_a_cost():
    told = [
        {"input": 60, "output_modality_TEXT": 30},
        {"output": 30, "input_modality_TEXT": 60},
        {"output": 30, "tool_use_prompt_token_count": 60},
    ]

    made = calls({str(usage): usage for usage in told}, "gemini-2.5-flash")

    assert {case: (call["usage_semantics"], call["price_status"]) for case, call in made.items()} == {
        str(usage): ("refused+part_without_sum", "usage_missing") for usage in told
    }


def test_explained_sums_of_whatever_langfuse_says_are_true():
    seeded = random.Random(11)
    usages = [
        {
            path: seeded.choice([0, most, seeded.randint(0, most)])
            for path, most in PATHS.items()
            if seeded.random() < 0.4
        }
        for _ in range(400)
    ]
    sent = [generation(usage, span_id=bytes([n // 200 + 1, n % 200 + 1] * 4)) for n, usage in enumerate(usages)]

    shown = [
        one.get("tokens", {}).get(side) for one in told(*sent, scope="langfuse-sdk") for side in ("input", "output")
    ]

    sums = [(one["tokens"], sum(term["tokens"] for term in one["terms"])) for one in shown if one and "terms" in one]
    assert len(sums) > 300
    assert [pair for pair in sums if pair[0] != pair[1]] == []
