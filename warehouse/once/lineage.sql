-- Inheritance: tenant, feature, user, session, task and prompt come from the nearest ancestor that has one; the nearest
-- enclosing model call is noted, and whether work of another kind (a tool, a retrieval, a guardrail) lies between. Walks
-- down from the spans whose parent is not here; columns *_from hold the row that the value stands in. A better rank of an
-- ancestor goes before the span's own, but for rank 0: a tenant that the gateway stamped holds for its own message only,
-- and between two messages that it stamped for different tenants nothing is handed down. Spans in a circle of parents are
-- never reached and inherit nothing.
CREATE TEMP TABLE lineage AS
WITH RECURSIVE walk AS (
    SELECT
        s.ledger, s.trace_id, s.span_id, s.row, s.is_call, s.is_work,
        NULL::BIGINT AS outer_call, false AS outer_work,
        s.stamped_for AS stamp,
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
        s.ledger, s.trace_id, s.span_id, s.row, s.is_call, s.is_work,
        CASE WHEN w.is_call THEN w.row ELSE w.outer_call END,
        NOT w.is_call AND (w.outer_work OR w.is_work),
        coalesce(s.stamped_for, w.stamp),
        CASE WHEN s.tenant IS NULL OR (w.tenant_rank > 0 AND w.tenant_rank < s.tenant_rank)
             THEN w.tenant_from ELSE s.row END,
        CASE WHEN s.tenant IS NULL OR (w.tenant_rank > 0 AND w.tenant_rank < s.tenant_rank)
             THEN w.tenant_rank ELSE s.tenant_rank END,
        CASE WHEN NOT w.foreign_to AND (s.feature IS NULL OR (w.feature_rank > 0 AND w.feature_rank < s.feature_rank))
             THEN w.feature_from WHEN s.feature IS NOT NULL THEN s.row END,
        CASE WHEN NOT w.foreign_to AND (s.feature IS NULL OR (w.feature_rank > 0 AND w.feature_rank < s.feature_rank))
             THEN w.feature_rank ELSE s.feature_rank END,
        CASE WHEN s.user_id IS NOT NULL THEN s.row WHEN NOT w.foreign_to THEN w.user_from END,
        CASE WHEN s.session_id IS NOT NULL THEN s.row WHEN NOT w.foreign_to THEN w.session_from END,
        CASE WHEN s.task_id IS NOT NULL THEN s.row WHEN NOT w.foreign_to THEN w.task_from END,
        CASE WHEN coalesce(s.prompt_name, s.prompt_version) IS NOT NULL THEN s.row
             WHEN NOT w.foreign_to THEN w.prompt_from END
    FROM span AS s
    JOIN (
        SELECT walk.*, s.row AS inner_row, coalesce(s.stamped_for <> walk.stamp, false) AS foreign_to
        FROM walk
        JOIN span AS s ON s.ledger = walk.ledger AND s.trace_id = walk.trace_id AND s.parent_span_id = walk.span_id
    ) AS w ON w.inner_row = s.row
)
SELECT row, outer_call, outer_work, stamp, tenant_from, tenant_rank, feature_from, feature_rank, user_from, session_from,
    task_from, prompt_from
FROM walk;

CREATE TEMP TABLE call AS
SELECT s.*, l.outer_call, coalesce(l.outer_work, false) AS outer_work
FROM span AS s
LEFT JOIN lineage AS l USING (row)
WHERE s.is_call;
