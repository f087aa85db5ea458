-- How far each feature has come: how many of the tenants and of the users use it.
-- reads ledger in window, settlements, user_days in window
-- takes where: filter of user_days = ; only these values of these dimensions
-- takes by: dimensions of user_days = feature; what to group by; nothing = one row
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives tenants: tenants with a call
-- gives of_tenants: tenants with any call, within the filter
-- gives tenant_share: tenants / of_tenants
-- gives users: users with a call, each once; a user is one of one tenant
-- gives of_users: users with any call, within the filter
-- gives user_share: users / of_users
-- gives user_calls: calls that tell their user
-- gives user_coverage: user_calls / calls: of so many calls the users are known
-- gives cost_usd: USD of all billed calls, exact; NULL where nothing is priced
-- table tenants, of_tenants, tenant_share, users, of_users, user_share, calls, user_coverage, cost_usd
WITH {booked.sql},
used AS (
    SELECT {columns} tenant AS tenant_, sum(calls) AS calls, sum(priced_calls) AS priced_calls, sum(cost_usd) AS cost_usd
    FROM booked
    WHERE {where}
    GROUP BY ALL
),
people AS (
    SELECT {columns} tenant AS tenant_, user_id AS user_, sum(calls) AS calls_
    FROM user_days
    WHERE user_id IS NOT NULL AND ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end) AND {where}
    GROUP BY ALL
    HAVING sum(calls) > 0
),
whole_ AS (
    SELECT
        (SELECT count(DISTINCT tenant_) FROM used WHERE calls > 0) AS of_tenants,
        (SELECT count(*) FROM (SELECT DISTINCT tenant_, user_ FROM people)) AS of_users
),
facts AS (
    SELECT {keys} calls, priced_calls, cost_usd, if(calls > 0, tenant_, NULL) AS tenant_, 0 AS user_, 0 AS calls_ FROM used
    UNION ALL
    SELECT {keys} 0, 0, 0, NULL, 1, calls_ FROM people
),
sums AS (
    SELECT {keys} count(DISTINCT tenant_) AS tenants, sum(user_) AS users, sum(calls) AS calls, sum(calls_) AS user_calls,
        sum(priced_calls) AS priced_calls, sum(cost_usd) AS cost_usd
    FROM facts
    GROUP BY ALL
)
SELECT
    {keys}
    tenants, of_tenants, tenants::DOUBLE / nullif(of_tenants, 0) AS tenant_share,
    users::BIGINT AS users, of_users, users::DOUBLE / nullif(of_users, 0) AS user_share,
    calls::BIGINT AS calls, user_calls::BIGINT AS user_calls, user_calls::DOUBLE / nullif(calls, 0) AS user_coverage,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN cost_usd END AS cost_usd
FROM sums
CROSS JOIN whole_
WHERE calls <> 0 OR users <> 0
ORDER BY tenants DESC, users DESC, calls DESC, {keys} cost_usd
