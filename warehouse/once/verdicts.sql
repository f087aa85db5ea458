-- Every row's verdict: billed, or why not and which span is billed instead. A chain (a wrapper of a leaf that is another
-- span's duplicate) names its end.
CREATE TEMP TABLE suppressed AS
SELECT row, billed, 'same_response' AS why FROM answered WHERE row <> billed
UNION ALL
SELECT request, record, 'split_stream' FROM split
UNION ALL
SELECT row, billed, 'same_call' FROM twin WHERE row NOT IN (SELECT request FROM split)
UNION ALL
SELECT s.row, arg_min(b.row, (b.trace_id <> s.trace_id, b.row)), any_value(s.successor_why)
FROM span AS s
JOIN span AS b ON b.ledger = s.ledger AND b.span_id = s.successor_id AND b.row <> s.row
GROUP BY s.row;

CREATE TEMP TABLE successor AS
WITH RECURSIVE
next_step AS (
    SELECT row, billed, why, true AS repeats FROM suppressed
    UNION ALL
    SELECT outer_row, leaf, 'wraps_call', repeats FROM wrapped
),
walk AS (
    SELECT row, billed, why, repeats, 1 AS steps FROM next_step
    UNION ALL
    SELECT w.row, n.billed, w.why, w.repeats AND n.repeats, w.steps + 1
    FROM walk AS w
    JOIN next_step AS n ON n.row = w.billed
    WHERE w.steps < 8
)
SELECT row, billed, why, repeats FROM walk
QUALIFY row_number() OVER (PARTITION BY row ORDER BY steps DESC) = 1;

CREATE TEMP TABLE verdict AS
SELECT
    r.row,
    r.copy = 1 AND s.is_call AND u.billed IS NULL AS billable,
    CASE WHEN r.copy > 1 THEN r.span_id ELSE coalesce(b.span_id, r.successor_id) END AS suppressed_by,
    CASE
        WHEN r.copy > 1 THEN 'repeated_record'
        WHEN r.successor_id IS NOT NULL THEN r.successor_why
        WHEN NOT r.is_call THEN 'no_model_call'
        ELSE u.why
    END AS why
FROM record AS r
LEFT JOIN span AS s ON s.row = r.row
LEFT JOIN successor AS u ON u.row = r.row
LEFT JOIN span AS b ON b.row = u.billed;
