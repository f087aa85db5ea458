-- The tasks of spans, as they stand, that outcomes name, by what these name them: `told` says it.
CREATE TEMP TABLE named AS
SELECT DISTINCT
    s.tenant, task_key(s.task_id, s.session_id, s.trace_id) AS task, task_kind(s.task_id, s.session_id, s.trace_id) AS kind,
    t.trace_id, CASE WHEN t.trace_id IS NOT NULL THEN s.span_id END AS span_id, r.response_id, n.task_id, e.session_id
FROM corrected_spans AS s
LEFT JOIN (SELECT DISTINCT trace_id FROM told WHERE names = 'trace') AS t ON t.trace_id = s.trace_id
LEFT JOIN (SELECT DISTINCT response_id FROM told WHERE names = 'response') AS r ON r.response_id = s.response_id
LEFT JOIN (SELECT DISTINCT task_id FROM told WHERE names = 'task') AS n ON n.task_id = s.task_id
LEFT JOIN (SELECT DISTINCT session_id FROM told WHERE names = 'session') AS e ON e.session_id = s.session_id
WHERE t.trace_id IS NOT NULL OR r.response_id IS NOT NULL OR n.task_id IS NOT NULL OR e.session_id IS NOT NULL;
