"""All explanations of a file's spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from processors.decode import Decoded
from processors.engine import Engine
from processors.explain.billing import explain_billing, explain_convention, note_billing_rules
from processors.explain.case import Case, place_spans
from processors.explain.failures import explain_failure, note_error_rules
from processors.explain.fields import explain_fields
from processors.explain.price import explain_price
from processors.explain.tokens import explain_tokens, note_usage_rules
from processors.explain.wire import Json, read_wire
from processors.messages import Message
from processors.normalise import Rules
from processors.normalise.assemble import to_canonical
from processors.normalise.frame import to_frame
from warehouse import once

Explanation = Json
"""``convention``, ``billing``, ``tokens``, ``fields``, ``error``, ``price``; what does not apply is left out."""


def explain(
    messages: Sequence[Message], decoded: Decoded, rules: Rules, spans: tuple[pa.Table, pa.Table], engine: Engine
) -> list[Explanation]:
    """One explanation per span of ``decoded``. ``spans``: the rows as normalised, with ``LEDGER``, and as billed."""
    before, after = spans
    steps = to_canonical(decoded, rules).pipe(note_usage_rules).pipe(note_error_rules)
    rows = after.to_pylist()
    case = Case(
        steps=steps.hstack(note_billing_rules(to_frame(decoded))).to_dicts(),
        before=before.to_pylist(),
        spans=rows,
        taken=_taken(before),
        said=read_wire(messages, decoded),
        kinds={field.name: field.kind for field in decoded.table.fields},
        places=place_spans(rows),
    )
    return [_explain(case, row, engine) for row in range(len(rows))]


def _explain(case: Case, row: int, engine: Engine) -> Explanation:
    parts = {
        "convention": explain_convention(case, row),
        "billing": explain_billing(case, row),
        "tokens": explain_tokens(case, row),
        "fields": explain_fields(case, row),
        "error": explain_failure(case, row),
        "price": explain_price(case, row, engine.book),
    }
    return {name: part for name, part in parts.items() if part is not None}


def _taken(spans: pa.Table) -> list[Mapping[str, int | None]]:
    """Per row, the row that each column was taken from; columns that stayed are left out."""
    taken: list[dict[str, Any]] = [{} for _ in range(spans.num_rows)]
    decision = once.look(spans) if spans.num_rows else None
    for frame in decision.taken if decision is not None else ():
        for one in frame.to_dicts():
            row = one.pop("row")
            taken[row] |= {column: source for column, source in one.items() if source != row}
    return list(taken)
