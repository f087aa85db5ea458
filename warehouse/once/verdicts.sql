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
    s.row,
    s.is_call AND u.billed IS NULL AS billable,
    coalesce(b.span_id, s.successor_id) AS suppressed_by,
    CASE
        WHEN s.successor_id IS NOT NULL THEN s.successor_why
        WHEN NOT s.is_call THEN 'no_model_call'
        ELSE u.why
    END AS why
FROM span AS s
LEFT JOIN successor AS u ON u.row = s.row
LEFT JOIN span AS b ON b.row = u.billed
UNION ALL
SELECT row, false, span_id, 'repeated_record'
FROM given
WHERE row IN (SELECT row FROM again);
