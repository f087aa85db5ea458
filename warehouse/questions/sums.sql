-- Calls, tokens and spend alone, by any dimensions, in total or over time: what detectors read at every look.
-- reads usage in window
-- takes bucket: bucket of usage = ; minute, hour or day: the column `bucket` says which one
-- takes by: dimensions of usage = ; what to group by; nothing = one row a bucket
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives calls: billable calls
-- gives input_tokens: cached ones among them; NULL where nobody told any
-- gives cached_input_tokens: likewise
-- gives output_tokens: likewise
-- gives cost_usd: USD, exact; NULL where nothing is priced
SELECT {columns} sum(calls)::BIGINT AS calls,
    sum(input_tokens)::BIGINT AS input_tokens, sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, sum(cost_usd) AS cost_usd
FROM usage
WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
GROUP BY ALL
HAVING sum(calls) IS NOT NULL
