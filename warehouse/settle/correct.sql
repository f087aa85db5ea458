-- The rows that have to be stated anew, as judged and priced: a cost stands while what it is made of does.
CREATE TEMP TABLE correct AS
WITH stated AS (
    SELECT c.*, {kept_prices}
    FROM compared AS c
    JOIN moved AS m ON m.row = c.row
    LEFT JOIN priced AS p ON p.row = c.row
)
SELECT
    row, ended_at::DATE AS day, hour_of(ended_at) AS hour, ended_at, {identity},
    CASE
        WHEN why IS NOT NULL THEN why
        WHEN NOT ({otherwise_than_flushed}) THEN 'restored'
        WHEN {tokens_otherwise_than_flushed} THEN 'merged'
        ELSE 'inherited'
    END AS why,
    {judged},
    s_billable AND NOT j_billable AS was_billed
FROM stated
WHERE ({otherwise_than_standing}) AND ended_at IS NOT NULL AND suppressed_by IS DISTINCT FROM span_id;
