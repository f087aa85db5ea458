-- Inheritance: tenant, feature, user, session, task and prompt come from the nearest ancestor that has one, and the
-- nearest enclosing model call is noted. Walks down from the spans whose parent is not here; columns *_from hold the row
-- that the value stands in. A better rank of an ancestor goes before the span's own, but for rank 0: a tenant that the
-- gateway stamped holds for its own message only. Spans in a circle of parents are never reached and inherit nothing.
CREATE TEMP TABLE lineage AS
WITH RECURSIVE walk AS (
    SELECT
        s.ledger, s.trace_id, s.span_id, s.row, s.is_call,
        NULL::BIGINT AS outer_call,
        CASE WHEN s.tenant IS NOT NULL THEN s.row END AS tenant_from, s.tenant_rank,
        CASE WHEN s.feature IS NOT NULL THEN s.row END AS feature_from, s.feature_rank,
        CASE WHEN s.user_id IS NOT NULL THEN s.row END AS user_from,
        CASE WHEN s.session_id IS NOT NULL THEN s.row END AS session_from,
        CASE WHEN s.task_id IS NOT NULL THEN s.row END AS task_from,
        CASE WHEN coalesce(s.prompt_name, s.prompt_version) IS NOT NULL THEN s.row END AS prompt_from
    FROM span AS s
    LEFT JOIN span AS p ON p.ledger = s.ledger AND p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
    WHERE p.row IS NULL
    UNION ALL
    SELECT
        s.ledger, s.trace_id, s.span_id, s.row, s.is_call,
        CASE WHEN w.is_call THEN w.row ELSE w.outer_call END,
        CASE WHEN s.tenant IS NULL OR (w.tenant_rank > 0 AND w.tenant_rank < s.tenant_rank)
             THEN w.tenant_from ELSE s.row END,
        CASE WHEN s.tenant IS NULL OR (w.tenant_rank > 0 AND w.tenant_rank < s.tenant_rank)
             THEN w.tenant_rank ELSE s.tenant_rank END,
        CASE WHEN s.feature IS NULL OR (w.feature_rank > 0 AND w.feature_rank < s.feature_rank)
             THEN w.feature_from ELSE s.row END,
        CASE WHEN s.feature IS NULL OR (w.feature_rank > 0 AND w.feature_rank < s.feature_rank)
             THEN w.feature_rank ELSE s.feature_rank END,
        CASE WHEN s.user_id IS NULL THEN w.user_from ELSE s.row END,
        CASE WHEN s.session_id IS NULL THEN w.session_from ELSE s.row END,
        CASE WHEN s.task_id IS NULL THEN w.task_from ELSE s.row END,
        CASE WHEN coalesce(s.prompt_name, s.prompt_version) IS NULL THEN w.prompt_from ELSE s.row END
    FROM walk AS w
    JOIN span AS s ON s.ledger = w.ledger AND s.trace_id = w.trace_id AND s.parent_span_id = w.span_id
)
SELECT row, outer_call, tenant_from, tenant_rank, feature_from, feature_rank, user_from, session_from, task_from, prompt_from
FROM walk;

CREATE TEMP TABLE call AS
SELECT s.*, l.outer_call
FROM span AS s
LEFT JOIN lineage AS l USING (row)
WHERE s.is_call;
