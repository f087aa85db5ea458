"""A span that LiteLLM has overwritten with its last call lends nothing to another call, however flushes cut it."""

from __future__ import annotations

from itertools import product
from typing import Any

import polars as pl
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


@pytest.mark.parametrize("case", CALLS)
def test_however_two_flushes_part_what_was_told_each_call_is_billed_once(case: str):
    rows = overwritten(*CALLS[case])
    cuts = list(product((0, 1), repeat=len(rows)))

    parts = [
        in_ledgers([row for row, here in zip(rows, cut, strict=True) if here == side] for cut in cuts)
        for side in (0, 1)
    ]
    stored = pa.concat_tables([once.apply(table(*part)) for part in parts])
    lake = stored.select([field.name for field in SPANS if field.name in stored.column_names])
    lake = lake.append_column("row", pa.array(range(lake.num_rows), pa.int64()))
    settled = once.rejudge(lake.append_column("ledger", stored[once.LEDGER]))

    told = pl.DataFrame(settled.select(["ledger", "billable", "input_tokens", "response_model"]))
    calls = pl.struct("response_model", "input_tokens").sort()
    billed = told.filter("billable").group_by("ledger").agg(calls.alias("calls")).sort("ledger")
    want = sorted((call["response_model"], call["input_tokens"]) for call in CALLS[case])
    assert [[tuple(call.values()) for call in one] for one in billed["calls"].to_list()] == [want] * len(cuts)
