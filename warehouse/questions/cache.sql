-- What caches of providers saved: cached tokens against the rate of uncached ones, less what writing the cache cost more.
-- reads ledger in window, settlements
-- takes bucket: bucket of ledger = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger = ; only these values of these dimensions
-- takes by: dimensions of ledger = tenant,model; what to group by; nothing = one row
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- lacks token_kind: its columns are by kind: read_savings_usd is of cached_input, write_premium_usd of cache_write; what kinds cost: `settled-spend`
-- gives cached_share: cached input tokens / input tokens
-- gives cache_write_share: input tokens that were written to a cache / input tokens
-- gives cached_cost_usd: USD of the cached tokens
-- gives cache_write_cost_usd: USD of the written tokens
-- gives uncached_usd: what cached and written tokens had cost as plain ones, where the rate is known
-- gives read_savings_usd: what cached tokens had cost as plain ones, less cached_cost_usd; where the rate is known
-- gives write_premium_usd: cache_write_cost_usd, less what the written tokens had cost as plain ones; likewise
-- gives savings_usd: read_savings_usd - write_premium_usd; NULL where no rate is known
-- gives savings_coverage: share of the cached and written tokens of which the ledger tells the rate of plain ones
-- gives cost_usd: USD of all billed calls, exact; NULL where nothing is priced
-- gives provisional: false: hours that are not settled are not in it
-- table calls, input_tokens, cached_input_tokens, cached_share, cost_usd, savings_usd, savings_coverage
WITH {booked.sql},
hours AS (  -- what an hour is, in as fine a grain as the ledger has
    SELECT
        hour, tenant, feature, principal, environment, service, provider, provider_account, model, service_tier,
        operation, route, prompt_name, prompt_version, status, error_class, price_status, price_version, outcome, safe,
        tags,
        sum(calls)::BIGINT AS calls,
        sum(priced_calls)::BIGINT AS priced_calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
        sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
        sum(audio_input_tokens)::BIGINT AS audio_input_tokens,
        sum(input_cost_usd) AS input_cost_usd,
        sum(cached_cost_usd) AS cached_cost_usd,
        sum(cache_write_cost_usd) AS cache_write_cost_usd,
        sum(cost_usd) AS cost_usd
    FROM booked
    WHERE {where}
    GROUP BY ALL
),
plain AS (  -- of lines whose plain tokens all cost the same whole number of picodollars
    SELECT
        *,
        input_tokens - cached_input_tokens - cache_write_tokens AS plain_tokens,
        CASE
            WHEN plain_tokens <> 0 AND audio_input_tokens = 0 AND priced_calls = calls AND sign(input_cost_usd) = sign(plain_tokens)
                AND picodollars(input_cost_usd) % plain_tokens = 0
            THEN whole(picodollars(input_cost_usd), plain_tokens)
        END AS own_rate
    FROM hours
),
rated AS (  -- a line with cached tokens alone has the rate of the others, where they have but one
    SELECT
        *,
        coalesce(
            own_rate,
            CASE WHEN priced_calls = calls AND audio_input_tokens = 0 AND plain_tokens = 0 AND min(own_rate) OVER same = max(own_rate) OVER same
                THEN min(own_rate) OVER same END
        ) AS rate
    FROM plain
    WINDOW same AS (PARTITION BY tenant, provider, provider_account, model, service_tier, operation, price_version)
),
facts AS (
    SELECT {columns}
        calls, priced_calls, input_tokens, cached_input_tokens, cache_write_tokens, cached_cost_usd, cache_write_cost_usd, cost_usd,
        CASE WHEN rate IS NOT NULL THEN cached_input_tokens + cache_write_tokens ELSE 0 END AS told_tokens,
        CASE WHEN cached_input_tokens + cache_write_tokens <> 0 THEN rate * (cached_input_tokens + cache_write_tokens) END
            AS uncached_picos,
        CASE WHEN cached_input_tokens + cache_write_tokens <> 0 THEN rate * cached_input_tokens - picodollars(cached_cost_usd) END
            AS read_picos,
        CASE WHEN cached_input_tokens + cache_write_tokens <> 0
            THEN picodollars(cache_write_cost_usd) - rate * cache_write_tokens END AS write_picos
    FROM rated
)
SELECT
    {keys}
    coalesce(sum(calls), 0)::BIGINT AS calls,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
    sum(cached_input_tokens)::DOUBLE / nullif(sum(input_tokens), 0) AS cached_share,
    sum(cache_write_tokens)::DOUBLE / nullif(sum(input_tokens), 0) AS cache_write_share,
    CASE WHEN sum(priced_calls) <> 0 OR sum(cost_usd) <> 0 THEN sum(cached_cost_usd) END AS cached_cost_usd,
    CASE WHEN sum(priced_calls) <> 0 OR sum(cost_usd) <> 0 THEN sum(cache_write_cost_usd) END AS cache_write_cost_usd,
    as_usd(sum(uncached_picos)) AS uncached_usd,
    as_usd(sum(read_picos)) AS read_savings_usd,
    as_usd(sum(write_picos)) AS write_premium_usd,
    as_usd(sum(read_picos) - sum(write_picos)) AS savings_usd,
    sum(told_tokens)::DOUBLE / nullif(sum(cached_input_tokens) + sum(cache_write_tokens), 0) AS savings_coverage,
    CASE WHEN sum(priced_calls) <> 0 OR sum(cost_usd) <> 0 THEN sum(cost_usd) END AS cost_usd,
    false AS provisional
FROM facts
GROUP BY ALL
HAVING sum(calls) <> 0 OR sum(input_tokens) <> 0 OR sum(cost_usd) <> 0
ORDER BY {bucket} savings_usd DESC NULLS LAST, cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
