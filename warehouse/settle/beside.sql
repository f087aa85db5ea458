-- Traces with spans of other traces and records beside them: by another instrumentation, that began, ended or handed over in
-- the same quarter of a second, or in the next one, or of which one heard its stream's first chunk while the other ran; or the
-- halves of a stream that was read late, as splits.sql puts them together. Of the hours from `first_hour` to `last_hour`.
INSERT INTO beside
WITH call AS (
    SELECT
        * EXCLUDE (started_us),
        CASE WHEN is_usage_record THEN ended_us - CAST(duration_ms * 1000 AS BIGINT) ELSE started_us END AS started_us
    FROM (
        SELECT
            trace_id, span_id, parent_span_id, record, tenant, coalesce(service, '') AS service, kind, request_model,
            convention, teller, billable, stream, is_counted, is_fresh, duration_ms,
            may_stream(stream, scope_version, finish_reason, response_id) AS may_stream,
            is_record_of_usage(convention, duration_ms, started_at, ended_at) AS is_usage_record,
            coalesce(convention = 'logfire' AND duration_ms * 1000 < epoch_us(ended_at) - epoch_us(started_at) - 1, false)
                AS has_request,  -- as lake.sql says it
            epoch_us(started_at) AS started_us, epoch_us(ended_at) AS ended_us, epoch_us(late_chunk_at) AS late_chunk_us
        FROM kept
        WHERE (coalesce(service, '') IN (FROM spoken) OR '' IN (FROM spoken))
            AND (billable OR convention = 'logfire')
            AND hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
    )
),
half AS (
    SELECT
        *, CASE WHEN is_usage_record THEN started_us ELSE ended_us END AS at_us
    FROM call
    WHERE convention = 'logfire' AND billable AND (is_usage_record OR (may_stream AND NOT is_counted))
        AND parent_span_id IS NULL AND NOT has_request
),
open AS (
    SELECT *, CASE WHEN is_usage_record THEN 1 ELSE 0 END + sum(CASE WHEN is_usage_record THEN -1 ELSE 1 END) OVER (
        PARTITION BY teller, service, kind, request_model, tenant
        ORDER BY at_us, is_usage_record, trace_id, span_id ROWS UNBOUNDED PRECEDING
    ) AS depth
    FROM half
),
closed AS (
    SELECT *,
        lag(trace_id) OVER deep AS last_trace, lag(is_fresh) OVER deep AS last_fresh,
        NOT coalesce(lag(is_usage_record) OVER deep, true) AND is_usage_record AS closes,
        coalesce(lead(is_usage_record) OVER deep, false) AND NOT is_usage_record AS is_closed
    FROM open
    WINDOW deep AS (
        PARTITION BY teller, service, kind, request_model, tenant, depth
        ORDER BY at_us, is_usage_record, trace_id, span_id
    )
),
spare AS (
    SELECT *, row_number() OVER (
        PARTITION BY teller, service, kind, request_model, tenant, is_usage_record
        ORDER BY CASE WHEN is_usage_record THEN -at_us ELSE at_us END, trace_id, span_id
    ) AS place
    FROM closed
    WHERE NOT closes AND NOT is_closed
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
FROM closed
WHERE closes AND last_trace <> trace_id AND (is_fresh OR last_fresh)
UNION
SELECT record_trace, unnest([request_trace, whole_trace])
FROM (
    SELECT r.trace_id AS record_trace, c.trace_id AS request_trace, w.trace_id AS whole_trace
    FROM spare AS r
    JOIN spare AS c
        ON c.teller = r.teller
        AND c.service = r.service
        AND c.kind = r.kind
        AND c.request_model IS NOT DISTINCT FROM r.request_model
        AND c.tenant IS NOT DISTINCT FROM r.tenant
        AND c.place = r.place
    JOIN call AS w
        ON w.teller = r.teller
        AND w.service = r.service
        AND w.request_model IS NOT DISTINCT FROM r.request_model
        AND w.started_us <= r.at_us
        AND w.ended_us - CAST(w.duration_ms * 1000 AS BIGINT) >= c.at_us - 100_000
    WHERE r.is_usage_record AND NOT c.is_usage_record AND (r.is_fresh OR c.is_fresh) AND w.has_request
);
