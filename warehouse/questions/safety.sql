-- Guardrail and filter events by category and action, each rate beside what it is a rate of; first those of any category.
-- reads safety in window by bucket
-- takes bucket: bucket of safety = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes by: dimensions of safety = tenant; what to group by, besides category and action
-- takes where: filter of safety = ; only these values of these dimensions
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- takes as_of_settlement: whole = ; final numbers as of this settlement, as `settled-safety` tells them
-- books settled-safety
-- gives model_family: a model without its date, the same of calls that failed and of others; of `model` what failed is apart
-- gives category: what was found or, beside allowed, what was looked for; any = spans with an event, once each: the total
-- gives action: blocked, redacted, flagged or allowed; null = nobody says
-- gives events: events of this category and action; 0 = looked for, and nothing came of it
-- gives checked_calls: calls and guardrail runs that were checked for this category, of the same group
-- gives event_rate: events / checked_calls
-- gives triggered: events of this category with any action but allowed
-- gives trigger_rate: triggered / checked_calls
-- gives contained_rate: blocked / triggered of this category; of prompt_injection: attacks that went no further
-- gives checked_over: what checked_calls counts: finished calls, checks for the category, guardrail runs, or all of them
-- gives calls: billable calls of the same group, checked or not
-- table category, action, events, checked_calls, event_rate, trigger_rate, contained_rate, checked_over, calls
WITH sums AS (
    SELECT
        {columns} tenant AS tenant_, feature AS feature_, category, action, sum(events) AS events, sum(checked_calls) AS checks
    FROM safety
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
    GROUP BY ALL
),
{safety_rates.sql}
FROM told
ORDER BY {bucket} category = 'any' DESC, events DESC, {keys} category, action
