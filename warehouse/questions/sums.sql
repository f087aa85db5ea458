-- Calls and spend alone, by any dimensions, in total or over time: what detectors read at every look.
-- reads usage in window
-- takes bucket: bucket of usage = ; minute, hour or day: the column `bucket` says which one
-- takes by: dimensions of usage = ; what to group by; nothing = one row a bucket
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives calls: billable calls
-- gives cost_usd: USD, exact; NULL where nothing is priced
SELECT {columns} sum(calls)::BIGINT AS calls, sum(cost_usd) AS cost_usd
FROM usage
WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
GROUP BY ALL
HAVING sum(calls) IS NOT NULL
