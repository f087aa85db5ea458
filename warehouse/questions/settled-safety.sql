-- Guardrail and filter events by the settled books: each span once, for the tenant and feature that settlement found; final.
-- reads safety_hours in window
-- takes bucket: bucket of safety_hours = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes by: dimensions of safety_hours = tenant; what to group by, besides category and action
-- takes where: filter of safety_hours = ; only these values of these dimensions
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
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
    FROM safety_hours
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end) AND {where}
    GROUP BY ALL
    HAVING sum(events) <> 0 OR sum(checked_calls) <> 0
),
{safety_rates.sql}
FROM told
ORDER BY {bucket} category = 'any' DESC, events DESC, {keys} category, action
