-- Tasks, each once: in its last hour, as it is there, with the outcome that was booked last. So windows side by side have no task in
-- common, and none is lost between them. What a month said when it was closed stands: a task that became another one later, went on,
-- got an outcome or was taken back, is taken off (`weight` = -1) and put down again as it is now (1) where that was booked (`hour_booked`).
-- `is_priced`: of its calls at least one has a price, or it made none. `told` has one row for each value of a dimension of which a task
-- may have several.
looked AS (
    SELECT t.*, s.months_closed_to AS open_from, s.closed_to
    FROM tasks AS t
    JOIN settlements AS s ON s.close_id = t.close_id
    WHERE {tells_tasks}
),
states AS (  -- how often a task was told: while the same months were open, later rows take the place of former ones
    SELECT *
    FROM (
        SELECT tenant, kind, task, open_from, max(closed_to) AS closed_to, max(hour) AS last_hour
        FROM looked
        GROUP BY tenant, kind, task, open_from
    )
    QUALIFY $start IS NULL OR bool_or(
        last_hour >= $start OR open_from::TIMESTAMPTZ >= date_trunc('month', $start::TIMESTAMPTZ)
    ) OVER (PARTITION BY tenant, kind, task)
),
said AS (
    SELECT l.* REPLACE (s.open_from AS open_from)
    FROM states AS s
    JOIN looked AS l
        ON l.tenant IS NOT DISTINCT FROM s.tenant AND l.kind = s.kind AND l.task = s.task AND l.open_from <= s.open_from
    QUALIFY row_number() OVER (
        PARTITION BY s.open_from, l.hour, l.tenant, l.task, l.kind ORDER BY l.settlement DESC
    ) = 1
),
grouped AS (
    SELECT
        tenant, kind, task, open_from, max(hour) AS hour,
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
    GROUP BY tenant, kind, task, open_from
),
placed AS (
    SELECT
        s.tenant, s.kind, s.task, s.open_from, hour_booked(g.hour, s.open_from, s.closed_to) AS hour,
        g.task IS NOT NULL AS is_there, g.* EXCLUDE (tenant, kind, task, open_from, hour)
    FROM states AS s
    LEFT JOIN grouped AS g
        ON g.tenant IS NOT DISTINCT FROM s.tenant AND g.kind = s.kind AND g.task = s.task AND g.open_from = s.open_from
),
standing_ AS (  -- the last state, and those that stood when their month was closed
    SELECT *
    FROM placed
    QUALIFY coalesce(
        hour < (lead(open_from) OVER (PARTITION BY tenant, kind, task ORDER BY open_from))::TIMESTAMPTZ, true
    )
),
followed AS (
    SELECT *, lead(hour) OVER (PARTITION BY tenant, kind, task ORDER BY open_from) AS taken_off_at
    FROM standing_
),
signed AS (
    SELECT *, 1 AS weight FROM followed
    UNION ALL
    SELECT * REPLACE (taken_off_at AS hour), -1 AS weight FROM followed WHERE taken_off_at IS NOT NULL
),
counted AS (
    SELECT * EXCLUDE (open_from, taken_off_at, is_there)
    FROM signed
    WHERE is_there AND ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
),
told AS (
    SELECT *{of_none}{of_prompt} FROM (SELECT *{of_several} FROM counted)
)
