-- How far budgets are used up, how fast, and whether they will last, in `report`; `settle.budgets` names their file.
-- reads ledger in window, settlements
-- takes where: filter of ledger = ; only these values of these dimensions
-- takes bucket: bucket of ledger = hour; over time
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- sums where, bucket, start, end: a budget says itself what it is of, and for how long; --param now=TIME holds it as of then
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- takes now: time = ; from when; nothing = now
-- gives period_start: first instant of the month, quarter or week
-- gives settled_usd: USD of settled hours of the period, exact
-- gives provisional_usd: what the stream has of later hours; NULL where it does not tell what the budget is of
-- gives unpriced_calls: calls of what was spent whose cost nobody knows: it is in no sum
-- gives priced_share: share of the calls whose cost is known; where it is 0 what was spent is NULL, and what comes of it
-- gives left_usd: amount_usd - settled_usd - provisional_usd
-- gives used_share: (settled_usd + provisional_usd) / amount_usd
-- gives elapsed_share: how much of the period is over
-- gives burn_rate: used_share / elapsed_share: at 1 the amount lasts just to the end of the period
-- gives forecast_usd: at the end of the period, with its intervals, as `forecast` tells it; NULL with too little history
-- gives threshold_crossed: the highest threshold that is reached, in percent
-- gives threshold_ahead: the highest threshold that the forecast reaches by the end of the period
-- gives days_left: until the amount is used up, 0 where it is; NULL where it lasts to the end of the period
-- gives days_left_by: whether days_left is by the forecast or, where there is none, by the pace of the period
-- gives burn_alerts: the burn alerts that are on: how many hours, at how many times the even pace
-- table budget, owner, period_end, amount_usd, settled_usd, provisional_usd, unpriced_calls, used_share, burn_rate, forecast_usd, low_80_usd, high_80_usd, threshold_crossed, threshold_ahead, days_left, burn_alerts
WITH {booked.sql}
SELECT {columns} sum(calls)::BIGINT AS calls, sum(priced_calls)::BIGINT AS priced_calls, sum(cost_usd) AS cost_usd
FROM booked
WHERE {where}
GROUP BY ALL
HAVING sum(calls) IS NOT NULL
ORDER BY {bucket} cost_usd DESC NULLS LAST, calls DESC
