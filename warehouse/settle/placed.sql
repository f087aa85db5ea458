-- When the traces that are looked at began and ended.
CREATE TEMP TABLE placed AS
SELECT trace_id, min(hour) AS first_hour, max(hour) AS last_hour, count(*) AS spans
FROM kept
WHERE trace_id IN (SELECT trace_id FROM looked_at)
GROUP BY trace_id;
