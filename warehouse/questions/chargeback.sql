-- Statements: what each tenant, business unit or cost centre bears by month: direct, adjusted and, in `report`, allocated.
-- reads ledger
-- takes by: dimensions of ledger = tenant; whose statements: one dimension or level
-- takes detail: dimensions of ledger_kinds = feature,model; what a line tells apart
-- takes start: time = ; first month, by the day that it begins
-- takes end: time = ; first month after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives period: first day of the month that the line is booked in
-- gives corrects: of adjustments of a month that was closed already, its first day
-- gives line: direct = as its hour was closed; adjustment = what changed afterwards; allocated = a share of shared costs
-- gives rule: of allocated lines, the name of the entry in the file of dimensions
-- gives entry: of adjustments, why: late, repriced …
-- gives settlement: of adjustments, which settlement booked them
-- gives cost_usd: USD, exact; NULL where nothing is priced
-- table period, line, rule, settlement, entry, calls, input_tokens, output_tokens, cost_usd
SELECT
    {keys}
    period,
    corrects,
    if(entry = 'settled', 'direct', 'adjustment') AS line,
    NULL::VARCHAR AS rule,
    if(entry = 'settled', NULL, entry) AS entry,
    if(entry = 'settled', NULL, settlement) AS settlement,
    sum(calls)::BIGINT AS calls,
    sum(priced_calls)::BIGINT AS priced_calls,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    CASE WHEN sum(priced_calls) <> 0 OR sum(cost_usd) <> 0 OR sum(calls) = 0 THEN sum(cost_usd) END AS cost_usd
FROM (
    SELECT {columns} period, if(period::TIMESTAMPTZ > hour, date_trunc('month', hour)::DATE, NULL) AS corrects, entry, settlement, calls, priced_calls, input_tokens, output_tokens, cost_usd
    FROM {ledger}
    WHERE ($start IS NULL OR period::TIMESTAMPTZ >= $start)
        AND ($end IS NULL OR period::TIMESTAMPTZ < $end)
)
GROUP BY ALL
HAVING sum(calls) <> 0 OR sum(priced_calls) <> 0 OR sum(input_tokens) <> 0 OR sum(output_tokens) <> 0 OR sum(cost_usd) <> 0
ORDER BY period, line DESC, corrects, cost_usd DESC NULLS LAST, {keys} settlement, entry
