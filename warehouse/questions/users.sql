-- Who uses it most, by the hash of their name.
-- reads user_days in window
-- takes where: filter of user_days = ; only these values of these dimensions
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes limit: whole = 100; how many
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives user_id: their name within the tenant: docs/privacy.md
-- gives active_days: days of UTC with a call
-- gives features: with a call
-- gives cost_usd: USD of what has a price
-- gives last_hour: the hour of the last call
WITH hours AS (
    SELECT tenant, user_id, feature, hour, sum(calls) AS calls, sum(cost_usd) AS cost_usd
    FROM user_days
    WHERE user_id IS NOT NULL AND ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end) AND {where}
    GROUP BY ALL
)
SELECT
    tenant, left(sha256(coalesce(tenant, '') || ' ' || user_id), 32) AS user_id,
    sum(calls)::BIGINT AS calls,
    count(DISTINCT if(calls > 0, hour::DATE, NULL)) AS active_days,
    count(DISTINCT if(calls > 0, coalesce(feature, ''), NULL)) AS features,
    sum(cost_usd) AS cost_usd,
    min(hour) FILTER (calls > 0) AS first_hour,
    max(hour) FILTER (calls > 0) AS last_hour
FROM hours
GROUP BY ALL
HAVING sum(calls) > 0
ORDER BY cost_usd DESC NULLS LAST, calls DESC, tenant, user_id
LIMIT $limit
