-- What can explain spend: calls, retries, tokens and costs by kind, and since when, by any dimensions.
-- reads usage in window
-- takes where: filter of usage = ; only these values of these dimensions
-- takes by: dimensions of usage = tenant; what to group by; nothing = one row
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives first_minute: the first minute in [start, end) that has any
-- gives calls: billable calls
-- gives priced_calls: calls whose cost is known
-- gives retries: calls that repeat a failed one
-- gives input_tokens: includes cached and cache-write tokens
-- gives cost_usd: USD, exact; NULL where nothing is priced; the costs by kind are parts of it
SELECT {columns} min(minute) AS first_minute,
    sum(calls)::BIGINT AS calls, sum(priced_calls)::BIGINT AS priced_calls, sum(retries)::BIGINT AS retries,
    sum(input_tokens)::BIGINT AS input_tokens, sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens, sum(output_tokens)::BIGINT AS output_tokens,
    sum(input_cost_usd) AS input_cost_usd, sum(cached_cost_usd) AS cached_cost_usd,
    sum(cache_write_cost_usd) AS cache_write_cost_usd, sum(output_cost_usd) AS output_cost_usd,
    sum(cost_usd) AS cost_usd
FROM usage
WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
GROUP BY ALL
HAVING sum(calls) IS NOT NULL
ORDER BY cost_usd DESC NULLS LAST, calls DESC, {keys} first_minute
