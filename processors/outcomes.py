"""Log records of one partition's range to outcomes: the engine of the logs topic.

``read_logs(messages, table, rules) -> Processed``: rows in ``outcomes`` alone, every other table is empty. Pure, as the
engine of the spans is; tenants are a question of authority here too, by the same rules (``normalise.identity``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from processors.conventions.table import AliasTable
from processors.decode import Decoded
from processors.decode.logs import decode_logs
from processors.messages import Message, Processed, Tally, tally, total
from processors.normalise.frame import tell, to_frame
from processors.normalise.identity import identify
from processors.normalise.outcomes import count_empty, find_outcomes
from processors.normalise.rules import Rules
from processors.normalise.secrets import count_hidden
from processors.normalise.times import place_in_time
from warehouse.schemas import COMMIT_ORDER, OUTCOMES, TABLES


def read_logs(messages: Sequence[Message], table: AliasTable, rules: Rules) -> Processed:
    """Outcomes, dead letters and counts of one partition's range of log messages."""
    found = decode_logs(messages, table)
    decoded = found.decoded
    dropped = tally(decoded.dead)
    dropped.update(decoded.dropped)
    dropped.update(count_empty(decoded))
    empty = {name: TABLES[name].flushed.empty_table() for name in COMMIT_ORDER if name not in ("outcomes", "flushes")}
    outcomes, hidden = _outcomes(decoded, rules)
    return Processed(
        tables={"outcomes": outcomes, **empty},
        dead=decoded.dead,
        dropped=total(dropped),
        ignored=found.ignored,
        hidden=total(hidden),
    )


def _outcomes(decoded: Decoded, rules: Rules) -> tuple[pa.Table, Tally]:
    """The rows, and how many names were hidden."""
    if not decoded.spans.num_rows:
        return OUTCOMES.empty_table(), {}
    frame = (
        to_frame(decoded)
        .hstack(tell(decoded))
        .with_columns(pl.lit("other").alias("_role"))
        .pipe(place_in_time)
        .pipe(identify, rules)
    )
    return find_outcomes(decoded, frame, rules.user_key).select(OUTCOMES.names), count_hidden(frame)
