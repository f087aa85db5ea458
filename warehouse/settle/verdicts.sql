-- What became of each task that an outcome tells of, from `told` and `named`. An outcome is about the task that it names; else about those of the span,
-- the trace or the response that it names, within its tenant. Who knows best is believed (a person, the application, an
-- evaluator, a heuristic), of equals the last. An outcome that names a task without a tenant counts where one tenant alone
-- has a task of that name.
CREATE TEMP TABLE placed AS
WITH about AS (
    -- by the name of a task that the outcome gives, or that its session is
    SELECT outcome_id, tenant, task_key(task_id, session_id, NULL) AS task, task_kind(task_id, session_id, NULL) AS kind
    FROM told
    WHERE task_key(task_id, session_id, NULL) IS NOT NULL AND tenant IS NOT NULL
    UNION
    SELECT o.outcome_id, min(n.tenant), any_value(task_key(o.task_id, o.session_id, NULL)),
        any_value(task_kind(o.task_id, o.session_id, NULL))
    FROM told AS o
    JOIN named AS n
        ON task_key(n.task_id, n.session_id, NULL) = task_key(o.task_id, o.session_id, NULL)
        AND task_kind(n.task_id, n.session_id, NULL) = task_kind(o.task_id, o.session_id, NULL)
    WHERE o.tenant IS NULL
    GROUP BY o.outcome_id
    HAVING count(DISTINCT coalesce(n.tenant, '')) = 1
    UNION
    -- by the span, the trace or the response
    SELECT o.outcome_id, n.tenant, task_key(n.task_id, n.session_id, n.trace_id), task_kind(n.task_id, n.session_id, n.trace_id)
    FROM told AS o
    JOIN named AS n
        ON n.trace_id = o.trace_id AND (o.span_id IS NULL OR n.span_id = o.span_id)
    WHERE task_key(o.task_id, o.session_id, NULL) IS NULL AND coalesce(o.tenant = n.tenant, o.tenant IS NULL)
    UNION
    SELECT o.outcome_id, n.tenant, task_key(n.task_id, n.session_id, n.trace_id), task_kind(n.task_id, n.session_id, n.trace_id)
    FROM told AS o
    JOIN named AS n ON n.response_id = o.response_id
    WHERE task_key(o.task_id, o.session_id, NULL) IS NULL
        AND o.trace_id IS NULL AND coalesce(o.tenant = n.tenant, o.tenant IS NULL)
)
SELECT * FROM about WHERE task IS NOT NULL;

CREATE TEMP TABLE verdict_of AS
WITH said AS (
    SELECT
        p.tenant, p.kind, p.task, lower(o.name) AS name, o.source, o.observed_at, o.review_minutes, o.is_fresh,
        -- workers of before wrote a score of 1 or 0 without its label
        coalesce(lower(o.label), CASE o.score WHEN 1 THEN if(lower(o.name) = 'safe', 'safe', 'success')
            WHEN 0 THEN if(lower(o.name) = 'safe', 'unsafe', 'failure') END) AS label,
        CASE o.source WHEN 'human' THEN 0 WHEN 'explicit' THEN 1 WHEN 'evaluator' THEN 2 ELSE 3 END AS source_rank
    FROM placed AS p
    JOIN told AS o USING (outcome_id)
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
    sum(b.review_minutes) AS review_minutes,
    bool_or(b.is_fresh) AS is_fresh
FROM (
    SELECT tenant, kind, task, name, label, source, observed_at, NULL::DOUBLE AS review_minutes, false AS is_fresh FROM best
    UNION ALL
    SELECT tenant, kind, task, NULL, NULL, NULL, NULL, review_minutes, is_fresh FROM said WHERE review_minutes IS NOT NULL
    UNION ALL
    SELECT tenant, kind, task, NULL, NULL, NULL, NULL, NULL, true FROM said WHERE is_fresh AND name IN ('success', 'safe')
) AS b
GROUP BY tenant, kind, task;
