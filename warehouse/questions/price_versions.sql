-- The price tables that calls were priced with: since when, until when, how many.
-- reads spans in window, corrections in window
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- gives price_version: catalogue, then fingerprints of the price book and of the own prices
-- gives calls: billable calls as the stream priced them; of a version that only settlement or repricing used, as these did
-- gives first_started_at: earliest start of one of them, which is the instant of its price
-- gives cost_usd: USD, exact; NULL where nothing is priced
WITH priced AS (
    SELECT price_version, cost_usd, started_at, ended_at, billable, false AS is_anew FROM spans
    UNION ALL
    SELECT price_version, cost_usd, started_at, ended_at, billable, true FROM corrections
)
SELECT
    price_version,
    count(*) AS calls,
    sum(cost_usd) AS cost_usd,
    min(started_at) AS first_started_at,
    max(started_at) AS last_started_at
FROM priced
WHERE billable AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
GROUP BY price_version, is_anew
QUALIFY NOT is_anew OR (price_version IS NOT NULL AND count(*) OVER (PARTITION BY price_version) = 1)
ORDER BY last_started_at DESC, price_version
