-- What was spent by the settled books, on how much: final, by any dimensions, in total or over time.
-- reads ledger in window, settlements
-- takes bucket: bucket of ledger = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = tenant; what to group by; nothing = one row
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives calls: billable calls; by token_kind they count with each kind beside which they are kept
-- gives priced_calls: calls whose cost is known
-- gives priced_share: priced_calls / calls
-- gives priced_tokens_share: input and output tokens of the priced calls / of all calls
-- gives errors: calls with status `error`
-- gives retries: calls that repeat a failed one
-- gives input_tokens: includes cached, cache-write and audio tokens
-- gives output_tokens: includes reasoning and audio tokens
-- gives cost_usd: USD, exact; NULL where nothing is priced; the sum of the costs by kind
-- gives suppressed_calls: calls that the stream had billed and settlement does not
-- gives suppressed_cost_usd: what they had cost
-- gives provisional: false: hours that are not settled are not in it
-- table calls, errors, input_tokens, output_tokens, cost_usd, priced_share, suppressed_calls
WITH {booked.sql},
sums AS (
    SELECT {columns}
        coalesce(sum(calls), 0)::BIGINT AS calls,
        coalesce(sum(priced_calls), 0)::BIGINT AS priced_calls,
        coalesce(sum(calls) FILTER (status = 'error'), 0)::BIGINT AS errors,
        coalesce(sum(retries), 0)::BIGINT AS retries,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
        sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
        sum(cache_write_1h_tokens)::BIGINT AS cache_write_1h_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
        sum(audio_input_tokens)::BIGINT AS audio_input_tokens,
        sum(audio_output_tokens)::BIGINT AS audio_output_tokens,
        sum(priced_tokens)::BIGINT AS priced_tokens,
        sum(input_cost_usd) AS input_cost_usd,
        sum(cached_cost_usd) AS cached_cost_usd,
        sum(cache_write_cost_usd) AS cache_write_cost_usd,
        sum(output_cost_usd) AS output_cost_usd,
        sum(other_cost_usd) AS other_cost_usd,
        sum(cost_usd) AS cost_usd,
        coalesce(sum(suppressed_calls), 0)::BIGINT AS suppressed_calls,
        sum(suppressed_cost_usd) AS suppressed_cost_usd
    FROM booked
    WHERE {where}
    GROUP BY ALL
)
SELECT
    {keys}
    calls, priced_calls,
    priced_calls::DOUBLE / nullif(calls, 0) AS priced_share,
    priced_tokens::DOUBLE / nullif(input_tokens + output_tokens, 0) AS priced_tokens_share,
    errors, retries,
    input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN input_cost_usd END AS input_cost_usd,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN cached_cost_usd END AS cached_cost_usd,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN cache_write_cost_usd END AS cache_write_cost_usd,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN output_cost_usd END AS output_cost_usd,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN other_cost_usd END AS other_cost_usd,
    CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN cost_usd END AS cost_usd,
    suppressed_calls, suppressed_cost_usd,
    false AS provisional
FROM sums
WHERE calls <> 0 OR suppressed_calls <> 0 OR cost_usd <> 0 OR input_tokens <> 0 OR output_tokens <> 0
ORDER BY {bucket} cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
