-- Outcomes, each once: the last record of it. `is_fresh`: its record was not read when an hour was closed for the last time;
-- of a record whose stream nobody wrote: it came after `came_since`. `names`: by what it names its task, the most telling that
-- it has.
CREATE TEMP TABLE told AS
SELECT
    o.*,
    CASE WHEN source_app_id IS NULL THEN received_at >= getvariable('came_since')
        ELSE source_offset >= coalesce(r.next_offset, 0) END AS is_fresh,
    CASE
        WHEN task_key(task_id, NULL, NULL) IS NOT NULL THEN 'task'
        WHEN trace_id IS NOT NULL THEN 'trace'
        WHEN response_id IS NOT NULL THEN 'response'
        WHEN task_id IS NOT NULL THEN 'task'
        WHEN session_id IS NOT NULL THEN 'session'
    END AS names
FROM (
    SELECT *
    FROM outcomes
    QUALIFY row_number() OVER (PARTITION BY outcome_id ORDER BY received_at DESC, source_partition, source_offset DESC) = 1
) AS o
LEFT JOIN read_to AS r ON r.app_id = o.source_app_id;
