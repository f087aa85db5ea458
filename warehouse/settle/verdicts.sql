-- What became of each task that an outcome tells of, from `told` and `named`. An outcome is about the tasks of the spans that it
-- names, within its tenant; without a tenant, by a task's or a session's name where one tenant alone has it. Who knows best is
-- believed (a person, the application, an evaluator, a heuristic), of equals the last.
CREATE TEMP TABLE placed AS
WITH found AS (
    SELECT o.outcome_id, o.tenant AS said_by, n.tenant, n.task, n.kind, false AS is_by_name
    FROM told AS o
    JOIN named AS n ON n.trace_id = o.trace_id AND (o.span_id IS NULL OR n.span_id = o.span_id)
    WHERE o.names = 'trace'
    UNION
    SELECT o.outcome_id, o.tenant, n.tenant, n.task, n.kind, false
    FROM told AS o
    JOIN named AS n ON n.response_id = o.response_id
    WHERE o.names = 'response'
    UNION
    SELECT o.outcome_id, o.tenant, n.tenant, n.task, n.kind, true
    FROM told AS o
    JOIN named AS n ON n.task_id = o.task_id
    WHERE o.names = 'task'
    UNION
    SELECT o.outcome_id, o.tenant, n.tenant, n.task, n.kind, true
    FROM told AS o
    JOIN named AS n ON n.session_id = o.session_id
    WHERE o.names = 'session'
),
weighed AS (
    SELECT
        *,
        min(coalesce(tenant, '')) OVER (PARTITION BY outcome_id)
            = max(coalesce(tenant, '')) OVER (PARTITION BY outcome_id) AS is_of_one
    FROM found
    WHERE task IS NOT NULL
)
SELECT outcome_id, tenant, task, kind
FROM weighed
WHERE coalesce(said_by = tenant, said_by IS NULL) AND (said_by IS NOT NULL OR is_of_one OR NOT is_by_name);

-- A person's minutes are spent once: of several tasks each has its share, in whole microminutes.
CREATE TEMP TABLE reviewed AS
SELECT p.tenant, p.kind, p.task, p.outcome_id, micros // tasks + if(nth <= micros % tasks, 1, 0) AS micros
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY outcome_id ORDER BY tenant, kind, task) AS nth,
        count(*) OVER (PARTITION BY outcome_id) AS tasks
    FROM placed
) AS p
JOIN (SELECT outcome_id, round(review_minutes * 1000000)::BIGINT AS micros FROM told WHERE review_minutes IS NOT NULL) AS o
    ON o.outcome_id = p.outcome_id;

CREATE TEMP TABLE verdict_of AS
WITH said AS (
    SELECT
        p.tenant, p.kind, p.task, lower(o.name) AS name, o.source, o.observed_at, r.micros, o.is_fresh,
        -- workers of before wrote a score of 1 or 0 without its label
        coalesce(lower(o.label), CASE o.score WHEN 1 THEN if(lower(o.name) = 'safe', 'safe', 'success')
            WHEN 0 THEN if(lower(o.name) = 'safe', 'unsafe', 'failure') END) AS label,
        CASE o.source WHEN 'human' THEN 0 WHEN 'explicit' THEN 1 WHEN 'evaluator' THEN 2 ELSE 3 END AS source_rank
    FROM placed AS p
    JOIN told AS o ON o.outcome_id = p.outcome_id
    LEFT JOIN reviewed AS r
        ON r.outcome_id = p.outcome_id AND r.tenant IS NOT DISTINCT FROM p.tenant AND r.kind = p.kind AND r.task = p.task
),
best AS (
    SELECT *
    FROM said
    WHERE (name = 'success' AND label IN ('success', 'failure')) OR (name = 'safe' AND label IN ('safe', 'unsafe'))
    QUALIFY row_number() OVER (
        PARTITION BY tenant, kind, task, name ORDER BY source_rank, observed_at DESC, label
    ) = 1
)
SELECT
    tenant, kind, task,
    coalesce(max(b.label) FILTER (b.name = 'success'), 'unknown') AS outcome,
    max(b.source) FILTER (b.name = 'success') AS outcome_source,
    coalesce(max(b.label) FILTER (b.name = 'safe'), 'unknown') AS safe,
    max(b.source) FILTER (b.name = 'safe') AS safe_source,
    max(b.observed_at) AS decided_at,
    sum(b.micros)::DOUBLE / 1000000 AS review_minutes,
    bool_or(b.is_fresh) AS is_fresh
FROM (
    SELECT tenant, kind, task, name, label, source, observed_at, NULL::BIGINT AS micros, false AS is_fresh FROM best
    UNION ALL
    SELECT tenant, kind, task, NULL, NULL, NULL, NULL, micros, is_fresh FROM said WHERE micros IS NOT NULL
    UNION ALL
    SELECT tenant, kind, task, NULL, NULL, NULL, NULL, NULL, true FROM said WHERE is_fresh AND name IN ('success', 'safe')
) AS b
GROUP BY tenant, kind, task;
