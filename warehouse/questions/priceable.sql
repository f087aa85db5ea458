-- Billable calls with all that decides what they cost, one by one: to price them with other prices.
-- reads corrected_spans in window
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- gives units: what is billed otherwise than by the token (searches, pages, seconds …)
-- gives usage_semantics: how the tokens were counted, and by which rule they are not believed
-- gives reported_cost_usd: what the span itself claims, USD
-- gives cost_usd: USD, exact; NULL where it is not priced
SELECT
    tenant, operation, provider, request_model, response_model, service_tier, server_address, started_at, ended_at,
    reported_cost_usd,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens,
    units, usage_semantics, cost_usd
FROM corrected_spans
WHERE billable AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
ORDER BY ended_at, trace_id, span_id
