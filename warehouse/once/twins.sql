-- same_call: two instrumentations of one process report one call side by side, in one trace or in two, and no id says so
-- (an SDK's own span beside an instrumentor's, on errors). They are one call where the conventions differ, service,
-- operation and model agree, one lies within the other to 10 ms, both worked or both failed, and the tokens are equal
-- where both have some. Among calls at the same time two are one if each is the other's nearest. Sequential calls never
-- lie within each other; calls of one instrumentation are never twins.
CREATE TEMP TABLE beside AS
SELECT a.row AS row, b.row AS other, abs(a.started_us - b.started_us) AS apart_us
FROM told_once AS a
JOIN told_once AS b
    ON a.ledger = b.ledger
    AND a.service = b.service
    AND a.operation = b.operation
    AND coalesce(a.request_model, a.response_model) = coalesce(b.request_model, b.response_model)
    AND a.convention <> b.convention
    AND NOT (a.has_id AND b.has_id)
    AND (a.provider IS NULL OR b.provider IS NULL OR a.provider = b.provider)
    AND (a.status = 'error') = (b.status = 'error')
    AND (
        (a.started_us <= b.started_us + 10_000 AND b.ended_us <= a.ended_us + 10_000)
        OR (b.started_us <= a.started_us + 10_000 AND a.ended_us <= b.ended_us + 10_000)
    )
WHERE a.usage_rank IS NULL OR b.usage_rank IS NULL OR (
    a.input_tokens IS NOT DISTINCT FROM b.input_tokens AND a.output_tokens IS NOT DISTINCT FROM b.output_tokens
);

CREATE TEMP TABLE twin AS
WITH nearest AS (
    SELECT row, arg_min(other, (apart_us, other)) AS other FROM beside GROUP BY row
)
SELECT a.row, b.row AS billed
FROM nearest AS n
JOIN nearest AS back ON back.row = n.other AND back.other = n.row
JOIN told_once AS a ON a.row = n.row
JOIN told_once AS b ON b.row = n.other
WHERE (coalesce(b.usage_rank, 99), b.started_us, b.span_id) < (coalesce(a.usage_rank, 99), a.started_us, a.span_id);
