-- Names that were replaced by their hash, by rule and topic: of the whole deployment.
-- reads flushes in window
-- takes start: time = ; first flush
-- takes end: time = ; first flush after
-- gives rule: hidden_value = a credential or an e-mail address, long_name = a text; see docs/privacy.md
-- gives names: one for each place where one stood; their spans, outcomes and samples stand
WITH entries AS (
    SELECT topic, flushed_at, unnest(map_entries(hidden)) AS entry
    FROM flushes
    WHERE ($start IS NULL OR flushed_at >= $start) AND ($end IS NULL OR flushed_at < $end)
)
SELECT
    entry.key AS rule,
    topic,
    sum(entry.value)::BIGINT AS names,
    min(flushed_at) AS first_at,
    max(flushed_at) AS last_at
FROM entries
WHERE entry.value > 0
GROUP BY ALL
ORDER BY names DESC, rule, topic
