-- How full model servers are and how long first tokens take then: running and waiting requests, KV cache, tokens, by model over time.
-- reads gpu_samples in window
-- reads usage in window
-- takes bucket: bucket of gpu_samples = hour; minute, hour, day or month: the column `bucket` says which one; nothing = in total
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes start: time = ; first sample, and first minute of calls
-- takes end: time = ; first sample after
-- gives model: as the server calls it, and calls name it
-- gives servers: servers, each of their engines counted, that tell of it
-- gives running_mean: requests in work, of a server, by its samples
-- gives waiting_mean: requests that wait, likewise
-- gives waiting_share: share of the samples in which any request waits
-- gives kv_cache_mean: share of the KV cache in use, likewise
-- gives served_tokens: input and output tokens that the servers count from one sample to the next; a counter that begins anew counts from 0
-- gives seen_tokens: those of calls; far less than served_tokens: there is use that sends no spans
-- gives ttft_p50_ms: median time to first token of calls, within 1 %; likewise p95
-- gives ttft_coverage: share of the streamed calls that carry one
-- table model, servers, running_mean, waiting_mean, waiting_max, waiting_share, kv_cache_mean, kv_cache_max, served_tokens, seen_tokens, ttft_p50_ms, ttft_p95_ms, ttft_coverage
WITH told AS (
    SELECT
        model, coalesce(model_server, pod, service, '') || ' ' || coalesce(engine, '') AS server, sampled_at, cumulative, counted_since,
        max(requests_running) AS running, max(requests_waiting) AS waiting, max(kv_cache_utilisation) AS kv,
        max(prompt_tokens) AS prompt_tokens, max(generation_tokens) AS generation_tokens
    FROM gpu_samples
    WHERE source = 'vllm' AND model IS NOT NULL
    GROUP BY ALL
),
full_ AS (
    SELECT
        {columns} model, count(DISTINCT server) AS servers, avg(running) AS running_mean, max(running) AS running_max,
        avg(waiting) AS waiting_mean, max(waiting) AS waiting_max,
        count(*) FILTER (waiting > 0)::DOUBLE / nullif(count(waiting), 0)::DOUBLE AS waiting_share,
        avg(kv) AS kv_cache_mean, max(kv) AS kv_cache_max
    FROM told
    WHERE ($start IS NULL OR sampled_at >= $start) AND ($end IS NULL OR sampled_at < $end)
    GROUP BY ALL
),
counter AS (
    SELECT model, server, sampled_at, cumulative, counted_since, 'prompt' AS kind, prompt_tokens AS tokens FROM told WHERE prompt_tokens IS NOT NULL
    UNION ALL
    SELECT model, server, sampled_at, cumulative, counted_since, 'generation' AS kind, generation_tokens AS tokens
    FROM told
    WHERE generation_tokens IS NOT NULL
),
step AS (
    SELECT
        *, lag(tokens) OVER earlier AS last_tokens, lag(sampled_at) OVER earlier AS last_at
    FROM counter
    WHERE cumulative IS NOT NULL
    WINDOW earlier AS (PARTITION BY model, server, kind, cumulative ORDER BY sampled_at, counted_since)
),
served AS (
    SELECT {columns} model, round(sum(tokens))::BIGINT AS served_tokens
    FROM (
        SELECT
            model, sampled_at,
            CASE
                WHEN NOT cumulative THEN tokens
                WHEN last_at IS NULL THEN 0
                WHEN tokens < last_tokens OR counted_since >= last_at THEN tokens
                ELSE tokens - last_tokens
            END AS tokens
        FROM step
        WHERE ($start IS NULL OR sampled_at >= $start) AND ($end IS NULL OR sampled_at < $end)
    )
    GROUP BY ALL
),
call AS (
    SELECT {columns} model, input_tokens, output_tokens, stream_calls, ttft_hist
    FROM (
        SELECT minute AS sampled_at, model, input_tokens, output_tokens, stream_calls, ttft_hist
        FROM usage
        WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
            AND model IN (SELECT model FROM told)
    )
),
seen AS (
    SELECT
        {keys} model, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))::BIGINT AS seen_tokens,
        sum(stream_calls)::BIGINT AS stream_calls
    FROM call
    GROUP BY ALL
),
merged AS (
    SELECT {keys} model, bucket_.index AS index_, sum(bucket_.count) AS count_
    FROM (SELECT {keys} model, unnest(ttft_hist) AS bucket_ FROM call)
    GROUP BY ALL
),
ranked AS (
    SELECT
        {keys} model, index_,
        sum(count_) OVER (PARTITION BY {keys} model ORDER BY index_) AS up_to,
        sum(count_) OVER (PARTITION BY {keys} model) AS total
    FROM merged
),
waited AS (
    SELECT
        {keys} model, min(index_) FILTER (up_to >= 0.50 * total) AS p50, min(index_) FILTER (up_to >= 0.95 * total) AS p95,
        max(total) AS known
    FROM ranked
    GROUP BY ALL
)
SELECT
    {keys} model, servers, running_mean, running_max, waiting_mean, waiting_max, waiting_share, kv_cache_mean, kv_cache_max,
    served_tokens, coalesce(seen_tokens, 0)::BIGINT AS seen_tokens,
    bucket_value(p50) AS ttft_p50_ms, bucket_value(p95) AS ttft_p95_ms, coalesce(known, 0)::DOUBLE / nullif(stream_calls, 0)::DOUBLE AS ttft_coverage
FROM full_
LEFT JOIN served USING ({keys} model)
LEFT JOIN seen USING ({keys} model)
LEFT JOIN waited USING ({keys} model)
ORDER BY {bucket} model
