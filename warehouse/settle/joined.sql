-- Spans that a flush or a settlement has put to one of another trace, and their traces; but for those that share a response id.
-- Of the hours from `first_hour` to `last_hour`.
INSERT INTO joined
WITH put AS (
    SELECT trace_id, span_id, suppressed_by, response_id, kind, service, hour
    FROM kept
    WHERE suppressed_by IS NOT NULL
    UNION ALL
    SELECT k.trace_id, k.span_id, c.suppressed_by, c.response_id, k.kind, k.service, k.hour
    FROM (SELECT DISTINCT trace_id, span_id, suppressed_by, response_id FROM corrections WHERE suppressed_by IS NOT NULL) AS c
    JOIN kept AS k ON k.trace_id = c.trace_id AND k.span_id = c.span_id
)
SELECT DISTINCT s.trace_id, b.trace_id, s.span_id, coalesce(s.service, '')
FROM put AS s
JOIN kept AS b ON b.span_id = s.suppressed_by AND b.kind = s.kind
WHERE s.trace_id <> b.trace_id
    AND NOT coalesce(s.response_id = b.response_id AND made_id(s.response_id) IS NOT NULL, false)
    AND s.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
    AND b.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour');
