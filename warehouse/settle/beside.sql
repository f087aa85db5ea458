-- Traces with spans of other traces and records beside them, by another instrumentation, that began, ended or handed over in
-- the same quarter of a second, or in the next one, or of which one heard its stream's first chunk while the other ran; of
-- the hours from `first_hour` to `last_hour`.
INSERT INTO beside
WITH call AS (
    SELECT
        trace_id, record, coalesce(service, '') AS service, kind, convention, is_fresh,
        teller, stream,
        is_record_of_usage(convention, duration_ms, started_at, ended_at) AS is_usage_record,
        epoch_us(started_at) AS started_us, epoch_us(ended_at) AS ended_us, epoch_us(late_chunk_at) AS late_chunk_us
    FROM kept
    WHERE coalesce(service, '') IN (FROM spoken)
        AND (billable OR convention = 'logfire')
        AND hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
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
FROM moment AS a
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
WHERE a.is_fresh OR b.is_fresh;
