-- Spans that a flush has put to one of another trace, and their traces; but for those that share a response id. Of the hours from
-- `first_hour` to `last_hour`.
INSERT INTO joined
SELECT DISTINCT s.trace_id, b.trace_id, s.span_id, coalesce(s.service, '')
FROM kept AS s
JOIN kept AS b ON b.span_id = s.suppressed_by AND b.kind = s.kind
WHERE s.trace_id <> b.trace_id
    AND NOT coalesce(s.response_id = b.response_id AND made_id(s.response_id) IS NOT NULL, false)
    AND s.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
    AND b.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour');
