-- Which traces must be looked at again as a whole: those with spans that no settlement has read (`unread`) in one of `hours`
-- and that came in more than one record, share a response id with spans of other records, or stand beside a call that
-- another instrumentation, or the same one by a record of its own, may have told again. What came in one record alone was
-- judged by the flush that took it, with all that the rules need.
CREATE TEMP VIEW kept AS
SELECT
    trace_id, service, kind_of(operation) AS kind, billable, convention,
    epoch_us(started_at) AS started_us, epoch_us(ended_at) AS ended_us,
    convention = 'logfire' AND duration_ms * 1000 > epoch_us(ended_at) - epoch_us(started_at) + 1 AS is_usage_record,
    date_trunc('hour', ended_at) AS hour,
    source_partition::BIGINT * 4_398_046_511_104 + source_offset AS record,
    concat_ws(' ', convention, scope_version) AS teller,
    response_id,
    CASE WHEN convention = 'vllm' THEN asked_id(response_id) END AS asked_id,
    coalesce(source_offset >= (SELECT first_offset FROM unread WHERE partition = source_partition), false) AS is_fresh
FROM spans;

CREATE TEMP TABLE fresh AS
SELECT DISTINCT trace_id, response_id, asked_id
FROM kept
WHERE is_fresh AND hour IN (SELECT hour FROM hours);

CREATE TEMP TABLE doubtful AS
SELECT trace_id
FROM kept
WHERE trace_id IN (SELECT trace_id FROM fresh)
GROUP BY trace_id
HAVING min(record) <> max(record);

-- Spans that began, ended or handed over in the same quarter of a second, or in the next one.
INSERT INTO doubtful
WITH spoken AS (
    SELECT coalesce(service, '') AS service
    FROM kept
    WHERE billable
    GROUP BY ALL
    HAVING min(teller) <> max(teller) OR bool_or(is_usage_record)
),
call AS (
    SELECT trace_id, record, coalesce(service, '') AS service, kind, teller, is_usage_record, started_us, ended_us, is_fresh
    FROM kept
    WHERE coalesce(service, '') IN (FROM spoken)
        AND (billable OR convention = 'logfire')
        AND hour BETWEEN (SELECT min(hour) - INTERVAL 1 HOUR FROM hours) AND (SELECT max(hour) + INTERVAL 1 HOUR FROM hours)
),
moment AS (
    SELECT trace_id, record, service, kind, teller, 'begin' AS edge, started_us // 250_000 AS quarter, is_fresh FROM call
    UNION ALL
    SELECT trace_id, record, service, kind, teller, 'end', ended_us // 250_000, is_fresh FROM call
    UNION ALL
    SELECT trace_id, record, service, kind, is_usage_record::VARCHAR, 'hand over',
        CASE WHEN is_usage_record THEN started_us ELSE ended_us END // 250_000, is_fresh
    FROM call
    WHERE starts_with(teller, 'logfire')
)
SELECT DISTINCT unnest([a.trace_id, b.trace_id])
FROM moment AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment) AS b
    ON a.service = b.service
    AND a.kind = b.kind
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller < b.teller
    AND a.record <> b.record
WHERE a.is_fresh OR b.is_fresh;

CREATE TEMP TABLE naming AS
SELECT trace_id, record, unnest(list_distinct([response_id, asked_id])) AS id
FROM kept
WHERE response_id IS NOT NULL;

-- Response ids that several records tell, as their client knows them and as vLLM does.
CREATE TEMP TABLE looked_at AS
SELECT trace_id FROM doubtful
UNION
SELECT trace_id
FROM naming
WHERE id IN (
    SELECT id
    FROM naming
    WHERE id IN (SELECT unnest([response_id, asked_id]) FROM fresh)
    GROUP BY id
    HAVING min(record) <> max(record)
);
