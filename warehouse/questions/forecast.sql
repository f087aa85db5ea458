-- What will have been spent at the end of the month, or of --to, with intervals and how good such forecasts were, in `report`.
-- reads ledger in window, settlements
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = ; what to group by; nothing = one row
-- takes start: hour = ; what was spent since then is part of it; nothing = the first of the month
-- takes end: hour = ; until when; nothing = the end of the month
-- takes bucket: bucket of ledger = day; over time
-- sums bucket: forecasts are made of days, and say what comes until --to together
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- takes now: time = ; from when; nothing = now
-- lacks tags: name one of them, tags.KEY
-- gives settled_usd: USD of settled hours since --from, exact
-- gives provisional_usd: what the stream has of later hours; NULL where it does not tell these dimensions
-- gives unpriced_calls: calls of what was spent whose cost nobody knows: it is in no sum
-- gives priced_share: share of the calls whose cost is known; where it is 0 what was spent is NULL, and what comes of it
-- gives rest_usd: what is still to come: the median of what the model draws
-- gives forecast_usd: settled_usd + provisional_usd + rest_usd; NULL where there is too little history or nothing is priced
-- gives low_80_usd: eight times in ten it is at least this, and at most high_80_usd; likewise 95 of 100
-- gives history_days: settled days that it is made from, since the first with a priced call; at most 182
-- gives needed_days: so many there must be
-- gives horizon_days: from the first day that is not settled to the end
-- gives wape: error of such forecasts from days of the past: sum of the errors / sum of what came
-- gives coverage_80: share of them that came within the interval; likewise 95
-- gives backtests: how many of them
-- gives backtest_days: how many days they looked ahead
-- gives launches: of the file of budgets, those that bear on it
-- table settled_usd, provisional_usd, forecast_usd, low_80_usd, high_80_usd, low_95_usd, high_95_usd, unpriced_calls, history_days, needed_days, wape, coverage_80, coverage_95, backtests, launches
WITH {booked.sql}
SELECT {columns} sum(calls)::BIGINT AS calls, sum(priced_calls)::BIGINT AS priced_calls, sum(cost_usd) AS cost_usd
FROM booked
WHERE {where}
GROUP BY ALL
HAVING sum(calls) <> 0 OR sum(priced_calls) <> 0 OR sum(cost_usd) <> 0
ORDER BY {bucket} cost_usd DESC NULLS LAST, calls DESC, {keys} priced_calls
