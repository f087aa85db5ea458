-- How many moments model servers were full (requests wait, or the KV cache is) or busy, of late and in all, by model.
-- reads gpu_samples in window
-- takes start: time = ; first sample
-- takes end: time = ; first sample after
-- takes recent: time = ; from when on samples are of late; nothing = all
-- gives model: as the server calls it
-- gives servers: servers, each of their engines counted, that tell of it of late
-- gives moments: samples of servers that tell how many requests run
-- gives full_moments: those in which requests wait or 95 % of the KV cache are in use
-- gives busy_moments: those in which any request runs or waits
-- gives recent_moments: those of late; likewise recent_full and recent_busy
-- gives waiting_mean: requests that wait, of a server, of late; NULL where none tells
-- gives kv_cache_mean: share of the KV cache in use, of late; likewise
-- gives first_at: the first of the samples
WITH told AS (
    SELECT
        model, coalesce(model_server, pod, service, '') || ' ' || coalesce(engine, '') AS server, sampled_at,
        sampled_at >= coalesce($recent, sampled_at) AS is_recent,
        max(requests_running) AS running, max(requests_waiting) AS waiting, max(kv_cache_utilisation) AS kv
    FROM gpu_samples
    WHERE source = 'vllm' AND model IS NOT NULL AND cumulative IS NULL
        AND ($start IS NULL OR sampled_at >= $start) AND ($end IS NULL OR sampled_at < $end)
    GROUP BY ALL
)
SELECT
    model, count(DISTINCT CASE WHEN is_recent THEN server END) AS servers,
    count(*) AS moments,
    count(*) FILTER (waiting > 0 OR kv >= 0.95) AS full_moments,
    count(*) FILTER (running > 0 OR waiting > 0) AS busy_moments,
    count(*) FILTER (is_recent) AS recent_moments,
    count(*) FILTER (is_recent AND (waiting > 0 OR kv >= 0.95)) AS recent_full,
    count(*) FILTER (is_recent AND (running > 0 OR waiting > 0)) AS recent_busy,
    avg(CASE WHEN is_recent THEN waiting END) AS waiting_mean, avg(CASE WHEN is_recent THEN kv END) AS kv_cache_mean,
    min(sampled_at) AS first_at
FROM told
WHERE running IS NOT NULL
GROUP BY ALL
ORDER BY model
