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
ever AS (  -- what of a task can be in the window at all, and whether it was told while other months were open
    SELECT tenant, kind, task, max(closed_to) AS closed_to, max(open_from) AS open_from, min(open_from) < max(open_from) AS is_several
    FROM looked
    GROUP BY tenant, kind, task
    HAVING $start IS NULL OR max(hour) >= $start OR max(open_from)::TIMESTAMPTZ >= date_trunc('month', $start::TIMESTAMPTZ)
),
states AS (  -- how often a task was told: while the same months were open, later rows take the place of former ones
    SELECT tenant, kind, task, open_from, closed_to, is_several, NULL::DATE AS next_from FROM ever WHERE NOT is_several
    UNION ALL
    SELECT *, lead(open_from) OVER (PARTITION BY tenant, kind, task ORDER BY open_from) AS next_from
    FROM (
        SELECT l.tenant, l.kind, l.task, l.open_from, max(l.closed_to) AS closed_to, true AS is_several
        FROM looked AS l
        JOIN ever AS e ON l.tenant IS NOT DISTINCT FROM e.tenant AND l.kind = e.kind AND l.task = e.task
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
placed AS (
    SELECT * REPLACE (hour_booked(hour, open_from, closed_to) AS hour)
    FROM (
        SELECT
            tenant, kind, task, open_from, is_several, next_from, max(closed_to) AS closed_to,
            max(hour) FILTER (spans > 0) AS hour,
            count(*) FILTER (spans > 0) > 0 AS is_there,
            nullif(arg_max(if(spans > 0, coalesce(feature, ''), NULL), hour), '') AS feature,
            nullif(arg_max(if(spans > 0, coalesce(environment, ''), NULL), hour), '') AS environment,
            nullif(arg_max(if(spans > 0, coalesce(principal, ''), NULL), hour), '') AS principal,
            flatten(list(if(spans > 0, users, NULL)) FILTER (if(spans > 0, users, NULL) IS NOT NULL)) AS users,
            {lists_of_several}
            sum(cost_usd) FILTER (spans > 0) AS cost_usd,
            coalesce(sum(guardrail_blocks) FILTER (spans > 0), 0) AS guardrail_blocks,
            sum(priced_calls) FILTER (spans > 0) > 0 OR sum(calls) FILTER (spans > 0) = 0 AS is_priced,
            arg_max(if(spans > 0, outcome, NULL), settlement) AS outcome,
            arg_max(if(spans > 0, safe, NULL), settlement) AS safe,
            arg_max(if(spans > 0, review_minutes, NULL), settlement) AS review_minutes
        FROM said
        GROUP BY tenant, kind, task, open_from, is_several, next_from
    )
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
