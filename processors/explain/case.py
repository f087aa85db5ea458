"""Everything that is known of the spans of a file, in one place; rows are numbered alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.explain.wire import Said
from warehouse.once import LEDGER

_FOLLOWS = {"prompt_version": "prompt_name", "usage_semantics": "input_tokens"}
"""Columns that are taken along with another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Rows by number.

    ``steps``: what normalise noted, content included; ``before`` and ``spans``: canonical rows before and after the
    once rules; ``taken``: the row that a column's value was taken from (None: of none); ``said``: the wire.
    """

    steps: list[dict[str, Any]]
    before: list[dict[str, Any]]
    spans: list[dict[str, Any]]
    taken: list[Mapping[str, int | None]]
    said: list[dict[str, list[Said]]]
    kinds: Mapping[str, str]  # wire field -> kind
    places: Mapping[tuple[object, ...], int]  # (ledger, trace id, span id) and (ledger, span id) -> first row

    def source(self, row: int, column: str) -> int | None:
        """The row that a value of the row comes from."""
        return self.taken[row].get(_FOLLOWS.get(column, column), row)

    def parent(self, row: int) -> int | None:
        """The row of the parent span."""
        span = self.spans[row]
        return self.places.get((span[LEDGER], span["trace_id"], span["parent_span_id"]))

    def billed(self, row: int) -> int | None:
        """The row of the span that is billed instead: of the same trace where there is one, else of the ledger."""
        span = self.spans[row]
        near = self.places.get((span[LEDGER], span["trace_id"], span["suppressed_by"]))
        return self.places.get((span[LEDGER], span["suppressed_by"])) if near is None else near

    def is_ancestor(self, above: int, row: int) -> bool:
        """Whether one span encloses the other, however deep."""
        seen: set[int] = set()
        at = self.parent(row)
        while at is not None and at not in seen:
            if at == above:
                return True
            seen.add(at)
            at = self.parent(at)
        return False


def place_spans(spans: list[dict[str, Any]]) -> dict[tuple[object, ...], int]:
    """``Case.places`` of these rows."""
    places: dict[tuple[object, ...], int] = {}
    for row, span in enumerate(spans):
        places.setdefault((span[LEDGER], span["trace_id"], span["span_id"]), row)
        places.setdefault((span[LEDGER], span["span_id"]), row)
    return places
