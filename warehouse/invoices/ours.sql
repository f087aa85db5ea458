-- What the books have of the days, providers, accounts, models and tiers that are compared. `is_late`: booked after the
-- bill was made and not in its hour's first settlement, which may come late itself, unless the day was not over then.
-- `as_named` has the names of providers and models as both sides are joined, `made` when bills were made,
-- `marked` what tenants are charged on top of prices.
SELECT
    l.day, n.as_provider AS provider, l.provider_account AS account, n.as_model AS model, tier_of(l.service_tier) AS tier,
    l.price_status IN ('priced', 'free') AS is_priced,
    coalesce(s.closed_at > m.made_at AND (l.entry <> 'settled' OR l.day >= m.made_at::DATE), false) AS is_late,
    coalesce(k.percent, 0) AS markup_percent,
    any_value(l.provider) AS said_provider, any_value(l.model) AS said_model, any_value(l.service_tier) AS said_tier,
    sum(l.calls)::BIGINT AS calls,
    coalesce(sum(l.calls) FILTER (l.price_status = 'usage_missing'), 0)::BIGINT AS without_usage,
    {tokens}, {costs}
FROM ledger AS l
JOIN as_named AS n ON n.provider IS NOT DISTINCT FROM l.provider AND n.model IS NOT DISTINCT FROM l.model
JOIN settlements AS s USING (close_id)
LEFT JOIN made AS m ON m.provider = n.as_provider AND m.day = l.day
LEFT JOIN marked AS k
    ON k.payer IS NOT DISTINCT FROM payer_of(l.tenant) AND k.provider IS NOT DISTINCT FROM l.provider
    AND k.model IS NOT DISTINCT FROM l.model AND k.service_tier IS NOT DISTINCT FROM l.service_tier
    AND k.price_version = l.price_version AND k.since IS NOT DISTINCT FROM marked_since(l.hour)
WHERE l.day >= $start AND l.day < $end AND n.as_provider IN (FROM compared)
GROUP BY ALL;
