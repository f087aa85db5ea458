-- How fast calls were: percentiles of durations, first tokens and output tokens, by any dimensions, in total or over time.
-- reads usage in window by bucket
-- takes bucket: bucket of usage = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of usage_rates = ; only these values of these dimensions
-- takes by: dimensions of usage_rates = provider,model_family; what to group by; nothing = one row
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives model_family: a model without its date, the same of calls that failed and of others; of `model` what failed is apart
-- gives calls: billable calls
-- gives stream_calls: calls that stream
-- gives latency_p50_ms: median duration, within 1 %; likewise p95 and p99
-- gives latency_coverage: share of the calls that carry one
-- gives ttft_p50_ms: median time to first token, within 1 %; likewise p95 and p99
-- gives ttft_coverage: share of the stream_calls that carry one
-- gives tpot_p50_ms: median time per output token after the first, within 1 %; likewise p95 and p99
-- gives tpot_coverage: share of the stream_calls that carry one
-- table calls, latency_p50_ms, latency_p95_ms, latency_p99_ms, latency_coverage, ttft_p50_ms, ttft_p95_ms, ttft_coverage, tpot_p50_ms, tpot_coverage
WITH facts AS MATERIALIZED (
    SELECT {columns} calls, stream_calls, latency_hist, ttft_hist, tpot_hist
    FROM usage
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
        min(index_) FILTER (measure = 'latency' AND up_to >= 0.99 * total) AS latency_p99,
        max(total) FILTER (measure = 'latency') AS latency_known,
        min(index_) FILTER (measure = 'ttft' AND up_to >= 0.50 * total) AS ttft_p50,
        min(index_) FILTER (measure = 'ttft' AND up_to >= 0.95 * total) AS ttft_p95,
        min(index_) FILTER (measure = 'ttft' AND up_to >= 0.99 * total) AS ttft_p99,
        max(total) FILTER (measure = 'ttft') AS ttft_known,
        min(index_) FILTER (measure = 'tpot' AND up_to >= 0.50 * total) AS tpot_p50,
        min(index_) FILTER (measure = 'tpot' AND up_to >= 0.95 * total) AS tpot_p95,
        min(index_) FILTER (measure = 'tpot' AND up_to >= 0.99 * total) AS tpot_p99,
        max(total) FILTER (measure = 'tpot') AS tpot_known
    FROM ranked
    GROUP BY ALL
)
SELECT
    {keys}
    coalesce(sum(calls), 0)::BIGINT AS calls,
    coalesce(sum(stream_calls), 0)::BIGINT AS stream_calls,
    bucket_value(max(latency_p50)) AS latency_p50_ms,
    bucket_value(max(latency_p95)) AS latency_p95_ms,
    bucket_value(max(latency_p99)) AS latency_p99_ms,
    coalesce(max(latency_known), 0)::DOUBLE / nullif(sum(calls), 0) AS latency_coverage,
    bucket_value(max(ttft_p50)) AS ttft_p50_ms,
    bucket_value(max(ttft_p95)) AS ttft_p95_ms,
    bucket_value(max(ttft_p99)) AS ttft_p99_ms,
    coalesce(max(ttft_known), 0)::DOUBLE / nullif(sum(stream_calls), 0) AS ttft_coverage,
    bucket_value(max(tpot_p50)) AS tpot_p50_ms,
    bucket_value(max(tpot_p95)) AS tpot_p95_ms,
    bucket_value(max(tpot_p99)) AS tpot_p99_ms,
    coalesce(max(tpot_known), 0)::DOUBLE / nullif(sum(stream_calls), 0) AS tpot_coverage
FROM rows_
GROUP BY ALL
ORDER BY {bucket} calls DESC, {keys} stream_calls
