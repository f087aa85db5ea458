-- Traces with spans of other traces and records beside them: by another instrumentation, that began, ended or handed over in
-- the same quarter of a second, or in the next one, or of which one heard its stream's first chunk while the other ran; or halves
-- of streams that were read late (`apart` in splits.sql): those that were under way together bear on each other, so all are
-- judged together. Of the hours from `first_hour` to `last_hour`.
INSERT INTO beside
WITH call AS (
    SELECT
        * EXCLUDE (started_us),
        CASE WHEN is_usage_record THEN ended_us - CAST(duration_ms * 1000 AS BIGINT) ELSE started_us END AS started_us
    FROM (
        SELECT
            trace_id, span_id, parent_span_id, record, tenant, coalesce(service, '') AS service, kind, request_model,
            convention, teller, stream, is_counted, is_fresh, duration_ms, is_usage_record,
            may_stream(stream, scope_version, finish_reason, response_id) AS may_stream,
            epoch_us(started_at) AS started_us, epoch_us(ended_at) AS ended_us, epoch_us(late_chunk_at) AS late_chunk_us
        FROM kept
        WHERE (coalesce(service, '') IN (FROM spoken) OR '' IN (FROM spoken))
            AND (billable OR convention = 'logfire' OR span_id IN (SELECT span_id FROM joined))
            AND hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
    )
),
half AS (
    SELECT
        trace_id, span_id, teller, service, kind, request_model, is_usage_record, is_fresh,
        CASE WHEN is_usage_record THEN started_us ELSE ended_us END AS at_us
    FROM call
    WHERE convention = 'logfire' AND (is_usage_record OR (may_stream AND NOT is_counted)) AND parent_span_id IS NULL
),
open AS (
    SELECT *, CASE WHEN is_usage_record THEN 1 ELSE 0 END + sum(CASE WHEN is_usage_record THEN -1 ELSE 1 END) OVER (
        PARTITION BY teller, service, kind, request_model
        ORDER BY at_us, is_usage_record, trace_id, span_id ROWS UNBOUNDED PRECEDING
    ) AS depth
    FROM half
),
closed AS (
    SELECT *,
        CASE
            WHEN is_usage_record THEN at_us
            WHEN lead(is_usage_record) OVER deep THEN least(lead(at_us) OVER deep, at_us + 30_000_000)
            ELSE at_us + 30_000_000
        END AS closed_us
    FROM open
    WINDOW deep AS (
        PARTITION BY teller, service, kind, request_model, depth ORDER BY at_us, is_usage_record, trace_id, span_id
    )
),
in_turn AS (
    SELECT *, coalesce(at_us > max(closed_us) OVER before, true) AS is_first
    FROM closed
    WINDOW before AS (
        PARTITION BY teller, service, kind, request_model ORDER BY at_us, is_usage_record, trace_id, span_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
grouped AS (
    SELECT *, sum(CASE WHEN is_first THEN 1 ELSE 0 END) OVER (
        PARTITION BY teller, service, kind, request_model
        ORDER BY at_us, is_usage_record, trace_id, span_id ROWS UNBOUNDED PRECEDING
    ) AS island
    FROM in_turn
),
under_way AS (
    SELECT
        trace_id, lag(trace_id) OVER (
            PARTITION BY teller, service, kind, request_model, island ORDER BY at_us, is_usage_record, trace_id, span_id
        ) AS last_trace,
        bool_or(is_fresh) OVER (PARTITION BY teller, service, kind, request_model, island) AS is_fresh
    FROM grouped
),
moment AS (
    SELECT trace_id, record, service, kind, teller, 'begin' AS edge, started_us // 250_000 AS quarter, is_fresh FROM call
    UNION ALL
    SELECT trace_id, record, service, kind, teller, 'end', ended_us // 250_000, is_fresh FROM call
    UNION ALL
    SELECT trace_id, record, service, kind, is_usage_record::VARCHAR, 'hand over',
        CASE WHEN is_usage_record THEN started_us ELSE ended_us END // 250_000, is_fresh
    FROM call
    WHERE convention = 'logfire'
)
SELECT DISTINCT a.trace_id, b.trace_id
FROM (SELECT * FROM moment WHERE service IN (FROM spoken)) AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment) AS b
    ON a.service = b.service
    AND a.kind = b.kind
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller < b.teller
    AND a.record <> b.record
    AND a.trace_id <> b.trace_id
WHERE a.is_fresh OR b.is_fresh
UNION
SELECT a.trace_id, b.trace_id
FROM (SELECT * FROM moment WHERE service = '') AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment WHERE service <> '') AS b
    ON a.kind = b.kind
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller <> b.teller
    AND a.record <> b.record
    AND a.trace_id <> b.trace_id
WHERE a.is_fresh OR b.is_fresh
UNION
SELECT a.trace_id, b.trace_id
FROM (SELECT *, late_chunk_us // 1_000_000 AS second FROM call WHERE stream AND late_chunk_us IS NOT NULL) AS a
JOIN (
    SELECT *, unnest(range((started_us - 10_000) // 1_000_000, (ended_us + 10_000) // 1_000_000 + 1)) AS second
    FROM call
    WHERE stream
) AS b
    ON a.service = b.service
    AND a.kind = b.kind
    AND a.second = b.second
    AND a.teller <> b.teller
    AND a.record <> b.record
    AND a.trace_id <> b.trace_id
WHERE a.is_fresh OR b.is_fresh
UNION
SELECT last_trace, trace_id
FROM under_way
WHERE is_fresh AND last_trace <> trace_id;
