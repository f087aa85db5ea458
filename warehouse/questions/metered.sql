-- Services that count tokens in metrics and send no spans: what is missing in the ledger; never added to it.
-- reads token_samples
-- reads usage in window
-- takes start: time = ; first sample, and first minute in which a span would count
-- takes end: time = ; first sample after
-- gives tokens_in: input tokens, with the cached ones where the producer's metric includes them
-- gives calls: observations of the input tokens; NULL where a counter tells no calls
-- gives samples: data points that say so
WITH samples_ AS (
    SELECT DISTINCT ON (series, counted_since, sampled_at) *
    FROM token_samples
    ORDER BY series, counted_since, sampled_at, source_partition, source_offset
),
steps AS (
    SELECT
        *,
        lag(tokens) OVER earlier AS last_tokens,
        lag(calls) OVER earlier AS last_calls,
        lag(counted_since) OVER earlier AS last_since
    FROM samples_
    WINDOW earlier AS (PARTITION BY series ORDER BY sampled_at, counted_since)
),
counted AS (
    SELECT
        * REPLACE (
            CASE WHEN goes_on THEN tokens - last_tokens ELSE tokens END AS tokens,
            CASE WHEN goes_on THEN calls - last_calls ELSE calls END AS calls
        )
    FROM (
        SELECT *, coalesce(
            cumulative AND counted_since IS NOT DISTINCT FROM last_since AND last_tokens <= tokens, false
        ) AS goes_on
        FROM steps
    )
    WHERE ($start IS NULL OR sampled_at >= $start) AND ($end IS NULL OR sampled_at < $end)
),
seen AS (
    SELECT DISTINCT tenant, service
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
)
SELECT
    c.tenant, c.service, c.provider, c.model,
    sum(c.calls) FILTER (c.token_type = 'input')::BIGINT AS calls,
    sum(c.tokens) FILTER (c.token_type = 'input')::BIGINT AS tokens_in,
    sum(c.tokens) FILTER (c.token_type = 'cached_input')::BIGINT AS tokens_cached,
    sum(c.tokens) FILTER (c.token_type = 'cache_write')::BIGINT AS tokens_cache_write,
    sum(c.tokens) FILTER (c.token_type = 'output')::BIGINT AS tokens_out,
    sum(c.tokens) FILTER (c.token_type = 'reasoning')::BIGINT AS tokens_reasoning,
    count(*) AS samples, min(c.sampled_at) AS first_at, max(c.sampled_at) AS last_at
FROM counted AS c
WHERE NOT EXISTS (  -- metrics tell the tenants of a process, spans those of each call
    SELECT 1
    FROM seen AS s
    WHERE (c.tenant IS NULL OR s.tenant IS NOT DISTINCT FROM c.tenant) AND s.service IS NOT DISTINCT FROM c.service
)
GROUP BY c.tenant, c.service, c.provider, c.model
ORDER BY tokens_in DESC NULLS LAST, c.tenant, c.service, c.provider, c.model
