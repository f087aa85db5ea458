-- The most expensive calls, each of another trace, the dearest first.
-- reads corrected_spans in window
-- takes where: filter of both = ; only these values of these dimensions
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- takes limit: whole = 3; how many
-- gives trace_id: raw bytes, hex in JSON and CSV
-- gives model: of the response, else requested
-- gives cost_usd: USD, exact
WITH calls AS (
    SELECT *, coalesce(response_model, request_model) AS model
    FROM corrected_spans
    WHERE billable AND cost_usd IS NOT NULL AND trace_id IS NOT NULL
        AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
)
SELECT trace_id, span_id, ended_at, tenant, feature, model, principal, service, prompt_name, prompt_version, route,
    input_tokens, output_tokens, cost_usd
FROM calls
WHERE {where}
QUALIFY row_number() OVER (PARTITION BY trace_id ORDER BY cost_usd DESC, ended_at, span_id) = 1
ORDER BY cost_usd DESC, ended_at, trace_id
LIMIT $limit
