-- The models in use, with what decides their prices, the busiest first.
-- reads corrected_spans in window
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- gives model: response model, else the requested one
-- gives calls: billable calls
-- gives cost_usd: USD, exact; NULL where nothing is priced
SELECT
    tenant, provider,
    coalesce(response_model, request_model) AS model,
    service_tier,
    count(*) AS calls,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(cost_usd) AS cost_usd,
    min(ended_at) AS first_at,
    max(ended_at) AS last_at
FROM corrected_spans
WHERE billable AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
GROUP BY ALL
ORDER BY calls DESC, tenant, provider, model, service_tier
