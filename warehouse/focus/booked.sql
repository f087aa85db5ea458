-- The lines of the ledger that are booked in the month, in single tokens and picodollars. `payer`: the tenant where it
-- has prices of its own, which `payers` says.
CREATE TEMP TABLE booked AS
SELECT
    day, hour, period > date_trunc('month', hour)::DATE AS is_correction, {dimensions},
    if(tenant IN (FROM payers), tenant, NULL) AS payer,
    coalesce(price_status NOT IN ('priced', 'free'), true) AND coalesce(cost_usd, 0) = 0 AS is_unpriced,
    calls,
    {tokens},
    picodollars(coalesce(input_cost_usd, 0)) AS input_picos,
    picodollars(coalesce(cached_cost_usd, 0)) AS cached_picos,
    picodollars(coalesce(cache_write_cost_usd, 0)) AS write_picos,
    picodollars(coalesce(output_cost_usd, 0)) AS output_picos,
    picodollars(coalesce(other_cost_usd, 0)) AS other_picos
FROM ledger
WHERE period = getvariable('month');
