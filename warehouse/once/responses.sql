-- same_response: two calls that got the same response are one, whatever trace or service reports them: client and
-- gateway, an SDK's own span and an instrumentor's, a response fetched again. The one with the best token counts is
-- billed. A leaf is known by its own id and by those of the spans that stand for it (a gateway gives ids of its own),
-- so the best is sought through two steps of shared ids.
-- An id that stands for two responses is worn: some proxies answer every call with one constant, or with the id of the
-- request around it. One teller counts one response in one way; two tellers may count differently, but at the same time.
-- vLLM tells each prompt and each choice of a request on a span of its own. They all got the response that the client got,
-- who tells their sum, but they are not each other: without the client each is billed, and an id is not worn by them.
CREATE TEMP TABLE worn AS
WITH telling AS (
    SELECT
        ledger, kind, made_id, service, teller,
        min(some_input) AS least_input, max(some_input) AS most_input,
        min(some_output) AS least_output, max(some_output) AS most_output,
        min(started_us) AS started_us, max(ended_us) AS ended_us
    FROM (
        SELECT * FROM leaf WHERE NOT is_part
        UNION ALL
        SELECT leaf.* REPLACE (s.made_id AS made_id)
        FROM stands_for AS f
        JOIN leaf ON leaf.row = f.last
        JOIN span AS s ON s.row = f.row AND s.is_copy
        WHERE NOT leaf.is_part
    )
    WHERE made_id IS NOT NULL
    GROUP BY ledger, kind, made_id, service, teller
)
SELECT DISTINCT ledger, kind, made_id
FROM telling
WHERE CASE WHEN service IS NULL
    THEN most_input > least_input + 1 AND most_output > least_output + 1
    ELSE coalesce(most_input > least_input + 1, false) OR coalesce(most_output > least_output + 1, false)
END
UNION
SELECT DISTINCT a.ledger, a.kind, a.made_id
FROM telling AS a
JOIN telling AS b
    ON b.ledger = a.ledger AND b.kind = a.kind AND b.made_id = a.made_id
    AND b.started_us > a.ended_us + 10_000_000
    AND (b.least_input > a.most_input + 1 OR b.most_input < a.least_input - 1)
    AND (b.least_output > a.most_output + 1 OR b.most_output < a.least_output - 1);

CREATE TEMP TABLE named AS
WITH ids AS (
    SELECT row, made_id FROM leaf
    UNION
    SELECT row, asked_id FROM leaf
    UNION
    SELECT f.last, s.made_id FROM stands_for AS f JOIN span AS s ON s.row = f.row
),
standing AS (
    SELECT row, ledger, kind, is_part, row_number() OVER (
        ORDER BY usage_rank NULLS LAST, input_tokens IS NULL, output_tokens IS NULL, started_us, span_id, trace_id, row
    ) AS place
    FROM leaf
)
SELECT row, ledger, kind, place, is_part, ids.made_id
FROM standing
JOIN ids USING (row)
WHERE ids.made_id IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM worn AS w WHERE w.ledger = standing.ledger AND w.kind = standing.kind AND w.made_id = ids.made_id
    );

CREATE TEMP TABLE answered AS
WITH
near_id AS (SELECT *, min(place) OVER (PARTITION BY ledger, kind, made_id) AS best FROM named),
near_row AS (SELECT * REPLACE (min(best) OVER (PARTITION BY row) AS best) FROM near_id),
far_id AS (SELECT * REPLACE (min(best) OVER (PARTITION BY ledger, kind, made_id) AS best) FROM near_row),
far_row AS (SELECT row, is_part, min(best) AS best FROM far_id GROUP BY row, is_part)
SELECT f.row, any_value(CASE WHEN f.is_part AND n.is_part THEN f.row ELSE n.row END) AS billed
FROM far_row AS f
JOIN named AS n ON n.place = f.best
GROUP BY f.row;

-- A span that fetches a response that was made before is no call; it may know what the call has used in the end.
CREATE TEMP TABLE fetched AS
SELECT s.row, arg_min(n.row, n.place) AS billed
FROM span AS s
JOIN named AS n ON n.ledger = s.ledger AND n.made_id = s.made_id
WHERE s.is_fetch AND s.successor_id IS NULL
GROUP BY s.row;

CREATE TEMP TABLE told_once AS
SELECT
    row, ledger, trace_id, span_id, parent_span_id, has_time, ended_us, is_usage_record, usage_rank,
    CASE WHEN is_usage_record THEN ended_us - CAST(coalesce(reported_ms, 0) * 1000 AS BIGINT) ELSE started_us END AS started_us,
    service, teller, scope_version, convention, kind, provider, server_address, request_model, model_may_be_copy, asked_model, given_model, stream, status,
    late_chunk_us, started_us + CAST(ttft_ms * 1000 AS BIGINT) AS first_chunk_us,
    input_tokens, output_tokens, some_input, some_output, some_cached, cached_part + write_part AS kept_part, thought_part, finish_reason, response_id,
    tenant, tenant_standing, feature, feature_standing, user_id, session_id, task_id, prompt_name,
    row IN (SELECT row FROM named) AS has_id
FROM leaf
WHERE row NOT IN (SELECT row FROM answered WHERE row <> billed);
