-- The spans that ended from `since` to `before` as they stand: of a span that settlement has stated anew, the last word
-- holds. A span that stands twice in one record was told apart by its flush.
CREATE TEMP TABLE restated AS
SELECT {identity}
FROM corrections
WHERE ended_at >= getvariable('since') AND ended_at < getvariable('before')
GROUP BY ALL
HAVING count(*) > 1;

CREATE TEMP VIEW correction AS
SELECT c.*
FROM corrections AS c
ANTI JOIN restated AS r ON {same_identity}
WHERE ended_at >= getvariable('since') AND ended_at < getvariable('before')
UNION ALL
SELECT c.*
FROM corrections AS c
SEMI JOIN restated AS r ON {same_identity}
WHERE ended_at >= getvariable('since') AND ended_at < getvariable('before')
QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY settlement DESC) = 1;

CREATE TEMP VIEW corrected_spans AS
SELECT *
FROM (
    SELECT
        s.* REPLACE ({corrected}),
        s.billable AS was_billed,
        s.cost_usd AS was_cost_usd,
        make_timestamptz(epoch_us(s.ended_at) // 3_600_000_000 * 3_600_000_000) AS hour
    FROM spans AS s
    LEFT JOIN correction AS c
        ON {same_as_s}
        AND s.suppressed_by IS DISTINCT FROM s.span_id
    WHERE s.ended_at >= getvariable('since') AND s.ended_at < getvariable('before')
)
WHERE {scope};
