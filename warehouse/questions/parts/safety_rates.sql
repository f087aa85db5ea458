-- Each rate of `sums` (category, action, events, checks) beside what it is a rate of.
based AS (
    SELECT
        {keys} category, action, events,
        sum(checks) OVER (PARTITION BY {keys} category) AS own,
        sum(events) OVER (PARTITION BY {keys} category) AS told,
        sum(events) OVER (PARTITION BY {keys} true) AS of_all,
        sum(events) FILTER (action IS DISTINCT FROM 'allowed') OVER (PARTITION BY {keys} category) AS triggered,
        sum(events) FILTER (action = 'blocked') OVER (PARTITION BY {keys} category) AS blocked,
        sum(checks) FILTER (category = 'content_filter') OVER (PARTITION BY {keys} true) AS finished,
        sum(checks) FILTER (category = 'guardrail') OVER (PARTITION BY {keys} true) AS unnamed,
        sum(checks) FILTER (category IS NULL) OVER (PARTITION BY {keys} true) AS calls
    FROM sums
),
filtered AS (
    SELECT
        *,
        category IN ('hate', 'harassment', 'sexual', 'violence', 'self_harm', 'dangerous', 'protected_material')
            OR (category NOT IN ('any', 'content_filter', 'pii', 'prompt_injection') AND told > own) AS by_filter
    FROM based
),
rated AS (
    SELECT
        {keys} category, action, events, triggered, blocked, calls,
        told = 0 AND (of_all = 0 OR category NOT IN ('content_filter', 'guardrail')) AS is_quiet,
        coalesce(own, 0)
            + CASE WHEN by_filter THEN coalesce(finished, 0) ELSE 0 END
            + CASE WHEN category IN ('any', 'content_filter', 'guardrail') THEN 0 ELSE coalesce(unnamed, 0) END AS known,
        concat_ws(
            ' + ',
            CASE WHEN category = 'content_filter' OR (by_filter AND finished > 0) THEN 'finished calls' END,
            CASE WHEN category NOT IN ('any', 'content_filter') AND own > 0 THEN 'checks for it' END,
            CASE WHEN category NOT IN ('any', 'content_filter', 'guardrail') AND unnamed > 0 THEN 'guardrail runs' END,
            CASE WHEN category = 'any' THEN 'all checks' END
        ) AS checked_over
    FROM filtered
),
told AS (
    SELECT
        {keys} category, action, events,
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
