-- All spans of one trace, each once, in the order in which they began: who called what, how long it took, what it cost.
-- reads corrected_spans in window
-- takes trace_id: text = ; the trace, in hex
-- takes start: time = ; first end of a span; nothing looks through the whole lake
-- takes end: time = ; first end of a span after
-- takes limit: whole = 1000; how many spans
-- gives offset_ms: from the start of the first span of the trace to that of this one
-- gives name: of the tool, the agent or the model, as the operation has it
-- gives suppressed_by: the span that is billed in the place of this one
-- table offset_ms, duration_ms, operation, name, status, input_tokens, output_tokens, cost_usd, ttft_ms
SELECT
    trace_id, span_id, parent_span_id, started_at, ended_at,
    greatest(epoch_us(started_at) - min(epoch_us(started_at)) OVER (), 0) / 1000.0 AS offset_ms,
    duration_ms, operation, coalesce(tool_name, agent_name, response_model, request_model) AS name,
    provider, coalesce(response_model, request_model) AS model, tool_name, agent_name,
    tenant, feature, principal, service, environment, prompt_name, prompt_version, route, attempt, stream,
    status, error_class, http_status, finish_reason, safety_category, guardrail_action, safety_findings,
    ttft_ms, tpot_ms, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
    billable, suppressed_by, cost_usd, price_status, convention
FROM corrected_spans
WHERE hex(trace_id) = upper($trace_id) AND suppressed_by IS DISTINCT FROM span_id
    AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
ORDER BY started_at, parent_span_id NULLS FIRST, span_id, source_partition, source_offset
LIMIT $limit
