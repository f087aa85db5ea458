-- Billable calls without a price, by provider, model, service tier and why.
-- reads spans in window
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- gives model: response model, else the requested one
-- gives price_status: unpriced_model, usage_missing or reported_only
-- gives share: of all billable calls of the same provider and model
-- gives reported_cost_usd: what the spans themselves claim, USD
WITH calls_ AS (
    SELECT *, coalesce(response_model, request_model) AS model
    FROM spans
    WHERE billable AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
),
sums AS (
    SELECT
        provider, model, service_tier, price_status,
        count(*) AS calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(reported_cost_usd) AS reported_cost_usd,
        count(DISTINCT tenant) AS tenants,
        min(ended_at) AS first_at,
        max(ended_at) AS last_at
    FROM calls_
    GROUP BY ALL
)
SELECT
    provider, model, service_tier, price_status, calls,
    calls::DOUBLE / sum(calls) OVER (PARTITION BY provider, model) AS share,
    input_tokens, output_tokens, reported_cost_usd, tenants, first_at, last_at
FROM sums
QUALIFY price_status IS NULL OR price_status NOT IN ('priced', 'free')
ORDER BY calls DESC, provider, model, price_status, service_tier
