-- What was spent, on how much, and how it went: by any dimensions, in total or over time.
-- reads usage in window by bucket
-- takes bucket: bucket of usage = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of usage_kinds = ; only these values of these dimensions
-- takes by: dimensions of usage_kinds = tenant; what to group by; nothing = one row
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- takes as_of_settlement: whole = ; final numbers as of this settlement, as `settled-spend` tells them
-- books settled-spend
-- gives calls: billable calls; by token_kind they count with each kind beside which they are kept
-- gives priced_calls: calls whose cost is known
-- gives priced_share: priced_calls / calls
-- gives priced_tokens_share: input and output tokens of the priced calls / of all calls
-- gives errors: calls with status `error`
-- gives retries: calls that repeat a failed one
-- gives input_tokens: includes cached, cache-write and audio tokens
-- gives output_tokens: includes reasoning and audio tokens
-- gives cost_usd: USD, exact; NULL where nothing is priced; the sum of the costs by kind
-- gives stream_calls: calls that stream
-- gives latency_p50_ms: median duration, within 1 %
-- gives latency_p95_ms: 95 % of the calls took no longer, within 1 %
-- gives latency_coverage: share of the calls that carry a duration
-- gives ttft_p50_ms: median time to first token of the streams that carry one, within 1 %
-- gives ttft_p95_ms: likewise 95 %
-- gives ttft_coverage: share of the streams that carry a time to first token
-- gives tpot_p50_ms: median time per output token of the streams that carry one, within 1 %
-- gives tpot_p95_ms: likewise 95 %
-- gives tpot_coverage: share of the streams that carry a time per output token
-- gives provisional: true until the hours are settled
-- table calls, errors, input_tokens, output_tokens, cost_usd, priced_share, latency_p50_ms, latency_p95_ms, latency_coverage, ttft_p50_ms, ttft_p95_ms, ttft_coverage, tpot_p50_ms, tpot_coverage
WITH facts AS MATERIALIZED (
    SELECT {columns}
        calls, priced_calls, stream_calls, if(status = 'error', calls, 0) AS errors, retries,
        input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,
        output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, priced_tokens,
        input_cost_usd, cached_cost_usd, cache_write_cost_usd, output_cost_usd, other_cost_usd, cost_usd,
        latency_hist, ttft_hist, tpot_hist
    FROM {usage}
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
),
{ranked.sql},
rows_ AS (
    SELECT * EXCLUDE (latency_hist, ttft_hist, tpot_hist) FROM facts
    UNION ALL BY NAME
    SELECT
        {keys}
        min(index_) FILTER (measure = 'latency' AND up_to >= 0.50 * total) AS latency_p50,
        min(index_) FILTER (measure = 'latency' AND up_to >= 0.95 * total) AS latency_p95,
        max(total) FILTER (measure = 'latency') AS latency_known,
        min(index_) FILTER (measure = 'ttft' AND up_to >= 0.50 * total) AS ttft_p50,
        min(index_) FILTER (measure = 'ttft' AND up_to >= 0.95 * total) AS ttft_p95,
        max(total) FILTER (measure = 'ttft') AS ttft_known,
        min(index_) FILTER (measure = 'tpot' AND up_to >= 0.50 * total) AS tpot_p50,
        min(index_) FILTER (measure = 'tpot' AND up_to >= 0.95 * total) AS tpot_p95,
        max(total) FILTER (measure = 'tpot') AS tpot_known
    FROM ranked
    GROUP BY ALL
)
SELECT
    {keys}
    coalesce(sum(calls), 0)::BIGINT AS calls,
    coalesce(sum(priced_calls), 0)::BIGINT AS priced_calls,
    sum(priced_calls)::DOUBLE / nullif(sum(calls), 0) AS priced_share,
    sum(priced_tokens)::DOUBLE / nullif(coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0), 0)
        AS priced_tokens_share,
    coalesce(sum(errors), 0)::BIGINT AS errors,
    coalesce(sum(retries), 0)::BIGINT AS retries,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
    sum(cache_write_tokens)::BIGINT AS cache_write_tokens,
    sum(cache_write_1h_tokens)::BIGINT AS cache_write_1h_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(reasoning_tokens)::BIGINT AS reasoning_tokens,
    sum(audio_input_tokens)::BIGINT AS audio_input_tokens,
    sum(audio_output_tokens)::BIGINT AS audio_output_tokens,
    sum(input_cost_usd) AS input_cost_usd,
    sum(cached_cost_usd) AS cached_cost_usd,
    sum(cache_write_cost_usd) AS cache_write_cost_usd,
    sum(output_cost_usd) AS output_cost_usd,
    sum(other_cost_usd) AS other_cost_usd,
    sum(cost_usd) AS cost_usd,
    coalesce(sum(stream_calls), 0)::BIGINT AS stream_calls,
    bucket_value(max(latency_p50)) AS latency_p50_ms,
    bucket_value(max(latency_p95)) AS latency_p95_ms,
    coalesce(max(latency_known), 0)::DOUBLE / nullif(sum(calls), 0) AS latency_coverage,
    bucket_value(max(ttft_p50)) AS ttft_p50_ms,
    bucket_value(max(ttft_p95)) AS ttft_p95_ms,
    coalesce(max(ttft_known), 0)::DOUBLE / nullif(sum(stream_calls), 0) AS ttft_coverage,
    bucket_value(max(tpot_p50)) AS tpot_p50_ms,
    bucket_value(max(tpot_p95)) AS tpot_p95_ms,
    coalesce(max(tpot_known), 0)::DOUBLE / nullif(sum(stream_calls), 0) AS tpot_coverage,
    true AS provisional
FROM rows_
GROUP BY ALL
ORDER BY {bucket} cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
