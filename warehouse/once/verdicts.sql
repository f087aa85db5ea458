-- Every row's verdict: billed, or why not and which span is billed instead. A chain (a wrapper of a leaf that is another
-- span's duplicate) names its end.
CREATE TEMP TABLE successor AS
WITH RECURSIVE
step AS (
    SELECT row, next_row, why, repeats FROM known_step
    UNION ALL
    SELECT row, billed, 'same_response', true FROM answered WHERE row <> billed
    UNION ALL
    SELECT row, billed, 'split_stream', true FROM split
    UNION ALL
    SELECT row, billed, 'same_call', true FROM twin
    UNION ALL
    SELECT row, billed, 'same_response', true FROM fetched
),
walk AS (
    SELECT row, next_row AS billed, why, repeats, 1 AS steps FROM step
    UNION ALL
    SELECT w.row, s.next_row, w.why, w.repeats AND s.repeats, w.steps + 1
    FROM walk AS w
    JOIN step AS s ON s.row = w.billed
    WHERE w.steps < 8
)
SELECT row, billed, why, repeats
FROM walk
WHERE billed NOT IN (SELECT row FROM step)
QUALIFY row_number() OVER (PARTITION BY row ORDER BY repeats DESC, steps, billed) = 1;

CREATE TEMP TABLE verdict AS
SELECT
    s.row,
    s.is_call AND u.billed IS NULL AND d.row IS NULL AS billable,  -- what stands for it may not be here
    CASE WHEN b.row IS NULL THEN d.successor_id WHEN b.is_call THEN b.span_id END AS suppressed_by,
    CASE WHEN d.row IS NOT NULL THEN d.successor_why ELSE coalesce(u.why, CASE WHEN NOT s.is_call THEN 'no_model_call' END)
    END AS why
FROM span AS s
LEFT JOIN decided AS d ON d.row = s.row
LEFT JOIN successor AS u ON u.row = s.row
LEFT JOIN span AS b ON b.row = u.billed
UNION ALL
SELECT row, false, span_id, 'repeated_record'
FROM given
WHERE row IN (SELECT row FROM again);
