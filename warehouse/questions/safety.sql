-- Safety events by category and action, beside the calls that were checked.
-- reads safety in window
-- takes by: dimensions of safety = tenant; what to group by, besides category and action
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives events: events of this category and action
-- gives checked_calls: calls that were checked at all, of the same group
-- gives event_rate: events / checked_calls
WITH facts AS (
    SELECT {columns} category, action, events, checked_calls
    FROM safety
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
),
sums AS (
    SELECT {keys} category, action, sum(events)::BIGINT AS events, sum(checked_calls) AS checked_
    FROM facts
    GROUP BY ALL
),
rated AS (
    SELECT {keys} category, action, events, sum(checked_) OVER (PARTITION BY {keys} true)::BIGINT AS checked_calls
    FROM sums
)
SELECT {keys} category, action, events, checked_calls, events::DOUBLE / nullif(checked_calls, 0) AS event_rate
FROM rated
WHERE category IS NOT NULL OR events > 0
ORDER BY events DESC, {keys} category, action
