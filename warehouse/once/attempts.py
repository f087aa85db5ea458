"""How often a call was tried: a client library that tries again by itself tells one call, HTTP clients each request.

A request stands directly below the call and is no GenAI span. The one that failed as may pass (``PASSING``) and was
followed by another one to the same host was tried again. A call that says itself that it is a later attempt is one.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.facts import is_word, known, spelled
from warehouse.once.kernels import Numbers
from warehouse.schemas import BILLABLE_OPERATIONS

PASSING = ("rate_limit", "overloaded", "server_error", "timeout", "network")
"""Classes of errors after which client libraries ask again."""
_UNHEARD = ("timeout", "network")  # a request without a status


def count_attempts(spans: pa.Table, ledger: str) -> pa.Table:
    """The table with ``attempt`` of model calls below which requests were sent again; of a flush or of the lake."""
    asks = ~known(spans["operation"]) & known(spans["parent_span_id"])
    failed = asks & is_word(spans["error_class"], *PASSING)
    if not failed.any():
        return spans
    requests = np.flatnonzero(asks & (known(spans["http_status"]) | is_word(spans["error_class"], *_UNHEARD)))
    calls = np.flatnonzero(is_word(spans["operation"], *BILLABLE_OPERATIONS))
    ids = [ledger, "trace_id"]
    told = _rows(spans, requests, *ids, "span_id", "parent_span_id", "server_address", "started_at")
    sent = told.with_columns(pl.Series("failed", failed[requests])).unique([*ids, "span_id"])
    again = (pl.col("failed") & (pl.col("started_at") < pl.col("started_at").max())).sum()
    tried = (
        sent.group_by(*ids, "parent_span_id", "server_address")
        .agg(again.alias("again"))
        .group_by(*ids, pl.col("parent_span_id").alias("span_id"))
        .agg(pl.col("again").sum())
        .filter(pl.col("again") > 0)
    )
    known_calls = _rows(spans, calls, *ids, "span_id").with_columns(pl.Series("row", calls))
    found = known_calls.join(tried, on=[*ids, "span_id"])
    attempt = np.zeros(spans.num_rows, np.int32)
    attempt[found["row"].to_numpy()] = found["again"].to_numpy() + 1
    index, field = spans.schema.get_field_index("attempt"), spans.field("attempt")
    counted = pa.array(attempt, field.type, mask=attempt == 0)
    return spans.set_column(index, field, pc.max_element_wise(spans["attempt"], counted))


def _rows(spans: pa.Table, rows: Numbers, *names: str) -> pl.DataFrame:
    """These rows; ids are binary, of whatever width, and texts spelled."""
    told = spelled(spans.select(names).take(pa.array(rows)))
    return pl.DataFrame(told).with_columns(pl.col(name).cast(pl.Binary) for name in names if name.endswith("_id"))
