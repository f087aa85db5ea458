-- The rows that have to be stated anew, as `judged` and `priced` have them: a cost stands while what it is made of does.
CREATE TEMP TABLE correct AS
WITH stated AS (
    SELECT j.* EXCLUDE ({refused}, {prices}), {refused_by_price}, {kept_prices}
    FROM judged AS j
    JOIN stands AS s USING (row)
    JOIN as_flushed AS r USING (row)
    JOIN moved AS m USING (row)
    LEFT JOIN priced AS p ON p.row = j.row
)
SELECT
    n.row, n.ended_at::DATE AS day, date_trunc('hour', n.ended_at) AS hour, n.ended_at, {identity_of_n},
    CASE
        WHEN n.why IS NOT NULL THEN n.why
        WHEN NOT ({otherwise_than_r}) THEN 'restored'
        WHEN {tokens_otherwise_than_r} THEN 'merged'
        ELSE 'inherited'
    END AS why,
    {corrected_of_n},
    s.billable AND NOT n.billable AS was_billed
FROM stated AS n
JOIN stands AS s USING (row)
JOIN as_flushed AS r USING (row)
WHERE ({otherwise_than_s}) AND n.ended_at IS NOT NULL AND r.suppressed_by IS DISTINCT FROM r.span_id;
