"""The captures and their truth: ``tests/data/captures/README.md`` says what the values mean."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent / "data" / "captures"
NUMBERS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("http_status", "cost_usd"),
)
FIELDS = (
    *("operation", "provider", "request_model", "response_model", "stream", "status", "error_class", "finish_reason"),
    *("tenant", "feature"),
    *NUMBERS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One run: its bytes and the calls it must come to."""

    name: str
    value: bytes
    calls: tuple[Mapping[str, Any], ...]
    must_not_contain: tuple[str, ...]


def load(kind: str = "pb") -> list[Capture]:
    """All captures of a kind: ``pb``, ``collector-pb``, or ``json`` (the JavaScript ones)."""
    suffix = ".json" if kind == "json" else ".pb"
    truths = [json.loads(line) for line in (HERE / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    by_name = {truth["file"].removesuffix(".json"): truth for truth in truths}
    return [
        Capture(
            name=path.stem,
            value=path.read_bytes(),
            calls=tuple(by_name[path.stem]["calls"]),
            must_not_contain=tuple(by_name[path.stem]["must_not_contain"]),
        )
        for path in sorted((HERE / kind).glob("*" + suffix))
    ]


def unexplained(calls: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differs between expected calls and billed rows, whatever their order: under the best assignment."""
    if len(calls) != len(rows):
        return [f"{len(calls)} calls expected, {len(rows)} billed"]
    orders = (zip(calls, order, strict=True) for order in itertools.permutations(rows))
    return min(([d for call, row in order for d in differences(call, row)] for order in orders), key=len)


def differences(expected: Mapping[str, Any], row: Mapping[str, Any], fields: tuple[str, ...] = FIELDS) -> list[str]:
    """What of a produced call is not as expected, as text; TTFT is always compared."""
    found = [f"{name}: {expected.get(name)} != {row.get(name)}" for name in fields if not _agrees(expected, row, name)]
    low, high, ttft_ms = expected["ttft_ms_min"], expected["ttft_ms_max"], row.get("ttft_ms")
    if low is None and ttft_ms is not None:
        found.append(f"ttft_ms: None != {ttft_ms}")
    if low not in (None, "unknown") and not (ttft_ms is not None and low <= ttft_ms <= high):
        found.append(f"ttft_ms: {low}..{high} != {ttft_ms}")
    return found


def _agrees(expected: Mapping[str, Any], row: Mapping[str, Any], name: str) -> bool:
    wanted, got = expected.get(name), row.get(name)
    if wanted == "unknown":
        return not (name in expected.get("not_zero", ()) and got == 0)
    return any(_same(name, choice, got) for choice in (wanted if isinstance(wanted, list) else [wanted]))


def _same(name: str, wanted: Any, got: Any) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return Decimal(str(wanted)) == Decimal(str(got)) if name in NUMBERS else bool(wanted == got)
