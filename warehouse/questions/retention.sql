-- Of those who first came in a week, how many came in each week after it.
-- reads user_days, settlements
-- takes zone: zone of user_days = UTC; time zone in which weeks begin, on Mondays
-- takes where: filter of user_days = ; only these values of these dimensions
-- takes start: hour = ; first beginning of a week of first use
-- takes end: hour = ; first such beginning after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives cohort: the week of their first call
-- gives weeks_after: 0 = that week
-- gives cohort_users: how many they are; a user is one of one tenant
-- gives users: those of them with a call in that week
-- gives retained: users / cohort_users
-- gives complete: whether all of that week is settled
WITH active AS (
    SELECT tenant, user_id, (epoch_us(local_time(hour, coalesce($zone, 'UTC'))) // 86400000000 + 3) // 7 AS week_  -- 1970-01-05 was a Monday
    FROM user_days
    WHERE user_id IS NOT NULL AND {where}
    GROUP BY ALL
    HAVING sum(calls) > 0
),
cohorts AS (
    SELECT *, min(week_) OVER (PARTITION BY tenant, user_id) AS first_ FROM active
),
settled AS (
    SELECT (epoch_us(local_time(max(closed_to), coalesce($zone, 'UTC'))) // 86400000000 + 3) // 7 AS open_from_ FROM settlements
),
latest AS (
    SELECT greatest(max(week_), (SELECT coalesce(max(open_from_), 0) FROM settled)) AS last_ FROM active
),
counted AS (
    SELECT first_, week_ - first_ AS after_, count(*) AS users FROM cohorts GROUP BY ALL
),
grid AS (
    SELECT first_, users AS size_, unnest(range(0, last_ - first_ + 1)) AS after_
    FROM counted CROSS JOIN latest
    WHERE after_ = 0
),
placed AS (
    SELECT g.after_, g.size_, coalesce(c.users, 0) AS users_, g.first_ + g.after_ < coalesce(s.open_from_, 0) AS is_complete,
        instant(make_timestamptz((g.first_ * 7 - 3) * 86400000000)::TIMESTAMP, coalesce($zone, 'UTC')) AS cohort
    FROM grid AS g
    LEFT JOIN counted AS c ON c.first_ = g.first_ AND c.after_ = g.after_
    CROSS JOIN settled AS s
)
SELECT
    cohort, after_::BIGINT AS weeks_after, size_::BIGINT AS cohort_users, users_::BIGINT AS users,
    users_::DOUBLE / size_ AS retained, is_complete AS complete
FROM placed
WHERE ($start IS NULL OR cohort >= $start) AND ($end IS NULL OR cohort < $end)
ORDER BY cohort, weeks_after
