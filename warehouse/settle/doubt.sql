-- What may have to be judged again: spans that ended from `since` to `before`. `is_fresh`: no settlement has read it, and it
-- is not too old to be judged with others.
CREATE TEMP VIEW kept AS
SELECT
    trace_id, span_id, parent_span_id, tenant, service, kind_of(operation) AS kind, request_model, billable, suppressed_by,
    spans.stream, convention, coalesce(input_tokens, output_tokens) IS NOT NULL AS is_counted,
    coalesce(role = 'usage_record', false) AS is_usage_record,
    coalesce(scope_name, nullif(concat_ws(' ', convention, scope_version), '')) AS teller,
    scope_version, started_at, ended_at, duration_ms, late_chunk_at, finish_reason, response_id,
    hour_of(ended_at) AS hour,
    coalesce(number, source_partition::BIGINT + 1_000_000) * 4_398_046_511_104 + source_offset AS record,
    coalesce(source_offset >= first_offset AND received_at >= first_at AND ended_at >= getvariable('fresh_from'), false)
        AS is_fresh
FROM spans
LEFT JOIN unread ON unread.stream = stream_of(source_app_id, source_partition)
WHERE ended_at >= getvariable('since') AND ended_at < getvariable('before');

-- Response ids, as their client knows them and as vLLM does.
CREATE TEMP VIEW naming AS
SELECT trace_id, record, is_fresh, response_id AS id
FROM kept
WHERE response_id IS NOT NULL
UNION ALL
SELECT trace_id, record, is_fresh, asked_id(response_id)
FROM kept
WHERE convention = 'vllm' AND asked_id(response_id) <> response_id;

CREATE TEMP TABLE several (trace_id BLOB);
CREATE TEMP TABLE shared (id VARCHAR, is_doubtful BOOLEAN);
CREATE TEMP TABLE beside (one BLOB, other BLOB);
CREATE TEMP TABLE joined (one BLOB, other BLOB, span_id BLOB, service VARCHAR);
