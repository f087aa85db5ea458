-- Spans, as they stand, whose task an outcome may be about; `told` says of what outcomes tell.
CREATE TEMP TABLE named AS
SELECT DISTINCT tenant, task_id, session_id, trace_id, span_id, response_id
FROM standing
WHERE trace_id IN (SELECT trace_id FROM told)
    OR response_id IN (SELECT response_id FROM told)
    OR task_id IN (SELECT task_id FROM told WHERE tenant IS NULL)
    OR session_id IN (SELECT session_id FROM told);
