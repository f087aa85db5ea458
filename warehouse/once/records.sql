-- repeated_record: the same span stands on several records, because a client or a Collector sent it again. The record
-- that came first is the span; the others are the span again.
CREATE TEMP TABLE again AS
SELECT row
FROM given
JOIN (
    SELECT ledger, trace_id, span_id FROM given GROUP BY ledger, trace_id, span_id HAVING count(*) > 1
) USING (ledger, trace_id, span_id)
QUALIFY row_number() OVER (
    PARTITION BY ledger, trace_id, span_id
    ORDER BY coalesce(successor_id = span_id, false), received_us, source_partition, source_offset, row
) > 1;

CREATE TEMP TABLE span AS SELECT * FROM given WHERE row NOT IN (SELECT row FROM again);
