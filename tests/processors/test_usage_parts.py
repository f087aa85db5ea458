"""Token counts of every row: parts fit into their sums, or the row is refused by name; unknown is NULL, never 0."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.codes import spell
from processors.engine import Engine
from processors.messages import Processed
from processors.normalise.assemble import as_words
from processors.normalise.parts import refuse_contradictions
from processors.settings import WorkerSettings
from tests.processors.flushes import AS_FOUND, bill_of, processed_of
from tests.processors.otlp import message, request, span
from warehouse.schemas import SPANS, TOKEN_KINDS

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
KEYS = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_1h_tokens": "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "cache_write_5m_tokens": "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "audio_input_tokens": "gen_ai.usage.audio.input_tokens",
    "audio_output_tokens": "gen_ai.usage.audio.output_tokens",
    "image_input_tokens": "gen_ai.usage.image.input_tokens",
    "image_output_tokens": "gen_ai.usage.image.output_tokens",
    "image_cached_input_tokens": "gen_ai.usage.image.cache_read.input_tokens",
    "audio_cached_input_tokens": "gen_ai.usage.audio.cache_read.input_tokens",
    "total_tokens": "gen_ai.usage.total_tokens",
}


def sent(*told: dict[str, Any], scope: str = "", status: int = 0, operation: str = "chat") -> ExportTraceServiceRequest:
    """Spans with these counts, each the child of the one before."""
    spans = [
        span(
            {**CHAT, "gen_ai.operation.name": operation, **{KEYS[name]: count for name, count in counts.items()}},
            span_id=bytes([n + 1] * 8),
            parent_span_id=bytes([n] * 8) if n else b"",
            status=status,
        )
        for n, counts in enumerate(told)
    ]
    return request(*spans, scope=scope)


def processed(cases: Mapping[Any, ExportTraceServiceRequest]) -> dict[Any, Processed]:
    """What each case comes to."""
    return processed_of({case: [message(one)] for case, one in cases.items()}, ENGINE)


def calls(cases: Mapping[Any, ExportTraceServiceRequest]) -> dict[Any, dict[str, Any]]:
    """The billed row of each case."""
    return bill_of(cases, ENGINE)


def all_of(call: dict[str, Any]) -> dict[str, Any]:
    """Columns, and units as if each were one."""
    return dict(call["units"] or ()) | call


def known(call: dict[str, Any], names: Iterable[str] = TOKEN_KINDS) -> dict[str, Any]:
    """What of these is known."""
    return {name: call[name] for name in names if call[name] is not None}


def test_what_cannot_be_is_refused_by_name_and_has_neither_counts_nor_cost():
    expected: list[tuple[dict[str, Any], str]] = [
        ({"cache_write_tokens": 10, "cache_write_1h_tokens": 11}, "refused+one_hour_beyond_write"),
        ({"cache_write_5m_tokens": 6}, "refused+part_without_sum"),
        ({"audio_input_tokens": 101}, "refused+audio_beyond_input"),
        ({"audio_output_tokens": 51}, "refused+audio_beyond_output"),
        ({"input_tokens": -1}, "refused+impossible_count"),
        ({"output_tokens": 2.5, "input_tokens": None, "audio_input_tokens": -1}, "refused+impossible_count"),
        ({"audio_input_tokens": 101, "audio_output_tokens": 51}, "refused+audio_beyond_input+audio_beyond_output"),
        ({"image_input_tokens": 101}, "refused+image_beyond_input"),
        ({"image_output_tokens": "51"}, "refused+image_beyond_output"),
        ({"audio_input_tokens": 60, "image_input_tokens": 41}, "refused+modalities_beyond_input"),
        ({"audio_output_tokens": 1, "image_output_tokens": 50}, "refused+modalities_beyond_output"),
        ({"audio_input_tokens": 101, "image_input_tokens": 1}, "refused+audio_beyond_input"),
        (
            {"audio_input_tokens": 10, "audio_cached_input_tokens": 30, "cached_input_tokens": 40},
            "refused+audio_cached_beyond_audio",
        ),
        ({"image_input_tokens": 10, "image_cached_input_tokens": 11}, "refused+image_cached_beyond_image"),
        (
            {"audio_input_tokens": 30, "audio_cached_input_tokens": 21, "cached_input_tokens": 20},
            "refused+modalities_beyond_cached",
        ),
        (
            {"image_cached_input_tokens": 15, "audio_cached_input_tokens": 6, "cached_input_tokens": 20},
            "refused+modalities_beyond_cached",
        ),
        ({"image_input_tokens": 3, "input_tokens": -1}, "refused+impossible_count"),
    ]

    made = calls({str(counts): sent({"input_tokens": 100, "output_tokens": 50, **counts}) for counts, _ in expected})

    assert {
        case: (call["usage_semantics"], call["price_status"], known(call, (*TOKEN_KINDS, "units", "cost_usd")))
        for case, call in made.items()
    } == {str(counts): (semantics, "usage_missing", {}) for counts, semantics in expected}


def test_what_is_known_to_be_left_out_is_added_under_the_name_of_its_rule():
    expected: list[tuple[dict[str, Any], tuple[int, int], str]] = [
        ({"cached_input_tokens": 101}, (201, 50), "inclusive+cache_outside_input"),
        ({"cached_input_tokens": 60, "cache_write_tokens": 41}, (201, 50), "inclusive+cache_outside_input"),
        ({"reasoning_tokens": 51}, (100, 101), "inclusive+reasoning_outside_output"),
        ({"cached_input_tokens": -1}, (100, 50), "inclusive+impossible_part"),
        ({"cache_write_tokens": 10, "cache_write_5m_tokens": 11}, (100, 50), "inclusive+lifetimes_beyond_write"),
        (
            {"cache_write_tokens": 10, "cache_write_5m_tokens": 6, "cache_write_1h_tokens": 5},
            (100, 50),
            "inclusive+lifetimes_beyond_write",
        ),
        ({"image_input_tokens": -4}, (100, 50), "inclusive+impossible_part"),
        ({"image_output_tokens": 2.5}, (100, 50), "inclusive+impossible_part"),
        ({"image_cached_input_tokens": "-1"}, (100, 50), "inclusive+impossible_part"),
        ({"audio_cached_input_tokens": -1, "audio_input_tokens": 5}, (100, 50), "inclusive+impossible_part"),
        ({"audio_input_tokens": 60, "image_input_tokens": 40}, (100, 50), "inclusive"),
        ({"audio_output_tokens": 1, "image_output_tokens": 49}, (100, 50), "inclusive"),
        (
            {"image_input_tokens": 20, "image_cached_input_tokens": 20, "cached_input_tokens": 20},
            (100, 50),
            "inclusive",
        ),
        (
            {"cached_input_tokens": 101, "reasoning_tokens": 51},
            (201, 101),
            "inclusive+cache_outside_input+reasoning_outside_output",
        ),
        ({"cached_input_tokens": 60, "cache_write_tokens": 40, "cache_write_1h_tokens": 40}, (100, 50), "inclusive"),
    ]

    made = calls({str(counts): sent({"input_tokens": 100, "output_tokens": 50, **counts}) for counts, *_ in expected})

    assert {
        case: ((call["input_tokens"], call["output_tokens"]), call["usage_semantics"], call["price_status"])
        for case, call in made.items()
    } == {str(counts): (sums, semantics, "priced") for counts, sums, semantics in expected}


def test_a_part_whose_sum_nobody_knows_is_told_and_has_no_cost():
    told = [
        {"cached_input_tokens": 5, "output_tokens": 50},
        {"reasoning_tokens": 5, "input_tokens": 100},
        {"cache_write_1h_tokens": 5, "input_tokens": 100},
    ]

    made = calls({str(counts): sent(counts) for counts in told})

    assert {
        str(counts): (made[str(counts)]["usage_semantics"], known(made[str(counts)], (*counts, "cost_usd")))
        for counts in told
    } == {str(counts): ("refused+part_without_sum", counts) for counts in told}


def test_a_side_that_nobody_tells_is_unknown_named_and_counted_and_the_other_is_billed():
    sides = {"input": "output", "output": "input"}

    made = processed({told: sent({f"{told}_tokens": 100}) for told in sides})

    for told, missing in sides.items():
        (call,) = made[told].tables["spans"].to_pylist()
        (usage,) = made[told].tables["usage"].to_pylist()
        assert (call[f"{told}_tokens"], call[f"{missing}_tokens"]) == (100, None)
        assert call["usage_semantics"] == f"inclusive+{missing}_missing"
        assert made[told].repaired == {f"{missing}_missing": 1}
        assert (call["cost_usd"], usage[f"{missing}_cost_usd"]) == (usage[f"{told}_cost_usd"], 0)


def test_a_part_of_any_kind_without_its_sum_has_no_cost_rather_than_that_of_the_other_side():
    parts = [
        ("image_output_tokens", {"input_tokens": 100}),
        ("audio_output_tokens", {"input_tokens": 100}),
        ("image_input_tokens", {"output_tokens": 50}),
        ("image_cached_input_tokens", {"input_tokens": 100, "output_tokens": 50, "image_input_tokens": 9}),
        ("audio_cached_input_tokens", {"input_tokens": 100, "output_tokens": 50, "audio_input_tokens": 9}),
    ]
    cases = {
        (part, operation): sent({**sums, part: 7}, operation=operation)
        for part, sums in parts
        for operation in ("chat", "image", "speech", "transcription")
    }

    made = calls(cases)

    assert {
        (part, operation): (call["usage_semantics"], call["price_status"], call["cost_usd"], all_of(call)[part])
        for (part, operation), call in made.items()
    } == dict.fromkeys(cases, ("refused+part_without_sum", "usage_missing", None, 7))


def test_images_of_a_sum_that_another_span_tells_are_priced_if_they_fit_into_it_and_refused_if_not():
    images = {"input_tokens": 100, "image_output_tokens": 7}

    made = calls({count: sent({"output_tokens": count}, images) for count in (50, 6)})

    assert {count: (call["usage_semantics"], call["price_status"]) for count, call in made.items()} == {
        50: ("inclusive", "priced"),
        6: ("refused+parts_disagree", "usage_missing"),
    }


def test_rows_that_are_judged_again_are_called_the_same_and_freed_by_what_was_missing():
    told = [
        {"input_tokens": 100, "image_output_tokens": 7},
        {"input_tokens": 100, "reasoning_tokens": 7},
        {"input_tokens": 100},
        {"output_tokens": 50},
        {"cache_write_5m_tokens": 7},
        {"cached_input_tokens": 7, "output_tokens": 50},
    ]
    made = processed({str(counts): sent(counts) for counts in told})

    for case, one in made.items():
        rows = one.tables["spans"]
        again = refuse_contradictions(rows)
        whole = rows.to_pylist()[0] | {"input_tokens": 100, "output_tokens": 50}
        settled = refuse_contradictions(pa.Table.from_pylist([whole], schema=rows.schema)).to_pylist()[0]
        assert spell(again).equals(spell(rows)), case
        assert settled["usage_semantics"] == "inclusive", case


def test_an_answer_that_is_no_text_lacks_a_side_by_name_too():
    cases = {
        (operation, told): missing
        for operation in ("image", "speech", "transcription")
        for told, missing in (("input", "output"), ("output", "input"))
    }

    made = calls({(operation, told): sent({f"{told}_tokens": 100}, operation=operation) for operation, told in cases})

    assert {case: call["usage_semantics"] for case, call in made.items()} == {
        case: f"inclusive+{missing}_missing" for case, missing in cases.items()
    }


def test_the_total_of_a_call_without_an_answer_is_its_input():
    expected = {
        (operation, total): (100, semantics)
        for operation in ("embeddings", "rerank")
        for total, semantics in ((100, "inclusive"), (184, "inclusive+total_disagrees"))
    }

    made = calls(
        {
            (operation, total): sent({"input_tokens": 100, "total_tokens": total}, operation=operation)
            for operation, total in expected
        }
    )

    assert {case: (call["input_tokens"], call["usage_semantics"]) for case, call in made.items()} == expected


def test_a_call_that_has_no_output_lacks_none():
    expected = {"embeddings": "inclusive", "rerank": "inclusive"}

    made = calls({operation: sent({"input_tokens": 100}, operation=operation) for operation in expected})

    assert {operation: call["usage_semantics"] for operation, call in made.items()} == expected


def test_what_one_span_of_a_call_lacks_or_refuses_stands_where_another_span_tells_it_and_all_fits_together():
    whole = {"input_tokens": 100, "output_tokens": 50}
    written, cached = {"cache_write_tokens": 50}, {"cached_input_tokens": 80}
    cases = {
        "the other span tells the other side": sent({"input_tokens": 100}, {"output_tokens": 50}),
        "the other span refuses its count": sent(whole, {"input_tokens": -1}),
        "both refuse theirs": sent({"output_tokens": -1}, {"input_tokens": -1}),
        "parts of both exceed the sum": sent({"input_tokens": 100, **written}, {"input_tokens": 100, **cached}),
        "it failed and measured nothing": sent({"input_tokens": 0, "output_tokens": 0}, status=2),
        "an impossible part is all that is told": sent({"total_tokens": -1}),
    }

    made = calls(cases)

    assert {case: (call["usage_semantics"], known(call), call["cost_usd"] is None) for case, call in made.items()} == {
        "the other span tells the other side": ("inclusive", whole, False),
        "the other span refuses its count": ("inclusive", whole, False),
        "both refuse theirs": ("refused+impossible_count", {}, True),
        "parts of both exceed the sum": ("refused+parts_disagree", {}, True),
        "it failed and measured nothing": ("refused+no_usage_on_error", {}, True),
        "an impossible part is all that is told": ("refused+impossible_part", {}, True),
    }


def test_every_rule_counts_the_rows_that_it_touched():
    cached = {"input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 2, "audio_output_tokens": -1}
    made = processed({"it": sent({"input_tokens": -1}, cached)})["it"]

    assert made.repaired == {"cache_outside_input": 1, "impossible_count": 1, "impossible_part": 1}


counts_on_the_wire = st.dictionaries(
    st.sampled_from(sorted(KEYS)),
    st.integers(0, 30) | st.sampled_from([-1, 0, 10**10, "7", "x", 2.5, 2.0, ""]),
    max_size=len(KEYS),
)
scopes = st.sampled_from(["", "litellm", "openinference.instrumentation.bedrock", "pydantic-ai"])


said_of_calls = st.tuples(st.lists(counts_on_the_wire, min_size=1, max_size=3), scopes, st.sampled_from([0, 2]))


@settings(max_examples=3, deadline=None, phases=AS_FOUND, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(said_of_calls, min_size=6, max_size=6))
def test_whatever_the_wire_says_rows_are_possible_or_refused_and_unknown_is_never_zero(
    said: list[tuple[list[dict[str, Any]], str, int]],
):
    made = processed({n: sent(*told, scope=scope, status=status) for n, (told, scope, status) in enumerate(said)})

    for n, (told, _, _) in enumerate(said):
        note(f"a call of {told}")
        assert_possible(told, made[n])


def assert_possible(told: list[dict[str, Any]], made: Processed) -> None:
    rows = made.tables["spans"].to_pylist()
    flags = Counter(word for one in rows for word in (one["usage_semantics"] or "").split("+")[1:])
    assert dict(flags) == dict(made.repaired)
    for one in rows:
        refused = (one["usage_semantics"] or "").startswith("refused")
        assert fits(one, "input_tokens", "cached_input_tokens", "cache_write_tokens", orphans=refused)
        assert fits(one, "output_tokens", "reasoning_tokens", orphans=refused)
        assert fits(one, "cache_write_tokens", "cache_write_1h_tokens", orphans=refused)
        assert fits(one, "input_tokens", "audio_input_tokens", orphans=refused)
        assert fits(one, "output_tokens", "audio_output_tokens", orphans=refused)
        assert refused or all(possible(told, one) for told in one["units"] or ())
        assert all(one[name] is None or one[name] >= 0 for name in TOKEN_KINDS)
        assert not refused or one["cost_usd"] is None
        unpriced = {"unpriced_model"} if one["provider"] == "aws.bedrock" else set()  # where this model has no price
        assert not refused or one["price_status"] in {None, "usage_missing"} | unpriced
    for name in TOKEN_KINDS:
        if name == "cache_write_tokens" and any("cache_write_5m_tokens" in counts for counts in told):
            continue  # what is told by how long it is kept is told
        if not any(counts.get(name) not in (None, "", "x") or "total_tokens" in counts for counts in told):
            assert [one[name] for one in rows] == [None] * len(rows)


def possible(unit: tuple[str, float], one: dict[str, Any]) -> bool:
    """Whether a part that stands among the units fits into its side, where that is known."""
    name, amount = unit
    whole = one["output_tokens" if "output" in name else "input_tokens"]
    return 0 <= amount <= (amount if whole is None else whole)


def fits(one: dict[str, Any], whole: str, *parts: str, orphans: bool) -> bool:
    """Whether the parts fit into the whole; parts above zero of an unknown one only where the row is refused."""
    together = sum(one[part] or 0 for part in parts)
    return together <= one[whole] if one[whole] is not None else orphans or together == 0


JUDGED = pa.schema([SPANS.field(name) for name in (*TOKEN_KINDS, "usage_semantics", "operation", "billable", "units")])


def test_the_quick_look_for_contradictions_misses_none(monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(7)
    words = ["inclusive", "inclusive+usage_cut", "inclusive+output_missing", "refused+part_without_sum", None]
    counts = [dict.fromkeys(TOKEN_KINDS) | {"input_tokens": 20, "output_tokens": 10}]
    for name in TOKEN_KINDS:
        counts += [counts[0] | {name: count} for count in (None, 0, 9, 11, 21)]
    counts += [{name: rng.choice((None, None, 0, 5, 20)) for name in TOKEN_KINDS} for _ in range(300)]
    operations = ["chat", "embeddings", "image", "execute_tool", None]
    known = [{"operation": rng.choice(operations), "billable": rng.random() < 0.7} for _ in counts]
    each = [one | said | {"usage_semantics": rng.choice(words)} for one, said in zip(counts, known, strict=True)]
    tables = [pa.Table.from_pylist([one], schema=JUDGED) for one in each]

    quick = [refuse_contradictions(table) for table in tables]
    monkeypatch.setattr("processors.normalise.parts._may_contradict", lambda _: True)

    assert pa.concat_tables(quick).to_pylist() == refuse_contradictions(pa.concat_tables(tables)).to_pylist()
    assert 0 < sum(one is table for one, table in zip(quick, tables, strict=True)) < len(tables)


def test_texts_come_back_as_they_were_given():
    odd = {"input_tokens": 1, "cached_input_tokens": 2, "usage_semantics": "inclusive", "operation": "chat"}
    table = pa.Table.from_pylist([odd | {"billable": True}], schema=JUDGED)
    encoded = as_words(JUDGED)

    made = refuse_contradictions(table.cast(encoded))

    assert made.schema == encoded
    assert spell(made) == refuse_contradictions(table)
    assert made["usage_semantics"].to_pylist() == ["refused+parts_disagree"]
