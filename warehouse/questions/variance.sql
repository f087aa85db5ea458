-- Why spend is another than in a period before, in the budget or in the forecast: volume, mix and price, in `report`.
-- reads ledger in window, settlements
-- takes against: text = period; what it is held against: period, budget or forecast
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = tenant; what to group by; nothing = one row
-- takes mix: dimensions of ledger = provider,model,service_tier; between what the mix of models shifts
-- takes start: hour = ; first hour; nothing = of the month
-- takes end: hour = ; first hour after; nothing = all settled hours
-- takes base_start: hour = ; first hour of the period it is held against; nothing = the period before
-- takes base_end: hour = ; first hour after that
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- lacks tags: name one of them, tags.KEY
-- gives base_usd: USD of the period before, of the budget or of the forecast; NULL where nothing is priced
-- gives usd: USD of this period, exact; NULL where nothing is priced
-- gives difference_usd: usd - base_usd = volume_usd + mix_usd + price_usd + other_usd + corrections_usd, to the picodollar
-- gives volume_usd: calls_usd + tokens_per_call_usd
-- gives mix_usd: model_mix_usd + cache_share_usd
-- gives price_usd: what the same tokens of the same kind and model cost more
-- gives other_usd: what is no token: searches, seconds, pages; NULL, as all parts and the difference, where either sum is unknown
-- gives corrections_usd: calls and prices of months that were closed already, booked in this period; they are in no other part
-- gives calls_usd: more priced calls, all else as it was
-- gives tokens_per_call_usd: more input and output tokens per call of the same model
-- gives model_mix_usd: calls that went to other models, providers or tiers
-- gives cache_share_usd: other shares of cached and cache-write tokens in the input
-- gives unpriced_calls: calls of this period whose cost is unknown; they are in no part
-- gives provisional: false: hours that are not settled are not in it
-- table budget, owner, base_usd, usd, difference_usd, volume_usd, mix_usd, price_usd, other_usd, corrections_usd, calls_usd, tokens_per_call_usd, model_mix_usd, cache_share_usd, unpriced_calls
WITH {booked.sql},
kinds AS (  -- lines of one price status are priced all or not at all
    SELECT {columns} corrects, price_status AS price_status_,
        sum(calls)::BIGINT AS calls,
        sum(priced_calls)::BIGINT AS priced_calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
        sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(input_cost_usd) AS input_cost_usd,
        sum(cached_cost_usd) AS cached_cost_usd,
        sum(cache_write_cost_usd) AS cache_write_cost_usd,
        sum(output_cost_usd) AS output_cost_usd,
        sum(cost_usd) AS cost_usd
    FROM booked
    WHERE {where}
    GROUP BY ALL
)
SELECT
    {keys}
    corrects,
    coalesce(sum(calls) FILTER (priced_calls = 0), 0)::BIGINT AS unpriced_calls,
    coalesce(sum(calls) FILTER (priced_calls <> 0), 0)::BIGINT AS calls,
    coalesce(sum(input_tokens) FILTER (priced_calls <> 0), 0)::BIGINT AS input_tokens,
    coalesce(sum(cached_input_tokens) FILTER (priced_calls <> 0), 0)::BIGINT AS cached_input_tokens,
    coalesce(sum(cache_write_tokens) FILTER (priced_calls <> 0), 0)::BIGINT AS cache_write_tokens,
    coalesce(sum(output_tokens) FILTER (priced_calls <> 0), 0)::BIGINT AS output_tokens,
    sum(input_cost_usd) FILTER (priced_calls <> 0 OR cost_usd <> 0) AS input_cost_usd,
    sum(cached_cost_usd) FILTER (priced_calls <> 0 OR cost_usd <> 0) AS cached_cost_usd,
    sum(cache_write_cost_usd) FILTER (priced_calls <> 0 OR cost_usd <> 0) AS cache_write_cost_usd,
    sum(output_cost_usd) FILTER (priced_calls <> 0 OR cost_usd <> 0) AS output_cost_usd,
    sum(cost_usd) AS cost_usd
FROM kinds
GROUP BY ALL
HAVING sum(calls) <> 0 OR sum(cost_usd) <> 0
ORDER BY cost_usd DESC NULLS LAST, calls DESC, {keys} corrects, unpriced_calls
