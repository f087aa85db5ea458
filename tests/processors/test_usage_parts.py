"""Token counts of every row: parts fit into their sums, or the row is refused by name; unknown is NULL, never 0."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.codes import spell
from processors.engine import Engine, process_range
from processors.messages import Processed
from processors.normalise.assemble import as_words
from processors.normalise.parts import refuse_contradictions
from processors.settings import WorkerSettings
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


def processed(*told: dict[str, Any], scope: str = "", status: int = 0, operation: str = "chat") -> Processed:
    """What spans come to, each the child of the one before, with these counts."""
    spans = [
        span(
            {**CHAT, "gen_ai.operation.name": operation, **{KEYS[name]: count for name, count in counts.items()}},
            span_id=bytes([n + 1] * 8),
            parent_span_id=bytes([n] * 8) if n else b"",
            status=status,
        )
        for n, counts in enumerate(told)
    ]
    return process_range([message(request(*spans, scope=scope))], ENGINE)


def row(*told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The billed row."""
    rows = processed(*told, **more).tables["spans"].to_pylist()
    return next(one for one in rows if one["billable"])


@pytest.mark.parametrize(
    ("counts", "semantics"),
    [
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
    ],
)
def test_what_cannot_be_is_refused_by_name_and_has_neither_counts_nor_cost(counts: dict[str, int], semantics: str):
    call = row({"input_tokens": 100, "output_tokens": 50, **counts})

    assert [call[name] for name in (*TOKEN_KINDS, "units")] == [None] * (len(TOKEN_KINDS) + 1)
    assert (call["usage_semantics"], call["cost_usd"], call["price_status"]) == (semantics, None, "usage_missing")


@pytest.mark.parametrize(
    ("counts", "sums", "semantics"),
    [
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
    ],
)
def test_what_is_known_to_be_left_out_is_added_under_the_name_of_its_rule(
    counts: dict[str, int], sums: tuple[int, int], semantics: str
):
    call = row({"input_tokens": 100, "output_tokens": 50, **counts})

    assert ((call["input_tokens"], call["output_tokens"]), call["usage_semantics"]) == (sums, semantics)
    assert call["price_status"] == "priced"


@pytest.mark.parametrize(
    "counts",
    [
        {"cached_input_tokens": 5, "output_tokens": 50},
        {"reasoning_tokens": 5, "input_tokens": 100},
        {"cache_write_1h_tokens": 5, "input_tokens": 100},
    ],
)
def test_a_part_whose_sum_nobody_knows_is_told_and_has_no_cost(counts: dict[str, int]):
    call = row(counts)

    assert (call["usage_semantics"], call["cost_usd"]) == ("refused+part_without_sum", None)
    assert {name: call[name] for name in counts} == counts


@pytest.mark.parametrize(("told", "missing"), [("input", "output"), ("output", "input")])
def test_a_side_that_nobody_tells_is_unknown_named_and_counted_and_the_other_is_billed(told: str, missing: str):
    result = processed({f"{told}_tokens": 100})
    (call,) = result.tables["spans"].to_pylist()
    (usage,) = result.tables["usage"].to_pylist()

    assert (call[f"{told}_tokens"], call[f"{missing}_tokens"]) == (100, None)
    assert call["usage_semantics"] == f"inclusive+{missing}_missing"
    assert result.repaired == {f"{missing}_missing": 1}
    assert (call["cost_usd"], usage[f"{missing}_cost_usd"]) == (usage[f"{told}_cost_usd"], 0)


@pytest.mark.parametrize(
    ("part", "sums"),
    [
        ("image_output_tokens", {"input_tokens": 100}),
        ("audio_output_tokens", {"input_tokens": 100}),
        ("image_input_tokens", {"output_tokens": 50}),
        ("image_cached_input_tokens", {"input_tokens": 100, "output_tokens": 50, "image_input_tokens": 9}),
        ("audio_cached_input_tokens", {"input_tokens": 100, "output_tokens": 50, "audio_input_tokens": 9}),
    ],
)
@pytest.mark.parametrize("operation", ["chat", "image", "speech", "transcription"])
def test_a_part_of_any_kind_without_its_sum_has_no_cost_rather_than_that_of_the_other_side(
    part: str, sums: dict[str, int], operation: str
):
    call = row({**sums, part: 7}, operation=operation)

    assert (call["usage_semantics"], call["price_status"]) == ("refused+part_without_sum", "usage_missing")
    assert (dict(call["units"] or ()) | call)[part] == 7
    assert call["cost_usd"] is None


def test_images_of_a_sum_that_another_span_tells_are_priced_if_they_fit_into_it_and_refused_if_not():
    fits, exceeds = (
        row({"output_tokens": count}, {"input_tokens": 100, "image_output_tokens": 7}) for count in (50, 6)
    )

    assert (fits["usage_semantics"], fits["price_status"]) == ("inclusive", "priced")
    assert (exceeds["usage_semantics"], exceeds["price_status"]) == ("refused+parts_disagree", "usage_missing")


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": 100, "image_output_tokens": 7},
        {"input_tokens": 100, "reasoning_tokens": 7},
        {"input_tokens": 100},
        {"output_tokens": 50},
        {"cache_write_5m_tokens": 7},
        {"cached_input_tokens": 7, "output_tokens": 50},
    ],
)
def test_rows_that_are_judged_again_are_called_the_same_and_freed_by_what_was_missing(counts: dict[str, int]):
    rows = processed(counts).tables["spans"]

    again = refuse_contradictions(rows)
    whole = rows.to_pylist()[0] | {"input_tokens": 100, "output_tokens": 50}
    settled = refuse_contradictions(pa.Table.from_pylist([whole], schema=rows.schema)).to_pylist()[0]

    assert again.equals(rows)
    assert settled["usage_semantics"] == "inclusive"


@pytest.mark.parametrize("operation", ["image", "speech", "transcription"])
@pytest.mark.parametrize(("told", "missing"), [("input", "output"), ("output", "input")])
def test_an_answer_that_is_no_text_lacks_a_side_by_name_too(operation: str, told: str, missing: str):
    call = row({f"{told}_tokens": 100}, operation=operation)

    assert call["usage_semantics"] == f"inclusive+{missing}_missing"


@pytest.mark.parametrize("operation", ["embeddings", "rerank"])
@pytest.mark.parametrize(("total", "semantics"), [(100, "inclusive"), (184, "inclusive+total_disagrees")])
def test_the_total_of_a_call_without_an_answer_is_its_input(operation: str, total: int, semantics: str):
    call = row({"input_tokens": 100, "total_tokens": total}, operation=operation)

    assert (call["input_tokens"], call["usage_semantics"]) == (100, semantics)


@pytest.mark.parametrize("operation", ["embeddings", "rerank"])
def test_a_call_that_has_no_output_lacks_none(operation: str):
    call = processed({"input_tokens": 100}, operation=operation).tables["spans"].to_pylist()[0]

    assert call["usage_semantics"] == "inclusive"


def test_a_side_that_another_span_of_the_call_tells_is_not_missing():
    call = row({"input_tokens": 100}, {"output_tokens": 50})

    assert (call["input_tokens"], call["output_tokens"], call["usage_semantics"]) == (100, 50, "inclusive")


def test_a_failed_call_that_measured_nothing_says_so():
    call = row({"input_tokens": 0, "output_tokens": 0}, status=2)

    assert (call["input_tokens"], call["usage_semantics"]) == (None, "refused+no_usage_on_error")


def test_a_call_of_which_only_an_impossible_part_is_told_is_refused_too():
    assert row({"total_tokens": -1})["usage_semantics"] == "refused+impossible_part"


def test_counts_that_one_span_refuses_are_taken_from_another_that_tells_of_the_same_call():
    call = row({"input_tokens": 100, "output_tokens": 50}, {"input_tokens": -1})

    assert (call["input_tokens"], call["output_tokens"], call["usage_semantics"]) == (100, 50, "inclusive")


def test_a_refusal_stands_where_no_other_span_knows_better():
    call = row({"output_tokens": -1}, {"input_tokens": -1})

    assert (call["input_tokens"], call["usage_semantics"]) == (None, "refused+impossible_count")


def test_parts_of_two_spans_that_do_not_fit_into_the_sum_together_are_refused():
    call = row({"input_tokens": 100, "cache_write_tokens": 50}, {"input_tokens": 100, "cached_input_tokens": 80})

    assert [call[name] for name in TOKEN_KINDS] == [None] * len(TOKEN_KINDS)
    assert (call["usage_semantics"], call["cost_usd"]) == ("refused+parts_disagree", None)


def test_every_rule_counts_the_rows_that_it_touched():
    cached = {"input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 2, "audio_output_tokens": -1}
    told = processed({"input_tokens": -1}, cached)

    assert told.repaired == {"cache_outside_input": 1, "impossible_count": 1, "impossible_part": 1}


counts_on_the_wire = st.dictionaries(
    st.sampled_from(sorted(KEYS)),
    st.integers(0, 30) | st.sampled_from([-1, 0, 10**10, "7", "x", 2.5, 2.0, ""]),
    max_size=len(KEYS),
)
scopes = st.sampled_from(["", "litellm", "openinference.instrumentation.bedrock", "pydantic-ai"])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(told=st.lists(counts_on_the_wire, min_size=1, max_size=3), scope=scopes, status=st.sampled_from([0, 2]))
def test_whatever_the_wire_says_rows_are_possible_or_refused_and_unknown_is_never_zero(
    told: list[dict[str, Any]], scope: str, status: int
):
    made = processed(*told, scope=scope, status=status)

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
        assert not refused or (one["cost_usd"], one["price_status"]) in ((None, None), (None, "usage_missing"))
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

    assert quick == [refuse_contradictions(table) for table in tables]
    assert 0 < sum(one is table for one, table in zip(quick, tables, strict=True)) < len(tables)


def test_texts_come_back_as_they_were_given():
    odd = {"input_tokens": 1, "cached_input_tokens": 2, "usage_semantics": "inclusive", "operation": "chat"}
    table = pa.Table.from_pylist([odd | {"billable": True}], schema=JUDGED)
    encoded = as_words(JUDGED)

    made = refuse_contradictions(table.cast(encoded))

    assert made.schema == encoded
    assert spell(made) == refuse_contradictions(table)
    assert made["usage_semantics"].to_pylist() == ["refused+parts_disagree"]
