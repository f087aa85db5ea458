-- What was dead-lettered or dropped, by reason.
-- reads flushes in window
-- takes start: time = ; first flush
-- takes end: time = ; first flush after
-- gives reason: as counted by the worker
-- gives dropped: messages, or spans of messages that stand otherwise
-- gives share: dropped / messages of the same topic in the same time
WITH flushed AS (
    SELECT * FROM flushes
    WHERE ($start IS NULL OR flushed_at >= $start) AND ($end IS NULL OR flushed_at < $end)
),
entries AS (
    SELECT topic, partition, flushed_at, unnest(map_entries(dropped)) AS entry FROM flushed
),
taken AS (
    SELECT topic, sum(messages) AS messages FROM flushed GROUP BY topic
)
SELECT
    e.topic,
    e.entry.key AS reason,
    sum(e.entry.value)::BIGINT AS dropped,
    sum(e.entry.value)::DOUBLE / nullif(any_value(t.messages), 0) AS share,
    count(DISTINCT e.partition) AS partitions,
    min(e.flushed_at) AS first_at,
    max(e.flushed_at) AS last_at
FROM entries AS e
JOIN taken AS t USING (topic)
WHERE e.entry.value > 0
GROUP BY ALL
ORDER BY dropped DESC, topic, reason
