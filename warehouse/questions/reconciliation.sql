-- Imported bills beside the settled books, by provider and day; `spanledger reconcile` says why they differ.
-- reads invoices
-- reads ledger in window
-- reads settlements
-- takes start: time = ; first day
-- takes end: time = ; first day after
-- gives day: UTC day that is settled to its end and lies between the first and the last billed day of its provider
-- gives ours_tokens: input and output tokens of the books
-- gives theirs_tokens: of the bills; NULL where they count none
-- gives capture_rate: ours_tokens / theirs_tokens, ours of all models, also of those that the bills do not count
-- gives theirs_usd: of all charges, credits and taxes too; NULL where the bills have no cost
-- gives difference_usd: theirs_usd - ours_usd
-- gives formats: of the bills that were imported
-- gives imported_at: the last of them
WITH {counting.sql},
billed AS (
    FROM counting
    WHERE ($start IS NULL OR charged_at >= $start) AND ($end IS NULL OR charged_at < $end)
),
reach AS (
    SELECT
        provider, min(day) AS first_day, max(day) AS last_day,
        bool_or(unit = 'tokens' AND cost_usd IS NULL) AS is_reported
    FROM billed
    GROUP BY provider
),
theirs AS (
    SELECT
        b.provider, b.day,
        sum(b.cost_usd) AS theirs_usd,
        sum(b.quantity) FILTER (
            b.unit = 'tokens' AND b.charge = 'usage' AND NOT (r.is_reported AND b.cost_usd IS NOT NULL)
        ) AS theirs_tokens,
        list_sort(list(DISTINCT b.format) FILTER (b.format IS NOT NULL)) AS formats,
        max(b.imported_at) AS imported_at
    FROM billed AS b
    JOIN reach AS r USING (provider)
    GROUP BY ALL
),
ours AS (
    SELECT
        CASE
            WHEN regexp_matches(lower(provider), '^(aws|amazon|bedrock)') THEN 'aws'
            WHEN regexp_matches(lower(provider), '^az(ure)?([._-]|$)') THEN 'azure'
            WHEN regexp_matches(lower(provider), '^(gcp|google|gemini|vertex)') THEN 'google'
            WHEN regexp_matches(lower(provider), '^mistral') THEN 'mistral'
            WHEN lower(provider) IN ('x_ai', 'xai') THEN 'x-ai'
            ELSE lower(provider)
        END AS provider,
        day,
        sum(cost_usd) AS ours_usd,
        sum(input_tokens)::BIGINT + sum(output_tokens)::BIGINT AS ours_tokens
    FROM ledger
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
    GROUP BY ALL
),
days AS (
    SELECT provider, moment::DATE AS day
    FROM (SELECT provider, unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS moment FROM reach)
)
SELECT
    day, provider,
    coalesce(o.ours_tokens, 0)::BIGINT AS ours_tokens,
    t.theirs_tokens::DOUBLE AS theirs_tokens,
    coalesce(o.ours_tokens, 0)::DOUBLE / nullif(t.theirs_tokens::DOUBLE, 0) AS capture_rate,
    coalesce(o.ours_usd, 0)::DECIMAL(38, 12) AS ours_usd,
    t.theirs_usd::DECIMAL(38, 12) AS theirs_usd,
    (t.theirs_usd - coalesce(o.ours_usd, 0))::DECIMAL(38, 12) AS difference_usd,
    t.formats, t.imported_at
FROM days
LEFT JOIN theirs AS t USING (provider, day)
LEFT JOIN ours AS o USING (provider, day)
WHERE day < (SELECT max(closed_to)::DATE FROM settlements)
    AND (t.provider IS NOT NULL OR o.provider IS NOT NULL)
ORDER BY day, provider
