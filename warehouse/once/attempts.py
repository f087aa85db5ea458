"""How often a call was tried: a client library that tries again by itself tells one call, HTTP clients each request.

A request stands directly below the call and is no GenAI span. The one that failed as may pass (``PASSING``) and was
followed by another one to the same host was tried again. A call or a request that says itself that it is a later one is
that (botocore's spans: ``retry_attempts``).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.facts import holds, is_word, known, spelled
from warehouse.once.kernels import Numbers
from warehouse.schemas import BILLABLE_OPERATIONS

PASSING = ("rate_limit", "overloaded", "server_error", "timeout", "network", "conflict")
"""Classes of errors after which client libraries ask again, as OpenAI's and Anthropic's do at 408, 409, 429 and 5xx."""
_UNHEARD = ("timeout", "network")  # a request without a status


def count_attempts(spans: pa.Table, ledger: str) -> pa.Table:
    """The table with ``attempt`` of model calls below which requests were sent again; of a flush or of the lake."""
    asks = ~known(spans["operation"]) & known(spans["parent_span_id"])
    failed = asks & is_word(spans["error_class"], *PASSING)
    if not (failed | (asks & holds(pc.greater(spans["attempt"], 1)))).any():
        return spans
    requests = np.flatnonzero(asks & (known(spans["http_status"]) | is_word(spans["error_class"], *_UNHEARD)))
    calls = np.flatnonzero(is_word(spans["operation"], *BILLABLE_OPERATIONS))
    ids = [ledger, "trace_id", "span_id"]
    sent = rows_of(spans, requests, *ids, "parent_span_id", "server_address", "started_at", "attempt").with_columns(
        pl.Series("failed", failed[requests])
    )
    rows = rows_of(spans, calls, *ids).with_columns(pl.Series("row", calls))
    found = rows.join(_tried(sent.unique(ids), *ids), on=ids)
    return put_attempts(spans, found)


def put_attempts(spans: pa.Table, found: pl.DataFrame) -> pa.Table:
    """The table with ``attempt`` at least as ``found`` has it: ``row`` and ``times``, of which one is no repetition."""
    attempt = np.zeros(spans.num_rows, np.int32)
    attempt[found["row"].to_numpy()] = found["times"].to_numpy()
    index, field = spans.schema.get_field_index("attempt"), spans.field("attempt")
    counted = pa.array(attempt, field.type, mask=attempt < 2)  # noqa: PLR2004 - as said above
    return spans.set_column(index, field, pc.max_element_wise(spans["attempt"], counted))


def _tried(sent: pl.DataFrame, ledger: str, trace: str, span: str) -> pl.DataFrame:
    """The spans below which these requests stand, and how many ``times`` one of them was sent."""
    call = pl.col("parent_span_id").alias(span)
    again = (pl.col("failed") & (pl.col("started_at") < pl.col("started_at").max())).sum()
    to_host = sent.group_by(ledger, trace, call, "server_address").agg(again.alias("again"), pl.col("attempt").max())
    times = pl.max_horizontal(pl.col("again").sum() + 1, pl.col("attempt").max())
    return to_host.group_by(ledger, trace, span).agg(times.alias("times"))


def rows_of(spans: pa.Table, rows: Numbers, *names: str) -> pl.DataFrame:
    """These rows; ids are binary, of whatever width, and texts spelled."""
    told = spelled(spans.select(names).take(pa.array(rows)))
    return pl.DataFrame(told).with_columns(pl.col(name).cast(pl.Binary) for name in names if name.endswith("_id"))
