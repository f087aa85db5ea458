-- The spans that ended from `since` to `before` as they stand: of a span that settlement has stated anew, the last word
-- holds. A span that stands twice in one record was told apart by its flush.
CREATE TEMP VIEW correction AS
FROM corrections
WHERE ended_at >= getvariable('since') AND ended_at < getvariable('before')
QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY settlement DESC) = 1;

CREATE TEMP VIEW standing AS
SELECT
    s.* REPLACE ({corrected}),
    s.billable AS was_billed,
    s.cost_usd AS was_cost_usd,
    date_trunc('hour', s.ended_at) AS hour
FROM spans AS s
LEFT JOIN correction AS c
    ON {same_as_s}
    AND s.suppressed_by IS DISTINCT FROM s.span_id
WHERE s.ended_at >= getvariable('since') AND s.ended_at < getvariable('before');
