-- What the books have of the days, providers, accounts, models and tiers that are compared. `is_late`: booked after the
-- bill was made. `as_named` has the names of providers and models as both sides are joined, `made` when bills were made.
SELECT
    l.day, n.as_provider AS provider, l.provider_account AS account, n.as_model AS model, tier_of(l.service_tier) AS tier,
    l.price_status IN ('priced', 'free') AS is_priced,
    coalesce(s.closed_at > m.made_at, false) AS is_late,
    any_value(l.provider) AS said_provider, any_value(l.model) AS said_model, any_value(l.service_tier) AS said_tier,
    sum(l.calls)::BIGINT AS calls,
    coalesce(sum(l.calls) FILTER (l.price_status = 'usage_missing'), 0)::BIGINT AS without_usage,
    {tokens}, {costs}
FROM ledger AS l
JOIN as_named AS n ON n.provider IS NOT DISTINCT FROM l.provider AND n.model IS NOT DISTINCT FROM l.model
JOIN settlements AS s USING (close_id)
LEFT JOIN made AS m ON m.provider = n.as_provider AND m.day = l.day
WHERE l.day >= $start AND l.day < $end AND n.as_provider IN (FROM compared)
GROUP BY ALL;
