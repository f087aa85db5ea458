-- What the once rules read, from the columns that the lake keeps; `spans` also carries `row`, a number of its own per
-- row, and `ledger`. A flush knew more (flush.sql) and has filled gaps from what it suppressed, so what it decided holds: of the
-- spans that it looked at only those that it billed are judged again, together with those of other flushes (and `reopened`).
--
-- A tenant or feature that the flush took from another span (rank 4 and more) stands behind one of the same rank that a span
-- tells itself: who lent it is here too, and what is nearer may have come since. Of rows without ranks all are explicit.
CREATE TEMP MACRO rank_as_told(rank) AS coalesce(2 * (rank % 4) + (rank > 4)::INTEGER, 2);

CREATE TEMP VIEW given AS
SELECT
    ledger,  -- rules never look from one into another; a lake is one
    row,
    trace_id, span_id, parent_span_id,
    operation IN ('chat', 'text_completion', 'embeddings', 'rerank', 'image', 'speech', 'transcription')
        AND (billable OR (suppressed_by IS NOT NULL AND suppressed_by IS DISTINCT FROM parent_span_id)) AS is_call,
    suppressed_by AS successor_id,  -- decided already: the span that tells of the same call
    'told_before' AS successor_why,
    convention = 'logfire' AND duration_ms * 1000 > epoch_us(ended_at) - epoch_us(started_at) + 1 AS is_usage_record,
    coalesce(convention = 'logfire' AND duration_ms * 1000 < epoch_us(ended_at) - epoch_us(started_at) - 1, false)
        AS has_request,  -- a usage record that a flush has put to the start of its request: a whole stream, and no half of one
    operation = 'task' AND response_id IS NOT NULL AS is_fetch,  -- asks for a response that another call has made
    operation IN ('execute_tool', 'retrieval', 'guardrail', 'evaluation') AND suppressed_by IS NULL AS is_work,
    convention,
    coalesce(scope_name, nullif(concat_ws(' ', convention, scope_version), '')) AS teller, scope_version,  -- which instrumentation speaks
    service, operation, provider, request_model, response_model,
    response_model IS NOT DISTINCT FROM request_model AS model_may_be_copy,  -- written where no answer came
    response_id,
    started_at, ended_at, original_ended_at, clock_skew,
    duration_ms AS reported_ms,  -- of a usage record: how long the call took that it belongs to
    epoch_us(late_chunk_at) AS late_chunk_us,  -- of a stream that was handed over: when its first chunk came, after the span's end
    status, error_class, http_status, finish_reason, stream, ttft_ms, tpot_ms,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, audio_input_tokens,
    output_tokens, reasoning_tokens, audio_output_tokens,
    usage_semantics,  -- whether the input is believed to hold the cache
    NULL::TINYINT AS usage_rank,  -- 0 = the best counts; NULL: as its convention is known for
    reported_cost_usd, service_tier, server_address, server_port, provider_account, route, attempt,
    safety_category, guardrail_action, pii_detected, injection_detected,
    tenant, CASE WHEN tenant IS NOT NULL THEN rank_as_told(stored.tenant_rank) END AS tenant_rank,
    CASE WHEN stored.tenant_rank = 0 THEN tenant END AS stamped_for,  -- a gateway's word for the span's own message
    CASE
        WHEN stored.tenant_rank = 0 OR (coalesce(stored.tenant_rank, 4) = 4 AND principal <> service) THEN 'API key'
        WHEN stored.tenant_rank < 4 THEN stored.tenant_rank::VARCHAR
        ELSE message
    END AS tenant_standing,  -- only equal ones are compared: of what others lent a flush has seen all of one message
    feature, CASE WHEN feature IS NOT NULL THEN rank_as_told(stored.feature_rank) END AS feature_rank,
    CASE WHEN stored.feature_rank < 4 THEN stored.feature_rank::VARCHAR ELSE message END AS feature_standing,
    user_id, coalesce(tenant, '') AS hashed_for,  -- whose key the user's id is hashed with
    session_id, task_id, prompt_name, prompt_version,
    epoch_us(received_at) AS received_us, source_partition, source_offset
FROM (SELECT *, concat_ws(' ', source_partition, source_offset, received_at) AS message FROM spans) AS stored;
