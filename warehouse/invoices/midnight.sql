-- Tokens of calls beside a UTC midnight, which a provider may count on the other day: of the day in the books, `early`
-- those that ended in its first minutes or had begun the day before (`crossed`), `late` those that ended in its last ones.
WITH near AS (
    SELECT
        s.ended_at::DATE AS day, n.as_provider AS provider, s.provider_account AS account, n.as_model AS model,
        tier_of(s.service_tier) AS tier,
        s.started_at::DATE < s.ended_at::DATE AS is_crossed,
        is_crossed OR s.ended_at - date_trunc('day', s.ended_at) < to_minutes($minutes) AS is_early,
        date_trunc('day', s.ended_at) + INTERVAL 1 DAY - s.ended_at <= to_minutes($minutes) AS is_late,
        {token_names}
    FROM corrected_spans AS s
    JOIN as_named AS n
        ON n.provider IS NOT DISTINCT FROM s.provider
        AND n.model IS NOT DISTINCT FROM coalesce(s.response_model, s.request_model)
    WHERE s.billable AND s.ended_at >= $start AND s.ended_at < $end::DATE + INTERVAL 1 DAY AND n.as_provider IN (FROM compared)
)
SELECT day, provider, account, model, tier, is_crossed, is_early, is_late, {tokens}
FROM near
WHERE is_early OR is_late
GROUP BY ALL;
