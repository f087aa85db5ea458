-- Steps of tasks by how many the task had had by then within an hour, by tenant and feature over time: loops show.
-- reads spans in window
-- takes every: seconds = 60; length of the slots that steps are summed over: minutes at least
-- takes start: time = ; first step that is counted; an hour before `since`, so that every task is known from its beginning
-- takes end: time = ; first minute after
-- takes since: time = ; first minute that is told; nothing = all
-- gives slot: its beginning
-- gives provider: NULL; likewise model: a task has several
-- gives measure: steps: calls that are billed, tools and retrievals, without further attempts; of a task, where none is named of a trace
-- gives bin: the task had had more than 1.02^(20 (bin - 1)) and at most 1.02^(20 bin) steps within an hour
-- gives amount: how many steps
WITH step AS (
    SELECT
        (epoch_us(ended_at) // 60_000_000)::BIGINT AS minute_, tenant, feature, task_id,
        CASE WHEN task_id IS NULL THEN trace_id END AS trace_id, count(*)::BIGINT AS steps
    FROM spans
    WHERE ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
        AND suppressed_by IS NULL AND coalesce(attempt, 1) = 1 AND (billable OR operation IN ('execute_tool', 'retrieval'))
    GROUP BY ALL
),
counted AS (
    SELECT
        minute_, tenant, feature, steps,
        sum(steps) OVER (
            PARTITION BY tenant, feature, task_id, trace_id ORDER BY minute_ RANGE BETWEEN 59 PRECEDING AND CURRENT ROW
        )::DOUBLE AS reached
    FROM step
)
SELECT
    make_timestamptz(minute_ * 60 // $every::BIGINT * $every::BIGINT * 1_000_000) AS slot,
    tenant, feature, NULL::VARCHAR AS provider, NULL::VARCHAR AS model, 'steps' AS measure,
    least(35, ceil(ln(reached) / (20 * ln(1.02))))::INTEGER AS bin, sum(steps)::DOUBLE AS amount
FROM counted
WHERE $since IS NULL OR make_timestamptz(minute_ * 60_000_000) >= $since
GROUP BY ALL
ORDER BY slot, tenant, feature, bin
