-- How tools and retrievals went: how many runs, how many failed, how long they took.
-- reads corrected_spans in window
-- takes where: filter of tools = ; only these values of these dimensions
-- takes by: dimensions of tools = operation,tool_name; what to group by; nothing = one row
-- takes start: time = ; first end of a run
-- takes end: time = ; first end of a run after
-- gives runs: spans of tools and retrievals, without those that say the same as another one
-- gives failed: runs with status `error`
-- gives success_rate: (runs - failed) / runs
-- gives duration_mean_ms: of the runs that tell it
SELECT {columns}
    count(*) AS runs,
    count(*) FILTER (status = 'error') AS failed,
    count(*) FILTER (status IS DISTINCT FROM 'error')::DOUBLE / count(*) AS success_rate,
    avg(duration_ms) AS duration_mean_ms
FROM corrected_spans
WHERE operation IN ('execute_tool', 'retrieval') AND suppressed_by IS NULL
    AND {where} AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
GROUP BY ALL
HAVING count(*) > 0
ORDER BY runs DESC, {keys} failed
