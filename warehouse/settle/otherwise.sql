-- Tasks of which outcomes say something else than the books, since the hour `tasks_since`.
CREATE TEMP TABLE otherwise AS
SELECT
    t.hour,
    t.outcome <> 'unknown' OR t.safe <> 'unknown' OR t.review_minutes IS NOT NULL AS was_decided,
    coalesce(v.is_fresh, false) AS is_fresh
FROM (
    FROM tasks
    WHERE hour >= getvariable('tasks_since')
    QUALIFY row_number() OVER (PARTITION BY hour, tenant, task, kind ORDER BY settlement DESC) = 1
) AS t
LEFT JOIN verdict_of AS v
    ON v.tenant IS NOT DISTINCT FROM t.tenant AND v.kind = t.kind AND v.task = t.task
WHERE t.spans > 0 AND (
    t.outcome <> coalesce(v.outcome, 'unknown') OR t.safe <> coalesce(v.safe, 'unknown')
    OR t.outcome_source IS DISTINCT FROM v.outcome_source OR t.safe_source IS DISTINCT FROM v.safe_source
    OR t.decided_at IS DISTINCT FROM v.decided_at OR t.review_minutes IS DISTINCT FROM v.review_minutes
);
