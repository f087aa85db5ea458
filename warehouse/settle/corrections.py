"""The once rules at settlement: whole traces, across flushes; what they say otherwise than the stream are corrections.

Rules judge the rows as their flushes wrote them, never what an earlier settlement made of them: so the order in which
rows arrived changes nothing. Prices stand as long as what they are made of does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from warehouse.once import decide, fill
from warehouse.schemas import CORRECTIONS, SPANS
from warehouse.settle.statements import PRICES, REFUSED, read_sql

COLUMNS = [*(name for name in CORRECTIONS.names if name not in ("settlement", "close_id")), "was_billed"]

_NONE = pa.schema([*map(CORRECTIONS.field, COLUMNS[:-1]), pa.field(COLUMNS[-1], pa.bool_())]).empty_table()

_ROWS = """
SELECT
    row_number() OVER (
        ORDER BY trace_id, span_id, received_at, source_partition, source_offset,
            suppressed_by IS NOT DISTINCT FROM span_id
    ) - 1 AS row,
    0 AS ledger,
    *
FROM spans
WHERE trace_id IN (SELECT trace_id FROM looked_at)
ORDER BY row
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """How a row is priced: ``price`` adds the columns ``PRICES`` to billable rows of ``spans`` without them.

    ``tenants``: those with prices of their own. ``version``: of the prices.
    """

    price: Callable[[pa.Table], pa.Table]
    tenants: Collection[str]
    version: str


def find_corrections(connection: duckdb.DuckDBPyConnection, pricing: Pricing) -> pa.Table:
    """Corrections of the spans that came since the last settlement in ``hours``, and of all that they change.

    Needs the views ``spans`` and ``corrections`` and the tables ``hours`` and ``unread``. Columns: ``COLUMNS``,
    of which ``was_billed`` says that the span is billed no longer.
    """
    connection.execute(read_sql("doubt"))
    while connection.execute(read_sql("reach")).fetchall() != [(0,)]:
        pass
    rows = connection.sql(_ROWS).to_arrow_table()
    if not rows.num_rows:
        return _NONE
    connection.register("as_flushed", rows)
    connection.register("judged", _judge(rows))
    connection.register("own_prices", pa.table({"tenant": pa.array(sorted(pricing.tenants), pa.string())}))
    connection.execute(read_sql("compare"))
    connection.register("priced", _price(connection.sql("FROM anew ORDER BY row").to_arrow_table(), pricing))
    connection.execute(read_sql("correct"))
    return connection.sql("FROM correct ORDER BY row").to_arrow_table().select(COLUMNS)


def _judge(rows: pa.Table) -> pa.Table:
    """The rows as the rules have them, with ``why``."""
    decision = decide(rows, "lake")
    judged = fill(rows, decision)
    verdict = decision.verdict.sort("row").to_arrow()
    for name in ("billable", "suppressed_by"):
        field = SPANS.field(name)
        judged = judged.set_column(judged.schema.get_field_index(name), field, verdict[name].cast(field.type))
    return judged.append_column("why", verdict["why"].cast(pa.string()))


def _price(rows: pa.Table, pricing: Pricing) -> pa.Table:
    """Row numbers, counts and prices of billable rows."""
    bare = rows.drop_columns(list(PRICES))
    priced = pricing.price(bare) if bare.num_rows else rows
    return pa.table({name: priced[name] for name in ("row", *REFUSED, *PRICES)})
