-- split_stream: one stream told twice without a common id: a span for the request, which ends when the stream begins,
-- and a record that carries the usage when the stream has ended, `reported_ms` later. The record is billed, from the
-- start of the request on. Among streams at the same time each record takes the request whose end is nearest.
CREATE TEMP TABLE split AS
SELECT request, record
FROM (
    SELECT
        c.row AS request, r.row AS record,
        row_number() OVER (PARTITION BY c.row ORDER BY abs(r.ended_us - r.reported_ms * 1000 - c.ended_us), r.row) AS nearest_record,
        row_number() OVER (PARTITION BY r.row ORDER BY abs(r.ended_us - r.reported_ms * 1000 - c.ended_us), c.row) AS nearest_request
    FROM told_once AS r
    JOIN told_once AS c
        ON c.ledger = r.ledger
        AND c.convention = r.convention
        AND c.service IS NOT DISTINCT FROM r.service
        AND c.request_model IS NOT DISTINCT FROM r.request_model
        AND NOT c.is_usage_record
        AND c.usage_rank IS NULL
        AND c.stream IS DISTINCT FROM false
        AND abs(r.ended_us - r.reported_ms * 1000 - c.ended_us) <= 100_000
    WHERE r.is_usage_record
)
WHERE nearest_record = 1 AND nearest_request = 1;
