-- Tasks as the last settlement has them, each once: those whose last hour is within the window, as they are in it. So windows
-- side by side have no task in common, and none is lost between them. Their outcome is the last that was booked.
-- `is_priced`: of its calls at least one has a price, or it made none. `told` has one row for each value of a dimension of which a task may have several.
said AS (
    SELECT *
    FROM tasks
    WHERE $start IS NULL OR hour >= $start
    QUALIFY row_number() OVER (PARTITION BY hour, tenant, task, kind ORDER BY settlement DESC) = 1
),
grouped AS (
    SELECT
        tenant, kind, task, max(hour) AS hour,
        nullif(arg_max(coalesce(feature, ''), hour), '') AS feature,
        nullif(arg_max(coalesce(environment, ''), hour), '') AS environment,
        nullif(arg_max(coalesce(principal, ''), hour), '') AS principal,
        flatten(list(users) FILTER (users IS NOT NULL)) AS users,
        {lists_of_several}
        sum(priced_calls) > 0 OR sum(calls) = 0 AS is_priced,
        arg_max(outcome, settlement) AS outcome,
        arg_max(safe, settlement) AS safe,
        arg_max(review_minutes, settlement) AS review_minutes
    FROM said
    WHERE spans > 0
    GROUP BY tenant, kind, task
    HAVING $end IS NULL OR max(hour) < $end
),
told AS (
    SELECT *{of_prompt} FROM (SELECT *{of_several} FROM grouped WHERE {tells_tasks})
)
