-- Tasks, each once: in its last hour, as it is there, with the outcome that was booked last. So windows side by side have no task in
-- common, and none is lost between them. What a month said when it was closed stands: a task that became another one later, went on,
-- got an outcome or was taken back, is taken off (`weight` = -1) and put down again as it is now (1) where that was booked (`hour_booked`).
-- `is_priced`: of its calls at least one has a price, or it made none. `told` has one row for each value of a dimension of which a task
-- may have several, of which it is the part `nth_` of `of_`.
looked AS (
    SELECT t.*, s.months_closed_to AS open_from, s.closed_to
    FROM tasks AS t
    JOIN settlements AS s ON s.close_id = t.close_id
    WHERE {tells_tasks}
),
ever AS (  -- tasks that were told more than once, and whether while other months were open
    SELECT
        tenant, kind, task,
        max(hour) AS last_hour, max(closed_to) AS closed_to, max(open_from) AS open_from,
        min(open_from) < max(open_from) AS is_several
    FROM looked
    GROUP BY tenant, kind, task
    HAVING count(*) > 1
),
reached AS (  -- those of which something can be in the window at all
    SELECT * EXCLUDE (last_hour)
    FROM ever
    WHERE $start IS NULL OR last_hour >= $start OR open_from::TIMESTAMPTZ >= date_trunc('month', $start::TIMESTAMPTZ)
),
states AS (  -- how often such a task was told: while the same months were open, later rows take the place of former ones
    SELECT tenant, kind, task, open_from, closed_to, is_several, NULL::DATE AS next_from FROM reached WHERE NOT is_several
    UNION ALL
    SELECT *, lead(open_from) OVER (PARTITION BY tenant, kind, task ORDER BY open_from) AS next_from
    FROM (
        SELECT l.tenant, l.kind, l.task, l.open_from, max(l.closed_to) AS closed_to, true AS is_several
        FROM looked AS l
        JOIN reached AS e ON l.tenant IS NOT DISTINCT FROM e.tenant AND l.kind = e.kind AND l.task = e.task
        WHERE e.is_several
        GROUP BY l.tenant, l.kind, l.task, l.open_from
    )
),
said AS (
    SELECT l.* REPLACE (s.open_from AS open_from, s.closed_to AS closed_to), s.is_several, s.next_from
    FROM states AS s
    JOIN looked AS l
        ON l.tenant IS NOT DISTINCT FROM s.tenant AND l.kind = s.kind AND l.task = s.task AND l.open_from <= s.open_from
    QUALIFY row_number() OVER (
        PARTITION BY s.open_from, l.hour, l.tenant, l.task, l.kind ORDER BY l.settlement DESC, coalesce(l.feature, '')
    ) = 1
),
gathered AS (
    SELECT tenant, kind, task, open_from, false AS is_several, NULL::DATE AS next_from, closed_to, {task_hour.sql}
    FROM looked AS l
    ANTI JOIN ever AS e ON l.tenant IS NOT DISTINCT FROM e.tenant AND l.kind = e.kind AND l.task = e.task
    UNION ALL BY NAME
    SELECT
        tenant, kind, task, open_from, is_several, next_from, max(closed_to) AS closed_to,
        max(hour) AS hour,
        bool_or(is_there) AS is_there,
        arg_max(feature, hour) AS feature,
        arg_max(environment, hour) AS environment,
        arg_max(principal, hour) AS principal,
        flatten(list(users) FILTER (users IS NOT NULL)) AS users,
        {lists_together}
        sum(cost_usd) AS cost_usd,
        sum(guardrail_blocks) AS guardrail_blocks,
        sum(priced_calls) AS priced_calls,
        sum(calls) AS calls,
        arg_max(outcome, settlement) AS outcome,
        arg_max(safe, settlement) AS safe,
        arg_max(review_minutes, settlement) AS review_minutes
    FROM (
        SELECT tenant, kind, task, open_from, is_several, next_from, closed_to, settlement, {task_hour.sql} FROM said
    )
    GROUP BY tenant, kind, task, open_from, is_several, next_from
),
placed AS (
    SELECT
        * EXCLUDE (priced_calls, calls) REPLACE (
            hour_booked(hour, open_from, closed_to) AS hour,
            nullif(feature, '') AS feature, nullif(environment, '') AS environment, nullif(principal, '') AS principal,
            coalesce(guardrail_blocks, 0) AS guardrail_blocks
        ),
        priced_calls > 0 OR calls = 0 AS is_priced
    FROM gathered
),
standing_ AS (  -- the last state, and those that stood when their month was closed
    SELECT * EXCLUDE (closed_to, next_from) FROM placed WHERE next_from IS NULL OR hour < next_from::TIMESTAMPTZ
),
followed AS (
    SELECT *, NULL::TIMESTAMPTZ AS taken_off_at FROM standing_ WHERE NOT is_several
    UNION ALL
    SELECT *, lead(hour) OVER (PARTITION BY tenant, kind, task ORDER BY open_from) AS taken_off_at
    FROM standing_
    WHERE is_several
),
signed AS (
    SELECT *, 1 AS weight FROM followed
    UNION ALL
    SELECT * REPLACE (taken_off_at AS hour), -1 AS weight FROM followed WHERE taken_off_at IS NOT NULL
),
counted AS (
    SELECT * EXCLUDE (open_from, taken_off_at, is_there, is_several)
    FROM signed
    WHERE is_there AND ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
),
told AS (
    SELECT *{of_none}{of_prompt} FROM (SELECT *{of_several} FROM counted)
)
