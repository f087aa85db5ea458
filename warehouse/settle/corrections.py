"""The once rules at settlement: whole traces, across flushes; what they say otherwise than the stream are corrections.

Rules judge the rows as they were told, never what an earlier settlement made of them: so the order in which rows
arrived changes nothing. Prices stand as long as what they are made of does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.engine import Connection
from warehouse.once import rejudge
from warehouse.schemas import CORRECTIONS
from warehouse.schemas.settled import CORRECTED, SPAN_IDENTITY
from warehouse.settle.statements import PRICES, read_sql

COLUMNS = [*(name for name in CORRECTIONS.names if name not in ("settlement", "close_id")), "was_billed"]

_NONE = pa.schema([*map(CORRECTIONS.field, COLUMNS[:-1]), pa.field(COLUMNS[-1], pa.bool_())]).empty_table()

_JUDGED = [name for name in CORRECTED if name not in PRICES]
_AS_FLUSHED = list(dict.fromkeys(["row", "ended_at", *SPAN_IDENTITY, *CORRECTED]))

_ROWS = """
SELECT 0 AS ledger, * EXCLUDE (day, environment, tool_name, agent_name, service_version, host, pod, namespace, tags,
    source_app_id)
FROM spans
WHERE trace_id IN (SELECT trace_id FROM looked_at)
    AND ended_at >= getvariable('since') AND ended_at < getvariable('before')
ORDER BY trace_id, span_id, received_at, source_partition, source_offset, suppressed_by IS NOT DISTINCT FROM span_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What follows the once rules: ``finish`` of all rows; ``price`` adds ``PRICES`` to billable ones without them.

    It is not told names that cost nothing (``_ROWS``).

    ``tenants``: those with prices of their own. ``version``: of the prices.
    """

    finish: Callable[[pa.Table], pa.Table]
    price: Callable[[pa.Table], pa.Table]
    tenants: Collection[str]
    version: str


def find_corrections(connection: Connection, pricing: Pricing) -> pa.Table:
    """Corrections of the spans of the traces ``looked_at``, judged together.

    Needs the views ``spans`` and ``corrections``. Columns: ``COLUMNS``, of which ``was_billed`` says that the span is
    billed no longer.
    """
    rows = connection.sql(_ROWS).to_arrow_table()
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    judged = rejudge(rows, pricing.finish)
    changed = _changed(rows, judged) | _corrected_before(connection, rows)
    if not changed.any():
        return _NONE
    connection.register("seen", _beside(rows, judged, pa.array(changed)))
    connection.register("own_prices", pa.table({"tenant": pa.array(sorted(pricing.tenants), pa.string())}))
    connection.execute(read_sql("compare"))
    anew = connection.sql("SELECT row FROM moved WHERE billable AND from_standing AND from_flushed ORDER BY row")
    connection.register("priced", _price(judged.take(anew.to_arrow_table()["row"]), pricing))
    connection.execute(read_sql("correct"))
    return connection.sql("FROM correct").to_arrow_table().select(COLUMNS)


def _changed(rows: pa.Table, judged: pa.Table) -> np.typing.NDArray[np.bool_]:
    """(n,) where the rules say otherwise than the flush did."""
    changed = np.zeros(rows.num_rows, np.bool_)
    for name in _JUDGED:
        if not judged[name].equals(rows[name]):
            changed |= pl.Series(judged[name]).ne_missing(pl.Series(rows[name])).to_numpy()
    return changed


def _corrected_before(connection: Connection, rows: pa.Table) -> np.typing.NDArray[np.bool_]:
    """(n,) of traces that an earlier settlement has corrected."""
    connection.register("judged_traces", rows.select(["trace_id"]))
    before = connection.sql(
        "SELECT DISTINCT trace_id FROM corrections WHERE trace_id IN (SELECT trace_id FROM judged_traces)"
    ).to_arrow_table()["trace_id"]
    found = pc.is_in(rows["trace_id"], value_set=before.combine_chunks().cast(rows["trace_id"].type))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _beside(rows: pa.Table, judged: pa.Table, chosen: pa.Array) -> pa.Table:
    """Rows as flushed and, as ``j_…``, as judged, with ``why``: those chosen, and others where it costs less."""
    columns = {name: rows[name] for name in _AS_FLUSHED}
    columns |= {f"j_{name}": judged[name] for name in _JUDGED} | {"why": judged["why"]}
    beside = pa.table(columns)
    return beside if chosen.true_count > beside.num_rows // 2 else beside.filter(chosen)


def _price(rows: pa.Table, pricing: Pricing) -> pa.Table:
    """Row numbers and prices of billable rows."""
    bare = rows.drop_columns(list(PRICES))
    priced = pricing.price(bare) if bare.num_rows else rows
    return pa.table({name: priced[name] for name in ("row", *PRICES)})
