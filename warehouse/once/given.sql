-- What the once rules read: spans as they were told, of one flush or of the lake (told.py).
CREATE TEMP VIEW given AS
SELECT
    _ledger AS ledger,
    _row AS row,
    trace_id, span_id, parent_span_id,
    _model_call AND _role <> 'repeat' AS is_call,
    suppressed_by AS successor_id,
    CASE WHEN _role = 'repeat' THEN 'wire_copy' WHEN _decided = suppressed_by THEN 'told_before' ELSE 'tried_again' END
        AS successor_why,
    _role = 'usage_record' AS is_usage_record,
    _role = 'fetch' AS is_fetch,
    _role <> 'repeat' AND operation IN ('execute_tool', 'retrieval', 'guardrail', 'evaluation') AS is_work,
    convention, coalesce(scope_name, nullif(concat_ws(' ', convention, scope_version), '')) AS teller, scope_version, service, operation, provider, request_model, response_model,
    response_model IS NOT DISTINCT FROM request_model AS model_may_be_copy,
    response_id,
    started_at, ended_at, original_ended_at, clock_skew,
    duration_ms AS reported_ms,  -- of a usage record: how long the call took that it belongs to
    epoch_us(late_chunk_at) AS late_chunk_us,
    status, error_class, http_status, finish_reason, stream, ttft_ms, tpot_ms,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, audio_input_tokens,
    output_tokens, reasoning_tokens, audio_output_tokens,
    usage_semantics, _usage_rank AS usage_rank,
    reported_cost_usd, service_tier, server_address, server_port, provider_account, route, attempt,
    tenant, tenant_rank, CASE WHEN tenant_rank = 0 THEN tenant END AS stamped_for, tenant_rank::VARCHAR AS tenant_standing,
    feature, feature_rank, feature_rank::VARCHAR AS feature_standing,
    user_id, session_id, task_id, prompt_name, prompt_version,
    epoch_us(received_at) AS received_us, source_partition, source_offset
FROM spans;
