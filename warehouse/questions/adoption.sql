-- How many people use it, day by day: on the day, in 7 and in 30 days up to it; who is new, came back, has left.
-- reads user_days, settlements
-- takes zone: zone of user_days = UTC; time zone in which days begin
-- takes where: filter of user_days = ; only these values of these dimensions
-- takes by: dimensions of user_days = ; what to group by; nothing = one row a day
-- takes start: hour = ; first hour; who was there before is known all the same
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives bucket: the day
-- gives daily_users: users with a call on the day, each once; a user is one of one tenant
-- gives weekly_users: in the 7 days that end with it
-- gives monthly_users: in the 30 days that end with it: those of the day before + new_users + back_users - left_users
-- gives stickiness: daily_users / monthly_users
-- gives new_users: of daily_users those without a call on any day before, as far back as the books go
-- gives returning_users: the others
-- gives back_users: of returning_users those without a call in the 30 days before
-- gives left_users: those who had their last call 30 days before, and none since
-- gives complete: whether all of the day is settled
-- table bucket, daily_users, weekly_users, monthly_users, stickiness, new_users, returning_users, back_users, left_users, complete
WITH active AS (
    SELECT {columns} tenant AS tenant_, user_id AS user_,
        epoch_us(local_time(hour, coalesce($zone, 'UTC'))) // 86400000000 AS day_
    FROM user_days
    WHERE user_id IS NOT NULL AND {where}
    GROUP BY ALL
    HAVING sum(calls) > 0
),
followed AS (
    SELECT {keys} day_,
        lag(day_) OVER (PARTITION BY {keys} tenant_, user_ ORDER BY day_) AS before_,
        lead(day_) OVER (PARTITION BY {keys} tenant_, user_ ORDER BY day_) AS after_
    FROM active
),
settled AS (
    SELECT epoch_us(local_time(max(closed_to), coalesce($zone, 'UTC'))) // 86400000000 AS open_from_,
        (epoch_us(local_time(max(closed_to), coalesce($zone, 'UTC'))) - 1) // 86400000000 AS last_
    FROM settlements
),
spans_ AS (
    SELECT {keys} min(day_) AS first_, max(day_) AS latest_ FROM active GROUP BY ALL
),
calendar AS (
    SELECT {keys} unnest(range(first_, greatest(latest_, coalesce(last_, latest_)) + 1)) AS day_
    FROM spans_ CROSS JOIN settled
),
changes AS (  -- a user counts from a day on until 7 or 30 days later, or until the next day with a call
    SELECT {keys} day_, 0 AS active_, 0 AS new_, 0 AS back_, 0 AS left_, 0 AS week_, 0 AS month_ FROM calendar
    UNION ALL
    SELECT {keys} day_, 1, if(before_ IS NULL, 1, 0), if(day_ - before_ > 30, 1, 0), 0, 1, 1 FROM followed
    UNION ALL
    SELECT {keys} least(day_ + 7, coalesce(after_, day_ + 7)), 0, 0, 0, 0, -1, 0 FROM followed
    UNION ALL
    SELECT {keys} least(day_ + 30, coalesce(after_, day_ + 30)), 0, 0, 0, if(coalesce(after_ > day_ + 30, true), 1, 0), 0, -1
    FROM followed
),
days AS (
    SELECT {keys} day_, sum(active_) AS active_, sum(new_) AS new_, sum(back_) AS back_, sum(left_) AS left_,
        sum(week_) AS week_, sum(month_) AS month_
    FROM changes
    GROUP BY ALL
),
running AS (
    SELECT * REPLACE (
        sum(week_) OVER (PARTITION BY {keys} true ORDER BY day_) AS week_,
        sum(month_) OVER (PARTITION BY {keys} true ORDER BY day_) AS month_
    )
    FROM days
),
placed AS (
    SELECT r.*, day_ < coalesce(open_from_, 0) AS is_complete,
        instant(make_timestamptz(day_ * 86400000000)::TIMESTAMP, coalesce($zone, 'UTC')) AS bucket
    FROM running AS r
    CROSS JOIN settled AS s
    WHERE day_ <= greatest(coalesce(last_, 0), (SELECT max(latest_) FROM spans_))
)
SELECT
    bucket, {keys}
    active_::BIGINT AS daily_users,
    week_::BIGINT AS weekly_users,
    month_::BIGINT AS monthly_users,
    active_::DOUBLE / nullif(month_, 0) AS stickiness,
    new_::BIGINT AS new_users,
    (active_ - new_)::BIGINT AS returning_users,
    back_::BIGINT AS back_users,
    left_::BIGINT AS left_users,
    is_complete AS complete
FROM placed
WHERE ($start IS NULL OR bucket >= $start) AND ($end IS NULL OR bucket < $end)
ORDER BY bucket, daily_users DESC, monthly_users DESC, {keys} complete
