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

-- What a span stands for already: a wrapper for its leaf, else a span with a successor for that one. `last` is the end of
-- the chain, where every step of it is the same call.
CREATE TEMP TABLE known_step AS
SELECT outer_row AS row, leaf AS next_row, 'wraps_call' AS why, repeats FROM wrapped
UNION ALL
SELECT s.row, arg_min(b.row, (b.trace_id <> s.trace_id, b.row)), any_value(s.successor_why), true
FROM span AS s
JOIN span AS b ON b.ledger = s.ledger AND b.span_id = s.successor_id AND b.row <> s.row
WHERE s.row NOT IN (SELECT outer_row FROM wrapped)
GROUP BY s.row;

CREATE TEMP TABLE leaf AS
SELECT *
FROM call
WHERE successor_id IS NULL AND row NOT IN (SELECT outer_row FROM wrapped);

CREATE TEMP TABLE stands_for AS
WITH RECURSIVE walk AS (
    SELECT row, next_row AS last, repeats, 1 AS steps FROM known_step
    UNION ALL
    SELECT w.row, k.next_row, w.repeats AND k.repeats, w.steps + 1
    FROM walk AS w
    JOIN known_step AS k ON k.row = w.last
    WHERE w.steps < 8
)
SELECT DISTINCT row, last FROM walk WHERE repeats AND last IN (SELECT row FROM leaf);
