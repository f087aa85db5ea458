-- repeated_record: the same span stands on several records, because a client or a Collector sent it again. The record
-- that came first is the span; the others are the span again.
CREATE TEMP TABLE record AS
SELECT
    *,
    row_number() OVER copies AS copy,
FROM given
WINDOW copies AS (
    PARTITION BY ledger, trace_id, span_id
    ORDER BY coalesce(successor_id = span_id, false), received_us, source_partition, source_offset, row
);

CREATE TEMP TABLE span AS SELECT * EXCLUDE (copy) FROM record WHERE copy = 1;
