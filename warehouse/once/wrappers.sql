-- wraps_call: a model call that encloses others repeats what they used, so the innermost ones are billed. It stands for
-- the leaf with the same response id, else with the same tokens, else the only one that worked (a retry inside), else
-- the first. `repeats` = it is that leaf's own call seen from outside: then each may fill the other's gaps.
CREATE TEMP TABLE enclosed AS
WITH RECURSIVE up AS (
    SELECT row AS leaf, outer_call AS outer_row
    FROM call
    WHERE outer_call IS NOT NULL AND row NOT IN (SELECT outer_call FROM call WHERE outer_call IS NOT NULL)
    UNION ALL
    SELECT up.leaf, c.outer_call
    FROM up
    JOIN call AS c ON c.row = up.outer_row
    WHERE c.outer_call IS NOT NULL
)
SELECT * FROM up;

CREATE TEMP TABLE wrapped AS
SELECT outer_row, leaf, same_id OR same_usage OR leaves = 1 OR (worked = 1 AND leaf_worked) AS repeats
FROM (
    SELECT
        e.outer_row, e.leaf, l.started_us, l.span_id,
        coalesce(o.response_id = l.response_id, false) AS same_id,
        coalesce(o.input_tokens = l.input_tokens AND o.output_tokens IS NOT DISTINCT FROM l.output_tokens, false)
            AS same_usage,
        l.status IS DISTINCT FROM 'error' AS leaf_worked,
        count(*) OVER (PARTITION BY e.outer_row) AS leaves,
        count(*) FILTER (l.status IS DISTINCT FROM 'error') OVER (PARTITION BY e.outer_row) AS worked
    FROM enclosed AS e
    JOIN call AS o ON o.row = e.outer_row
    JOIN call AS l ON l.row = e.leaf
)
QUALIFY row_number() OVER (
    PARTITION BY outer_row ORDER BY same_id DESC, same_usage DESC, leaf_worked DESC, started_us, span_id, leaf
) = 1;

-- A leaf knows its response id, or its wrapper does.
CREATE TEMP TABLE leaf AS
SELECT c.* REPLACE (coalesce(c.response_id, w.response_id) AS response_id)
FROM call AS c
LEFT JOIN (
    SELECT w.leaf, arg_min(o.response_id, (o.started_us, o.row)) FILTER (o.response_id IS NOT NULL) AS response_id
    FROM wrapped AS w
    JOIN call AS o ON o.row = w.outer_row
    WHERE w.repeats
    GROUP BY w.leaf
) AS w ON w.leaf = c.row
WHERE c.row NOT IN (SELECT outer_row FROM wrapped);
