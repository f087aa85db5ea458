-- Each rate of `sums` (tenant_, feature_, category, action, events, checks) beside what it is a rate of. Which checks could have made an
-- event is decided for each feature of a tenant, so that those of a group are those of its parts.
cells AS (
    SELECT {keys} tenant_, feature_, category, sum(checks) AS own, sum(events) AS told
    FROM sums
    GROUP BY ALL
),
beside AS (
    SELECT
        *,
        category IN ('hate', 'harassment', 'sexual', 'violence', 'self_harm', 'dangerous', 'protected_material')
            OR (category NOT IN ('any', 'content_filter', 'pii', 'prompt_injection') AND told > own) AS by_filter,
        sum(own) FILTER (category = 'content_filter') OVER (PARTITION BY {keys} tenant_, feature_) AS finished,
        sum(own) FILTER (category = 'guardrail') OVER (PARTITION BY {keys} tenant_, feature_) AS unnamed
    FROM cells
),
weighed AS (
    SELECT
        {keys} category, own, by_filter AND finished > 0 AS is_of_finished,
        category NOT IN ('any', 'content_filter', 'guardrail') AND unnamed > 0 AS is_of_unnamed,
        own + CASE WHEN by_filter THEN coalesce(finished, 0) ELSE 0 END
            + CASE WHEN category IN ('any', 'content_filter', 'guardrail') THEN 0 ELSE coalesce(unnamed, 0) END AS known
    FROM beside
),
lines AS (
    SELECT
        {keys} category, action, sum(events) AS events, sum(own) AS own, sum(known) AS known,
        bool_or(is_of_finished) AS is_of_finished, bool_or(is_of_unnamed) AS is_of_unnamed
    FROM (
        SELECT {keys} category, action, events, 0 AS own, 0 AS known, false AS is_of_finished, false AS is_of_unnamed
        FROM sums
        UNION ALL BY NAME
        SELECT {keys} category, NULL AS action, 0 AS events, own, known, is_of_finished, is_of_unnamed
        FROM weighed
    )
    GROUP BY ALL
),
based AS (
    SELECT
        {keys} category, action, events,
        sum(own) OVER (PARTITION BY {keys} category) AS own,
        sum(known) OVER (PARTITION BY {keys} category) AS known,
        sum(events) OVER (PARTITION BY {keys} category) AS told,
        sum(events) OVER (PARTITION BY {keys} true) AS of_all,
        sum(events) FILTER (action IS DISTINCT FROM 'allowed') OVER (PARTITION BY {keys} category) AS triggered,
        sum(events) FILTER (action = 'blocked') OVER (PARTITION BY {keys} category) AS blocked,
        sum(own) FILTER (category IS NULL) OVER (PARTITION BY {keys} true) AS calls,
        bool_or(is_of_finished) OVER (PARTITION BY {keys} category) AS is_of_finished,
        bool_or(is_of_unnamed) OVER (PARTITION BY {keys} category) AS is_of_unnamed
    FROM lines
),
rated AS (
    SELECT
        {keys} category, action, events, triggered, blocked, calls, known,
        told = 0 AND (of_all = 0 OR category NOT IN ('content_filter', 'guardrail')) AS is_quiet,
        concat_ws(
            ' + ',
            CASE WHEN category = 'content_filter' OR is_of_finished THEN 'finished calls' END,
            CASE WHEN category NOT IN ('any', 'content_filter') AND own > 0 THEN 'checks for it' END,
            CASE WHEN is_of_unnamed THEN 'guardrail runs' END,
            CASE WHEN category = 'any' THEN 'all checks' END
        ) AS checked_over
    FROM based
),
told AS (
    SELECT
        {keys} category, action, events::BIGINT AS events,
        coalesce(nullif(known, 0), calls, 0)::BIGINT AS checked_calls,
        events::DOUBLE / nullif(coalesce(nullif(known, 0), calls), 0) AS event_rate,
        coalesce(triggered, 0)::BIGINT AS triggered,
        coalesce(triggered, 0)::DOUBLE / nullif(coalesce(nullif(known, 0), calls), 0) AS trigger_rate,
        coalesce(blocked, 0)::DOUBLE / nullif(triggered, 0) AS contained_rate,
        CASE WHEN known > 0 THEN checked_over ELSE 'billable calls' END AS checked_over,
        coalesce(calls, 0)::BIGINT AS calls
    FROM rated
    WHERE events > 0 OR (is_quiet AND action IS NULL AND category IS NOT NULL AND known > 0)
)
