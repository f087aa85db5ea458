-- Traces of which a flush has put spans together without a common id, where more of one of the two has come: what stands around
-- them now may part them (wrappers.sql). Of the hours from `first_hour` to `last_hour`.
INSERT INTO beside
SELECT DISTINCT s.trace_id, b.trace_id
FROM kept AS s
JOIN kept AS b ON b.span_id = s.suppressed_by AND b.kind = s.kind
WHERE s.trace_id <> b.trace_id
    AND s.teller <> b.teller
    AND coalesce(s.response_id <> b.response_id, true)
    AND (s.trace_id IN (SELECT trace_id FROM several) OR b.trace_id IN (SELECT trace_id FROM several))
    AND s.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour')
    AND b.hour BETWEEN getvariable('first_hour') AND getvariable('last_hour');
