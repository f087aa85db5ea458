-- Where each value of a row is taken from: its own row, an ancestor's (lineage), or that of a span that tells of the same
-- call. Columns hold row numbers. Details of tokens come from spans that agree on their sum only; what a failure was is
-- told by spans that failed alike; a stream that looks given up, as one who watched its start saw neither usage nor end,
-- worked where another saw both. The provider is named by who says most (providers.sql), but not by a wrapper of several
-- attempts, which may name the one that it asked first. The server is told by spans of the same service alone: that which another service asked is the billed one itself, or a proxy.
-- A token count of 0 gives way to a positive one, an input without any cache to one that
-- is the same and its cache: botocore's instrumentation tells of Claude's and Nova's cache nothing. All counts give way to
-- those of a wire copy that no rule had to repair: they are the provider's own. What a rule has left unknown, since what
-- its writer counted may be read in two ways, no other span of that writer tells: it repeats the same number, and is
-- read without the doubt only because it says less (an agent's span names no provider). Whose call it is, is told by the best
-- rank, then by the trace that began first (the client's, not the gateway's), then by the nearest; where the gateway has
-- stamped two tenants, the one that is taken lends the rest too.
-- Whoever does not repeat the billed call stands for it and tells nothing of it but what only it has found (findings.py).
CREATE TEMP TABLE member AS
SELECT row AS billed, row, 0 AS nth, true AS repeats FROM verdict WHERE billable
UNION ALL
SELECT u.billed, u.row, row_number() OVER (
    PARTITION BY u.billed, u.repeats ORDER BY s.usage_rank NULLS LAST, s.started_us, s.span_id, s.row
), u.repeats
FROM successor AS u
JOIN span AS s USING (row);

CREATE TEMP TABLE told AS
SELECT
    m.billed, m.nth, s.*,
    s.service IS NOT DISTINCT FROM b.service AS asks_alike,
    CASE
        WHEN s.is_copy AND s.successor_why = 'wire_copy'
            AND s.input_tokens + s.output_tokens > 0 AND NOT contains(s.usage_semantics, '+')
        THEN m.nth - 1000
        ELSE m.nth
    END AS token_nth,
    s.status IS NOT DISTINCT FROM CASE
        WHEN b.status = 'cancelled' AND b.finish_reason IS NULL AND b.output_tokens IS NULL
            AND bool_or(s.status = 'ok' AND s.finish_reason IS NOT NULL AND s.output_tokens IS NOT NULL)
                OVER (PARTITION BY m.billed)
        THEN 'ok'
        ELSE b.status
    END AS alike,
    coalesce(l.tenant_from, CASE WHEN s.tenant IS NOT NULL THEN s.row END) AS tenant_from,
    coalesce(l.tenant_rank, s.tenant_rank) AS best_tenant,
    coalesce(l.feature_from, CASE WHEN s.feature IS NOT NULL THEN s.row END) AS feature_from,
    coalesce(l.feature_rank, s.feature_rank) AS best_feature,
    coalesce(l.user_from, CASE WHEN s.user_id IS NOT NULL THEN s.row END) AS user_from,
    coalesce(l.session_from, CASE WHEN s.session_id IS NOT NULL THEN s.row END) AS session_from,
    coalesce(l.task_from, CASE WHEN s.task_id IS NOT NULL THEN s.row END) AS task_from,
    l.prompt_from,
    l.stamp,
    min(s.started_us) OVER (PARTITION BY m.billed, s.trace_id) AS trace_began
FROM member AS m
JOIN span AS s ON s.row = m.row
JOIN span AS b ON b.row = m.billed
LEFT JOIN lineage AS l ON l.row = m.row
WHERE m.repeats AND m.billed IN (SELECT billed FROM member WHERE nth > 0 AND repeats);

CREATE TEMP TABLE sum_told AS
WITH sure AS (
    SELECT
        billed, row, token_nth, stamp, best_tenant, trace_began, nth,
        CASE WHEN nth = 0 OR NOT bool_or(input_tokens IS NULL AND contains(usage_semantics, '+input_unsure')) OVER of_teller
            THEN input_tokens END AS input_tokens,
        CASE WHEN nth = 0 OR NOT bool_or(output_tokens IS NULL AND contains(usage_semantics, '+output_unsure')) OVER of_teller
            THEN output_tokens END AS output_tokens
    FROM told
    WINDOW of_teller AS (PARTITION BY billed, teller)
),
best AS (
    SELECT
        billed,
        arg_min(row, token_nth + 10_000 * (input_tokens = 0)::INT) FILTER (input_tokens IS NOT NULL) AS input_from,
        arg_min(input_tokens, token_nth + 10_000 * (input_tokens = 0)::INT) FILTER (input_tokens IS NOT NULL) AS input_tokens,
        arg_min(row, token_nth + 10_000 * (output_tokens = 0)::INT) FILTER (output_tokens IS NOT NULL) AS output_from,
        arg_min(output_tokens, token_nth + 10_000 * (output_tokens = 0)::INT) FILTER (output_tokens IS NOT NULL) AS output_tokens,
        arg_min(stamp, (best_tenant, trace_began, nth)) FILTER (stamp IS NOT NULL) AS stamp
    FROM sure
    GROUP BY billed
),
-- Who tells the cache that the best counts leave out. Counts that are believed to hold the cache lack it only where the
-- other ones hold it as they were told: else both tell one number, and it is read in two ways.
whole AS (
    SELECT b.billed, arg_min(t.row, t.nth) AS input_from, arg_min(t.input_tokens, t.nth) AS input_tokens
    FROM best AS b
    JOIN told AS f ON f.row = b.input_from AND f.billed = b.billed
    JOIN told AS t ON t.billed = b.billed
    WHERE t.cached_part + t.write_part > 0
        AND t.input_tokens - t.cached_part - t.write_part = b.input_tokens
        AND coalesce(abs(t.output_tokens - b.output_tokens) <= 1, true)
        AND (starts_with(f.usage_semantics, 'exclusive') OR starts_with(t.usage_semantics, 'inclusive'))
        AND NOT EXISTS (
            FROM told AS o
            WHERE o.billed = b.billed AND o.input_tokens = b.input_tokens AND o.cached_part + o.write_part > 0
        )
    GROUP BY b.billed
)
SELECT best.* REPLACE (
    coalesce(whole.input_from, best.input_from) AS input_from,
    coalesce(whole.input_tokens, best.input_tokens) AS input_tokens
)
FROM best
LEFT JOIN whole USING (billed);

CREATE TEMP MACRO whose(told_by) AS arg_min(told_by, (trace_began, nth)) FILTER (told_by IS NOT NULL AND at_home);

CREATE TEMP TABLE merged AS
SELECT
    t.billed AS row,
    coalesce(any_value(split.request), t.billed) AS started_at,
    coalesce(any_value(s.input_from), any_value(s.output_from), t.billed) AS input_tokens,  -- with how it was read
    any_value(s.output_from) AS output_tokens,
    arg_min(t.row, nth) FILTER (cached_input_tokens IS NOT NULL AND same_input) AS cached_input_tokens,
    arg_min(t.row, nth) FILTER (cache_write_tokens IS NOT NULL AND same_input) AS cache_write_tokens,
    arg_min(t.row, nth) FILTER (cache_write_1h_tokens IS NOT NULL AND same_input) AS cache_write_1h_tokens,
    arg_min(t.row, nth) FILTER (audio_input_tokens IS NOT NULL AND same_input) AS audio_input_tokens,
    arg_min(t.row, nth) FILTER (reasoning_tokens IS NOT NULL AND same_output) AS reasoning_tokens,
    arg_min(t.row, nth) FILTER (audio_output_tokens IS NOT NULL AND same_output) AS audio_output_tokens,
    arg_min(t.row, nth + 1000 * provider_vagueness) FILTER (provider IS NOT NULL) AS provider,
    arg_min(t.row, nth) FILTER (request_model IS NOT NULL) AS request_model,
    arg_min(t.row, nth + 1000 * model_may_be_copy::INT) FILTER (response_model IS NOT NULL) AS response_model,
    arg_min(t.row, nth) FILTER (response_id IS NOT NULL) AS response_id,
    arg_min(t.row, nth) FILTER (stream IS NOT NULL) AS stream,
    arg_min(t.row, nth + 1000 * (stream IS NOT TRUE)::INT) FILTER (ttft_ms IS NOT NULL) AS ttft_ms,  -- who saw a stream first
    arg_min(t.row, nth + 1000 * (stream IS NOT TRUE)::INT) FILTER (tpot_ms IS NOT NULL) AS tpot_ms,
    arg_min(t.row, nth) FILTER (alike) AS status,
    arg_min(t.row, nth + 1000 * vagueness(error_class)) FILTER (error_class IS NOT NULL AND alike) AS error_class,
    arg_min(t.row, nth) FILTER (http_status IS NOT NULL AND alike) AS http_status,
    arg_min(t.row, nth) FILTER (finish_reason IS NOT NULL AND alike) AS finish_reason,
    arg_min(t.row, nth) FILTER (reported_cost_usd IS NOT NULL) AS reported_cost_usd,
    arg_min(t.row, nth) FILTER (service_tier IS NOT NULL) AS service_tier,
    arg_min(t.row, nth) FILTER (server_address IS NOT NULL AND asks_alike) AS server_address,
    arg_min(t.row, nth) FILTER (provider_account IS NOT NULL) AS provider_account,
    arg_min(t.row, nth) FILTER (route IS NOT NULL) AS route,
    arg_min(t.row, nth) FILTER (attempt IS NOT NULL) AS attempt,
    arg_min(tenant_from, (best_tenant, trace_began, nth)) FILTER (tenant_from IS NOT NULL) AS tenant,
    arg_min(feature_from, (best_feature, trace_began, nth)) FILTER (feature_from IS NOT NULL AND at_home) AS feature,
    whose(user_from) AS user_id,
    whose(session_from) AS session_id,
    whose(task_from) AS task_id,
    whose(prompt_from) AS prompt_name
FROM (
    SELECT
        told.*,
        told.input_tokens IS NOT DISTINCT FROM sum_told.input_tokens
            AND coalesce(abs(told.output_tokens - sum_told.output_tokens) <= 1, true) AS same_input,
        told.output_tokens IS NOT DISTINCT FROM sum_told.output_tokens AS same_output,
        coalesce(told.stamp = sum_told.stamp, true) AS at_home,
        CASE
            WHEN wrapped.leaves > 1 THEN 9
            ELSE vagueness_of_word(told.provider, told.server_address)
        END AS provider_vagueness
    FROM told
    JOIN sum_told USING (billed)
    LEFT JOIN wrapped ON wrapped.outer_row = told.row
) AS t
JOIN sum_told AS s ON s.billed = t.billed
LEFT JOIN split ON split.record = t.billed
GROUP BY t.billed;

CREATE TEMP TABLE inherited AS
SELECT
    row,
    coalesce(tenant_from, row) AS tenant,
    coalesce(feature_from, row) AS feature,
    coalesce(user_from, row) AS user_id,
    coalesce(session_from, row) AS session_id,
    coalesce(task_from, row) AS task_id,
    coalesce(prompt_from, row) AS prompt_name
FROM lineage
WHERE row NOT IN (SELECT row FROM merged);
