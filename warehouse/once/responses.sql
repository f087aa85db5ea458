-- same_response: two calls that got the same response are one, whatever trace or service reports them: client and
-- gateway, an SDK's own span and an instrumentor's, a response fetched again. The one with the best token counts is
-- billed. A leaf is known by its own id and by those of the spans that stand for it (a gateway gives ids of its own),
-- so the best is sought through two steps of shared ids. An id with fewer than eight characters of its own is a counter
-- or a dice roll (Ollama: chatcmpl-417), no id.
CREATE TEMP TABLE named AS
WITH ids AS (
    SELECT row, response_id FROM leaf
    UNION
    SELECT f.last, s.response_id FROM stands_for AS f JOIN span AS s ON s.row = f.row
),
standing AS (
    SELECT row, ledger, row_number() OVER (
        ORDER BY usage_rank NULLS LAST, input_tokens IS NULL, output_tokens IS NULL, started_us, span_id, row
    ) AS place
    FROM leaf
)
SELECT row, ledger, place, ids.response_id
FROM standing
JOIN ids USING (row)
WHERE length(regexp_replace(ids.response_id, '^[A-Za-z]+[-_]', '')) >= 8;

CREATE TEMP TABLE answered AS
WITH
near_id AS (SELECT *, min(place) OVER (PARTITION BY ledger, response_id) AS best FROM named),
near_row AS (SELECT * REPLACE (min(best) OVER (PARTITION BY row) AS best) FROM near_id),
far_id AS (SELECT * REPLACE (min(best) OVER (PARTITION BY ledger, response_id) AS best) FROM near_row),
far_row AS (SELECT row, min(best) AS best FROM far_id GROUP BY row)
SELECT f.row, any_value(n.row) AS billed
FROM far_row AS f
JOIN named AS n ON n.place = f.best
GROUP BY f.row;

CREATE TEMP TABLE told_once AS
SELECT *, row IN (SELECT row FROM named) AS has_id
FROM leaf
WHERE row NOT IN (SELECT row FROM answered WHERE row <> billed);
