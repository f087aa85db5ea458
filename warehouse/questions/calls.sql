-- Single billable calls, the latest first.
-- reads corrected_spans in window
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- takes where: filter of calls = ; only these values of these dimensions
-- takes feature: text = ; only this feature
-- takes model: text = ; only this model (response, else request)
-- takes status: text = ; only calls with this status: ok, error or cancelled
-- takes error_class: text = ; only calls with this class of error, as `errors` tells it; unattributed: those without a known one
-- takes price_status: text = ; only calls with this word on their price, as `unpriced` tells it; unattributed: those without one
-- takes attempt: whole = ; only calls that are at least this attempt: 2 are the retries, as `spend` counts them
-- takes trace_id: text = ; only this trace, in hex
-- takes limit: whole = 100; how many
-- gives trace_id: raw bytes, hex in JSON and CSV
-- gives duration_ms: from start to end
-- gives ttft_ms: time to first token; NULL where the call does not stream or says nothing
-- gives user_id: their name within the tenant: docs/privacy.md
-- gives cost_usd: USD, exact; NULL with a price_status that says why
-- table ended_at, tenant, feature, model, status, duration_ms, input_tokens, output_tokens, cost_usd, price_status
WITH rows_ AS (
    SELECT *, coalesce(response_model, request_model) AS model FROM corrected_spans WHERE billable
)
SELECT
    trace_id, span_id, ended_at, tenant, feature, principal, environment, service, operation, provider,
    model, stream, status, error_class, finish_reason,
    duration_ms, ttft_ms, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    cost_usd, price_status, prompt_name, prompt_version, route, attempt,
    left(sha256(coalesce(tenant, '') || ' ' || user_id), 32) AS user_id, session_id, task_id
FROM rows_
WHERE {where}
    AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
    AND ($feature IS NULL OR feature = $feature)
    AND ($model IS NULL OR model = $model)
    AND ($status IS NULL OR status = $status)
    AND ($error_class IS NULL OR coalesce(error_class, 'unattributed') = $error_class)
    AND ($price_status IS NULL OR coalesce(price_status, 'unattributed') = $price_status)
    AND ($attempt IS NULL OR coalesce(attempt, 1) >= $attempt)
    AND ($trace_id IS NULL OR hex(trace_id) = upper($trace_id))
ORDER BY ended_at DESC, trace_id, span_id
LIMIT $limit
