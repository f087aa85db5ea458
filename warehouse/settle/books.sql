-- The books of `hours` as they are now, and what of that the books do not say yet: differences of sums for `ledger` and
-- `user_days`, rows that read otherwise for `tasks`; `safety_told` is what `safety.sql` makes lines of. An hour that is `alone` is too old to be made anew: what was read of it
-- since the last settlement is added, and its tasks stay as they are.

-- Attempts that were followed by another one, where the first one is a span too: a client library that tries again by itself
-- tells its last attempt only.
CREATE TEMP TABLE retried AS
SELECT trace_id FROM spans WHERE attempt > 1
UNION
SELECT trace_id FROM correction WHERE attempt > 1;

CREATE TEMP TABLE tried AS
SELECT trace_id, parent_span_id, operation, hour, max(attempt) AS last_attempt
FROM corrected_spans
WHERE attempt IS NOT NULL
    AND trace_id IN (SELECT trace_id FROM retried)
    AND hour IN (SELECT hour FROM hours)
GROUP BY ALL
HAVING min(attempt) = 1;

-- Spans whose call another trace tells: alone they make no task.
CREATE TEMP TABLE copies AS
SELECT s.trace_id, s.span_id
FROM corrected_spans AS s
ANTI JOIN corrected_spans AS b ON b.trace_id = s.trace_id AND b.span_id = s.suppressed_by
WHERE s.suppressed_by IS NOT NULL AND s.hour IN (SELECT hour FROM hours)
GROUP BY ALL;

CREATE TEMP TABLE judged AS
WITH span_of_hour AS (
    SELECT
        s.hour, s.user_id, s.started_at, s.ended_at, s.attempt, s.billable, s.was_billed,
        s.was_cost_usd, s.suppressed_by, {span_dimensions}, {token_names}, {cost_names}, {safety_names},
        coalesce(s.response_model, s.request_model) AS model,
        task_key(s.task_id, s.session_id, s.trace_id) AS task,
        task_kind(s.task_id, s.session_id, s.trace_id) AS kind,
        h.alone,
        NOT h.alone AND (s.operation IS NOT NULL OR s.task_id IS NOT NULL) AND s.suppressed_by IS DISTINCT FROM s.span_id
            AS in_task,
        coalesce(s.billable AND s.status = 'ok' AND s.attempt < t.last_attempt, false) AS is_superseded,
        c.span_id IS NOT NULL AS is_copy
    FROM corrected_spans AS s
    JOIN hours AS h ON h.hour = s.hour
    LEFT JOIN unread AS u ON u.stream = stream_of(s.source_app_id, s.source_partition)
    LEFT JOIN tried AS t
        ON t.trace_id = s.trace_id AND t.parent_span_id IS NOT DISTINCT FROM s.parent_span_id
        AND t.operation = s.operation AND t.hour = s.hour
    LEFT JOIN copies AS c ON c.trace_id = s.trace_id AND c.span_id = s.span_id
    WHERE NOT h.alone OR coalesce(s.source_offset >= u.first_offset AND s.received_at >= u.first_at, false)
)
SELECT s.*, coalesce(v.outcome, 'unknown') AS outcome, coalesce(v.safe, 'unknown') AS safe
FROM span_of_hour AS s
LEFT JOIN verdict_of AS v
    ON v.tenant IS NOT DISTINCT FROM s.tenant AND v.kind = s.kind AND v.task = s.task;

CREATE TEMP TABLE ledger_lines AS
WITH line AS (
    SELECT
        hour, {dimensions},
        billable::INT AS calls,
        (billable AND cost_usd IS NOT NULL)::INT AS priced_calls,
        (billable AND coalesce(attempt, 1) > 1)::INT AS retries,
        {tokens},
        CASE WHEN cost_usd IS NOT NULL THEN coalesce(input_tokens, 0) + coalesce(output_tokens, 0) ELSE 0 END AS priced_tokens,
        (NOT billable)::INT AS suppressed_calls,
        {costs},
        CASE WHEN status <> 'ok' THEN cost_usd END AS failed_cost_usd,
        CASE WHEN coalesce(attempt, 1) > 1 THEN cost_usd END AS retry_cost_usd,
        CASE WHEN is_superseded THEN cost_usd END AS superseded_cost_usd,
        CASE WHEN NOT billable THEN was_cost_usd END AS suppressed_cost_usd
    FROM judged
    WHERE billable OR was_billed
    UNION ALL BY NAME
    SELECT hour, {dimensions}, {taken_back}
    FROM ledger
    WHERE hour IN (SELECT hour FROM hours WHERE NOT alone)
)
SELECT
    hour::DATE AS day, hour, greatest(date_trunc('month', hour)::DATE, getvariable('months_closed_to')) AS period,
    if(hour < getvariable('closed_to'), getvariable('entry'), 'settled') AS entry,
    {dimensions}, {sums}
FROM line
GROUP BY ALL
HAVING {changed};

CREATE TEMP TABLE user_lines AS
WITH line AS (
    SELECT hour, tenant, feature, user_id, 1 AS calls, coalesce(cost_usd, 0) AS cost_usd
    FROM judged
    WHERE billable AND user_id IS NOT NULL
    UNION ALL BY NAME
    SELECT hour, tenant, feature, user_id, -calls AS calls, -cost_usd AS cost_usd
    FROM user_days
    WHERE hour IN (SELECT hour FROM hours WHERE NOT alone)
)
SELECT hour::DATE AS day, hour, tenant, feature, user_id, sum(calls)::BIGINT AS calls, sum(cost_usd)::DECIMAL(38, 12) AS cost_usd
FROM line
GROUP BY ALL
HAVING sum(calls) <> 0 OR sum(cost_usd) <> 0;

-- Of most tasks one user, model, provider, prompt, route and service is told; lists are made of those with several.
CREATE TEMP TABLE task AS
SELECT
    hour, tenant, task, kind,
    min(feature) AS feature, min(environment) AS environment, min(principal) AS principal,
    min(started_at) AS started_at, max(ended_at) AS ended_at,
    {first_and_last},
    count(*) AS spans,
    count(*) FILTER (billable) AS calls,
    count(*) FILTER (billable AND status <> 'ok') AS failed_calls,
    count(*) FILTER (billable AND coalesce(attempt, 1) > 1) AS retries,
    count(*) FILTER (operation = 'execute_tool') AS tool_calls,
    count(*) FILTER (guardrail_action = 'blocked' AND suppressed_by IS NULL) AS guardrail_blocks,
    (sum(input_tokens) FILTER (billable))::BIGINT AS input_tokens,
    (sum(output_tokens) FILTER (billable))::BIGINT AS output_tokens,
    count(*) FILTER (billable AND cost_usd IS NOT NULL) AS priced_calls,
    sum(cost_usd) FILTER (billable) AS cost_usd,
    sum(cost_usd) FILTER (billable AND status <> 'ok') AS failed_cost_usd,
    sum(cost_usd) FILTER (billable AND coalesce(attempt, 1) > 1) AS retry_cost_usd,
    sum(cost_usd) FILTER (is_superseded) AS superseded_cost_usd
FROM ({task_spans})
GROUP BY hour, tenant, task, kind
HAVING bool_or(billable) OR NOT bool_or(is_copy);

CREATE TEMP TABLE varied AS
SELECT hour, tenant, task, kind, {lists}
FROM ({task_spans})
WHERE task IN (SELECT task FROM task WHERE {some_differ})
GROUP BY hour, tenant, task, kind;

CREATE TEMP TABLE booked AS
SELECT {task_columns}
FROM (
    SELECT *
    FROM tasks
    WHERE hour IN (SELECT hour FROM hours WHERE NOT alone)
    QUALIFY row_number() OVER (PARTITION BY hour, tenant, task, kind ORDER BY settlement DESC) = 1
)
WHERE spans > 0;

CREATE TEMP TABLE task_rows AS
WITH now_ AS (
    SELECT t.* EXCLUDE ({first_and_last_names}), {listed},
        coalesce(o.outcome, 'unknown') AS outcome, o.outcome_source, coalesce(o.safe, 'unknown') AS safe, o.safe_source,
        o.decided_at, o.review_minutes
    FROM task AS t
    LEFT JOIN verdict_of AS o
        ON o.tenant IS NOT DISTINCT FROM t.tenant AND o.kind = t.kind AND o.task = t.task
    LEFT JOIN varied AS v
        ON v.hour = t.hour AND v.tenant IS NOT DISTINCT FROM t.tenant AND v.task = t.task AND v.kind = t.kind
)
SELECT n.hour::DATE AS day, {task_columns_of_n}
FROM now_ AS n
LEFT JOIN booked AS b
    ON b.hour = n.hour AND b.tenant IS NOT DISTINCT FROM n.tenant AND b.task = n.task AND b.kind = n.kind
WHERE b.hour IS NULL OR {task_otherwise}
UNION ALL
SELECT b.hour::DATE AS day, b.* REPLACE (0 AS spans)
FROM booked AS b
WHERE NOT EXISTS (
    FROM task AS n
    WHERE n.hour = b.hour AND n.tenant IS NOT DISTINCT FROM b.tenant AND n.task = b.task AND n.kind = b.kind
);

CREATE TEMP TABLE safety_told AS
SELECT hour, tenant, feature, service, model, {telling}, count(*) AS spans
FROM judged
WHERE suppressed_by IS NULL
GROUP BY ALL;

CREATE TEMP TABLE safety_combinations AS
SELECT DISTINCT {telling}
FROM safety_told;
