-- What calls cost and what became of their tasks, by the same dimensions: `totals`. Averages are of what has a price: those of tasks
-- divide what is `priced_` here. Review is reckoned per task in whole picodollars, and divided between the models, providers … that it
-- counts with, so that groups add up.
{booked.sql},
{tasks.sql},
lines AS (
    SELECT {columns}
        if({by_kind}, 0, calls) AS calls, if({by_kind}, 0, priced_calls) AS priced_calls, if({by_kind}, 0, retries) AS retries,
        if(NOT {by_kind} AND status <> 'ok', calls, 0) AS failed_calls,
        input_tokens, cached_input_tokens, output_tokens, priced_tokens, cost_usd,
        failed_cost_usd + superseded_cost_usd
            + if(outcome = 'failure', cost_usd - failed_cost_usd - superseded_cost_usd, 0) AS waste_usd,
        true AS is_there
    FROM booked
    WHERE {where}
),
whole_lines AS (  -- calls have all kinds of tokens: by kind they are counted once, apart from the kinds
    SELECT {columns} calls, priced_calls, retries, if(status <> 'ok', calls, 0) AS failed_calls
    FROM (SELECT *, NULL::VARCHAR AS token_kind FROM booked_)
    WHERE {by_kind} AND {where_of_tasks}
),
counts AS (
    SELECT {columns}
        weight AS tasks,
        if(outcome = 'success', weight, 0) AS successful_tasks,
        if(outcome = 'failure', weight, 0) AS failed_tasks,
        if(outcome = 'success' AND safe = 'safe', weight, 0) AS safe_successful_tasks,
        if(safe IN ('safe', 'unsafe'), weight, 0) AS judged_safe_tasks,
        if(is_priced, weight, 0) AS priced_tasks,
        if(is_priced AND outcome = 'success', weight, 0) AS priced_successful_tasks,
        if(is_priced AND outcome = 'failure', weight, 0) AS priced_failed_tasks,
        if(is_priced AND outcome = 'success' AND safe = 'safe', weight, 0) AS priced_safe_successful_tasks,
        is_priced,
        if(coalesce({where}, false), weight * part_of(micros_, nth_, of_), 0) AS review_micros,  -- adds up in any order
        if(coalesce({where}, false), weight * part_of(
            rounded(micros_ * ($review_usd_per_hour * 1000000)::HUGEINT, 60), nth_, of_
        ), 0) AS review_picos,
        NOT {by_kind} OR coalesce(review_minutes <> 0 AND {where}, false) AS is_there
    FROM (SELECT *, round(review_minutes * 1000000)::HUGEINT AS micros_ FROM told)
    WHERE {where_of_tasks}
),
tasks_of AS (
    SELECT {keys} user_, sum(weight) AS tasks_, sum(if(is_priced, weight, 0)) AS priced_
    FROM (SELECT {columns} weight, is_priced, unnest(users) AS user_ FROM told WHERE {where_of_tasks})
    GROUP BY ALL
),
people AS (
    SELECT {keys} count(*) FILTER (tasks_ > 0) AS active_users, count(*) FILTER (priced_ > 0) AS priced_users
    FROM tasks_of
    GROUP BY ALL
),
sums AS (
    SELECT
        {keys}
        coalesce(sum(calls), 0)::BIGINT AS calls,
        coalesce(sum(priced_calls), 0)::BIGINT AS priced_calls,
        coalesce(sum(failed_calls), 0)::BIGINT AS failed_calls,
        coalesce(sum(retries), 0)::BIGINT AS retries,
        CASE WHEN {tells_tasks} THEN coalesce(sum(tasks), 0)::BIGINT END AS tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(successful_tasks), 0)::BIGINT END AS successful_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(failed_tasks), 0)::BIGINT END AS failed_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(safe_successful_tasks), 0)::BIGINT END AS safe_successful_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(judged_safe_tasks), 0)::BIGINT END AS judged_safe_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(max(active_users), 0)::BIGINT END AS active_users,
        CASE WHEN {tells_tasks} THEN coalesce(sum(priced_tasks), 0)::BIGINT END AS priced_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(priced_successful_tasks), 0)::BIGINT END AS priced_successful_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(priced_failed_tasks), 0)::BIGINT END AS priced_failed_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(sum(priced_safe_successful_tasks), 0)::BIGINT END
            AS priced_safe_successful_tasks,
        CASE WHEN {tells_tasks} THEN coalesce(max(priced_users), 0)::BIGINT END AS priced_users,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(priced_tokens)::BIGINT AS priced_tokens,
        coalesce(sum(cost_usd), 0) AS known_usd,
        coalesce(sum(waste_usd), 0) AS known_waste_usd,
        CASE WHEN {tells_tasks} THEN coalesce(sum(review_micros), 0)::DOUBLE / 1000000 END AS review_minutes,
        CASE WHEN {tells_tasks} THEN as_usd(coalesce(sum(review_picos), 0)) END AS review_cost_usd,
        CASE WHEN {tells_tasks} THEN as_usd(coalesce(sum(if(is_priced, review_picos, 0)), 0)) END AS priced_review_usd,
        coalesce(bool_or(is_there), false) AS is_there
    FROM (
        FROM lines UNION ALL BY NAME FROM whole_lines UNION ALL BY NAME FROM counts UNION ALL BY NAME FROM people
    )
    GROUP BY ALL
),
counted_ AS (  -- what all kinds of tokens have in common stands beside each
    SELECT * REPLACE (
        (sum(calls) OVER ({apart}))::BIGINT AS calls,
        (sum(priced_calls) OVER ({apart}))::BIGINT AS priced_calls,
        (sum(failed_calls) OVER ({apart}))::BIGINT AS failed_calls,
        (sum(retries) OVER ({apart}))::BIGINT AS retries,
        (sum(tasks) OVER ({apart}))::BIGINT AS tasks,
        (sum(successful_tasks) OVER ({apart}))::BIGINT AS successful_tasks,
        (sum(failed_tasks) OVER ({apart}))::BIGINT AS failed_tasks,
        (sum(safe_successful_tasks) OVER ({apart}))::BIGINT AS safe_successful_tasks,
        (sum(judged_safe_tasks) OVER ({apart}))::BIGINT AS judged_safe_tasks,
        (sum(active_users) OVER ({apart}))::BIGINT AS active_users,
        (sum(priced_tasks) OVER ({apart}))::BIGINT AS priced_tasks,
        (sum(priced_successful_tasks) OVER ({apart}))::BIGINT AS priced_successful_tasks,
        (sum(priced_failed_tasks) OVER ({apart}))::BIGINT AS priced_failed_tasks,
        (sum(priced_safe_successful_tasks) OVER ({apart}))::BIGINT AS priced_safe_successful_tasks,
        (sum(priced_users) OVER ({apart}))::BIGINT AS priced_users
    )
    FROM sums
),
known AS (
    SELECT
        *,
        CASE WHEN priced_calls <> 0 OR calls = 0 OR known_usd <> 0 THEN known_usd END AS cost_usd,
        CASE WHEN priced_calls <> 0 OR calls = 0 OR known_usd <> 0 OR known_waste_usd <> 0 THEN known_waste_usd END AS waste_usd
    FROM counted_
    WHERE is_there
),
totals AS (
    SELECT *, tasks - successful_tasks - failed_tasks AS unknown_tasks,
        if(review_cost_usd <> 0, coalesce(cost_usd, 0) + review_cost_usd, cost_usd + review_cost_usd) AS total_cost_usd,
        cost_usd + priced_review_usd AS priced_total_usd
    FROM known
    WHERE calls <> 0 OR tasks <> 0 OR cost_usd <> 0 OR waste_usd <> 0 OR input_tokens <> 0 OR output_tokens <> 0
        OR successful_tasks <> 0 OR failed_tasks <> 0 OR review_minutes <> 0
)
