"""A span that LiteLLM has overwritten with its last call lends nothing to another call, however flushes cut it."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from tests.warehouse.told import in_ledgers, span, table
from warehouse import once
from warehouse.schemas import SPANS

Rows = list[dict[str, Any]]

DEAR = {"response_model": "gpt-4o-2024-08-06", "input_tokens": 1000, "output_tokens": 100}
LIKE = {"response_model": "gpt-4o-2024-08-06", "input_tokens": 700, "output_tokens": 70}
CHEAP = {"response_model": "gpt-4o-mini-2024-07-18", "input_tokens": 2000, "output_tokens": 200}
IDS = ("chatcmpl-9f3a7c21bd84e6", "chatcmpl-77aa01fe42c9d8")


def asked(call: dict[str, Any]) -> dict[str, Any]:
    """What who asked knows too."""
    return call | {"request_model": call["response_model"].rsplit("-", 3)[0]}


def overwritten(*calls: dict[str, Any]) -> Rows:
    """The application's span; below it, of each call, LiteLLM's raw copy and OpenInference's span without an id."""
    last = asked(calls[-1]) | {"response_id": IDS[len(calls) - 1], "finish_reason": "stop"}
    rows = [span("root", ms=2000, scope_name="shop", provider="openai", **last)]
    for n, call in enumerate(calls):
        raw = {"_role": "repeat", "convention": "litellm_v2", "scope_name": "litellm", "response_id": IDS[n]}
        rows.append(span(f"raw{n}", "root", at=600 * n + 1, ms=500, provider="openai", **raw, **call))
        seen = {"convention": "openinference", "scope_name": "openinference.instrumentation.openai"}
        seen |= {"finish_reason": "stop" if n else "tool_calls"}
        rows.append(span(f"oi{n}", "root", at=600 * n + 2, ms=490, provider="openai", **seen, **asked(call)))
    return rows


AGAIN = DEAR | {"response_model": "gpt-4o-mini-2024-07-18"}
CALLS = {
    "another model": [DEAR, CHEAP],
    "the cheap one first": [CHEAP, DEAR],
    "the same model": [DEAR, LIKE],
    "the same counts": [DEAR, AGAIN],
    "the same model and counts": [DEAR, DEAR],
}


@pytest.mark.long
@pytest.mark.parametrize("case", CALLS)
def test_however_two_flushes_part_what_was_told_each_call_is_billed_once(case: str):
    rows = overwritten(*CALLS[case])
    cuts = list(product((0, 1), repeat=len(rows)))
    parts = [
        in_ledgers([row for row, here in zip(rows, cut, strict=True) if here == side] for cut in cuts)
        for side in (0, 1)
    ]
    found = calls(settled(parts), "ledger")

    want = sorted((call["response_model"], call["input_tokens"]) for call in CALLS[case])
    assert [[told[:2] for told in found[n]] for n in range(len(cuts))] == [want] * len(cuts)


MUTE: dict[str, Any] = {"_role": "repeat", "convention": "litellm_v1", "scope_name": "litellm"}
"""A raw copy of a stream: it has neither id nor counts; of Claude's (litellm 1.106.2) not even a model."""
CLAUDE = {"response_model": "claude-sonnet-4-5-20250929", "input_tokens": 1300, "output_tokens": 345}


def streams(*calls: dict[str, Any], last: int = -1) -> Rows:
    """The application's span, which outlives the answers; below it, of each stream, LiteLLM's raw copy."""
    told = asked(calls[last]) | {"response_id": IDS[0], "finish_reason": "stop", "stream": True}
    rows = [span("root", ms=2000, scope_name="shop", provider="openai", **told)]
    for n, call in enumerate(calls):
        model = asked(call)["request_model"]
        own = {} if model.startswith("claude") else {"response_model": model}
        rows.append(span(f"raw{n}", "root", at=300 * n, ms=200, **MUTE | own))
    return rows


STREAMS = {
    "one after the other": (streams(DEAR, CHEAP), "raw1", CHEAP),
    "the first ended last": (streams(DEAR, CHEAP, last=0), "raw0", DEAR),
    "the same model": (streams(DEAR, DEAR), "raw1", DEAR),
    "Claude's without a word": (streams(DEAR, CLAUDE), "raw1", CLAUDE),
    "Claude's before": (streams(CLAUDE, DEAR), "raw1", DEAR),
    "three": (streams(DEAR, CHEAP, DEAR), "raw2", DEAR),
    "behind one that was told whole": (
        [
            *streams(DEAR, CHEAP),
            span("whole", "root", at=100, ms=50, **MUTE | DEAR | {"response_id": IDS[1], "provider": "openai"}),
        ],
        "raw1",
        CHEAP,
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", STREAMS)
def test_of_streams_below_one_span_the_last_has_what_that_span_tells_however_flushes_part_them(case: str):
    rows, last, told = STREAMS[case]
    cuts = list(product((0, 1), repeat=len(rows)))
    parts = [
        in_ledgers([[row for row, here in zip(rows, cut, strict=True) if here == side] for cut in cuts])
        for side in (0, 1)
    ]
    alone = once.apply(table(*rows)).to_pylist()
    found = settled(parts).to_pylist()

    assert counted(alone)[last] == (told["input_tokens"], told["output_tokens"])
    assert [counted([row for row in found if row["ledger"] == n]) for n in range(len(cuts))] == [counted(alone)] * len(
        cuts
    )


def beside(n: int, call: dict[str, Any], library: str = "litellm", **fields: Any) -> dict[str, Any]:
    """The ``n``-th stream as OpenInference's instrumentation of LiteLLM tells it, or of another client library."""
    told = {"convention": "openinference", "scope_name": f"openinference.instrumentation.{library}", "stream": True}
    return span(f"oi{n}", "root", at=300 * n - 3, ms=204, **told | asked(call) | fields)


BESIDE = {
    "one": ([*streams(CLAUDE), beside(0, CLAUDE)], {"oi0": CLAUDE}),
    "before another": (
        [*streams(CLAUDE, DEAR), beside(0, CLAUDE), beside(1, DEAR)],
        {"oi0": CLAUDE, "oi1": DEAR},
    ),
    "another library's call at the same time": (
        [*streams(DEAR, CLAUDE), beside(1, LIKE, "openai", provider="openai")],
        {"raw0": {}, "raw1": CLAUDE, "oi1": LIKE},
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", BESIDE)
def test_a_raw_copy_that_tells_nothing_is_the_stream_that_another_instrumentation_tells_beside_it(case: str):
    rows, expected = BESIDE[case]
    cuts = list(product((0, 1), repeat=len(rows)))
    parts = [
        in_ledgers([[row for row, here in zip(rows, cut, strict=True) if here == side] for cut in cuts])
        for side in (0, 1)
    ]
    found = settled(parts).to_pylist()

    want = {name: (call.get("input_tokens"), call.get("output_tokens")) for name, call in expected.items()}
    assert counted(once.apply(table(*rows)).to_pylist()) == want
    assert [counted([row for row in found if row["ledger"] == n]) for n in range(len(cuts))] == [want] * len(cuts)


def counted(rows: Rows) -> dict[str, tuple[int | None, int | None]]:
    """By span what a billed one tells."""
    return {
        row["span_id"].rstrip(b"\0").decode(): (row["input_tokens"], row["output_tokens"])
        for row in rows
        if row["billable"]
    }


MODELS = {
    "gpt-4o": ("openai", "gpt-4o-2024-08-06"),
    "gpt-4o-mini": ("openai", "gpt-4o-mini-2024-07-18"),
    "gpt-4.1": ("openai", "gpt-4.1-2025-04-14"),
    "claude-sonnet-4-5": ("anthropic", "claude-sonnet-4-5-20250929"),
}
COUNTS = ((1000, 100), (1000, 120), (700, 70))
INSIDE: dict[str, dict[str, Any]] = {
    "openinference": {"convention": "openinference", "scope_name": "openinference.instrumentation.openai"},
    "traceloop": {"convention": "openllmetry", "scope_name": "opentelemetry.instrumentation.openai.v1"},
    "opentelemetry": {"scope_name": "opentelemetry.instrumentation.openai_v2"},
    "litellm": {"convention": "openinference", "scope_name": "openinference.instrumentation.litellm"},
}


def scene(chance: random.Random) -> Rows:
    """Two or three calls below the application's span; LiteLLM tells all, another instrumentation perhaps OpenAI's.

    Some are streams, whose raw copies have neither id nor counts.
    """
    streamed = chance.choice([0, 0, 0.5, 1])
    root: dict[str, Any] = {}
    rows: Rows = []
    inside = chance.choice([*INSIDE, None])
    gap = chance.choice([600, 600, 50])
    for n in range(chance.choice([2, 2, 3])):
        model = chance.choice(list(MODELS))
        provider, given = MODELS[model]
        input_tokens, output_tokens = chance.choice(COUNTS)
        called = {"provider": provider, "response_model": given}
        called |= {"input_tokens": input_tokens, "output_tokens": output_tokens}
        answer = {"response_id": f"chatcmpl-{chance.randbytes(9).hex()}", "finish_reason": "stop"}
        raw = {"_role": "repeat", "convention": "litellm_v2", "scope_name": "litellm"}
        root = called | answer | {"request_model": model, "stream": chance.random() < streamed}
        if root["stream"]:
            own = {"response_model": model} if provider == "openai" else {}
            rows.append(span(f"raw{n}", "root", at=gap * n + 1, ms=500, **raw | own))
        else:
            told_whole = raw | called | {"response_id": answer["response_id"]}
            rows.append(span(f"raw{n}", "root", at=gap * n + 1, ms=500, **told_whole))
        if inside and (provider == "openai" or inside == "litellm"):
            told = INSIDE[inside] | root | ({"response_id": None} if inside in ("openinference", "litellm") else {})
            rows.append(span(f"in{n}", "root", at=gap * n + 2, ms=490, **told))
    return [span("root", ms=2500, scope_name="shop", **root), *rows]


@pytest.mark.long
@pytest.mark.parametrize("flushes", [2, 3, 4])
def test_however_flushes_part_random_scenes_each_call_is_billed_as_in_one(flushes: int):
    chance = random.Random(flushes)
    scenes = [scene(chance) for _ in range(300)]
    whole = in_ledgers(scenes)
    parts: list[Rows] = [[] for _ in range(flushes)]
    for row in chance.sample(whole, len(whole)):
        chance.choice(parts).append(row)

    expected = calls(once.apply(table(*whole)), once.LEDGER)
    found = calls(settled(parts), "ledger")

    assert [len(expected[n]) for n in range(len(scenes))] == [sum(_is_raw(row) for row in rows) for rows in scenes]
    assert {n: (found[n], expected[n]) for n in expected if found[n] != expected[n]} == {}


def _is_raw(row: dict[str, Any]) -> bool:
    return row["_role"] == "repeat"


def settled(parts: list[Rows]) -> pa.Table:
    """What settlement makes of these flushes."""
    stored = pa.concat_tables([once.apply(table(*part)) for part in parts])
    lake = stored.select([field.name for field in SPANS if field.name in stored.column_names])
    lake = lake.append_column("row", pa.array(range(lake.num_rows), pa.int64()))
    return once.rejudge(lake.append_column("ledger", stored[once.LEDGER]))


def calls(spans: pa.Table, ledger: str) -> dict[int, list[tuple[Any, ...]]]:
    """By scene what is billed: model, tokens and provider, of which a cost is made."""
    told: dict[int, list[tuple[Any, ...]]] = {}
    for row in spans.to_pylist():
        if row["billable"]:
            model = row["response_model"] or row["request_model"]
            of_it = (model, row["input_tokens"], row["output_tokens"], row["provider"])
            told.setdefault(row[ledger], []).append(of_it)
    return {n: sorted(some, key=_known_first) for n, some in told.items()}


def _known_first(told: tuple[Any, ...]) -> list[tuple[bool, Any]]:
    return [(value is None, value) for value in told]
