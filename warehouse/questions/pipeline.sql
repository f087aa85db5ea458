-- How far each partition has come, how fresh its rows are and how fast they arrive.
-- reads flushes
-- gives worker: which process, of which host; as all of this of the whole deployment: no question of tenants
-- takes now: time = ; the time to judge by; nothing = that of the snapshot
-- takes rate_s: seconds = 300; seconds before now that rates are taken over
-- gives next_offset: the first offset that is not in the lake
-- gives lag_messages: messages that were waiting in Kafka when the last flush began
-- gives last_record_at: when Kafka took the last record that is in the lake
-- gives freshness_ms: from that record's time to the end of its flush
-- gives idle_s: since the last flush
-- gives spans_per_s: spans that reached the lake in the last rate_s seconds, per second
-- gives messages_per_s: likewise messages
-- gives dropped: dead letters and other drops, ever
-- gives gap_messages: offsets that Kafka no longer had, ever
-- table topic, partition, next_offset, lag_messages, last_record_at, freshness_ms, idle_s, spans_per_s, spans, dropped
WITH latest AS (
    SELECT * FROM flushes
    QUALIFY row_number() OVER (PARTITION BY topic, partition ORDER BY flushed_at DESC, next_offset DESC) = 1
),
totals AS (
    SELECT
        app_id,
        sum(messages)::BIGINT AS messages,
        sum(spans)::BIGINT AS spans,
        sum(billable_spans)::BIGINT AS billable_spans,
        sum(list_sum(map_values(dropped)))::BIGINT AS dropped,
        sum(list_sum(map_values(suppressed)))::BIGINT AS suppressed,
        sum(gap_messages)::BIGINT AS gap_messages,
        count(*) AS flushes,
        sum(spans) FILTER (flushed_at > $now - to_seconds($rate_s))::DOUBLE / $rate_s AS spans_per_s,
        sum(messages) FILTER (flushed_at > $now - to_seconds($rate_s))::DOUBLE / $rate_s AS messages_per_s
    FROM flushes
    GROUP BY app_id
)
SELECT
    l.topic, l.partition, l.app_id, l.worker, l.next_offset, l.end_offset,
    greatest(l.end_offset - l.next_offset, 0) AS lag_messages,
    l.last_record_at, l.flushed_at,
    (epoch_us(l.flushed_at) // 1000 - epoch_us(l.last_record_at) // 1000) AS freshness_ms,
    greatest(epoch_us($now) // 1000 - epoch_us(l.flushed_at) // 1000, 0)::DOUBLE / 1000 AS idle_s,
    l.duration_ms AS flush_ms,
    coalesce(t.spans_per_s, 0) AS spans_per_s,
    coalesce(t.messages_per_s, 0) AS messages_per_s,
    t.messages, t.spans, t.billable_spans,
    coalesce(t.dropped, 0) AS dropped,
    coalesce(t.suppressed, 0) AS suppressed,
    t.gap_messages, t.flushes
FROM latest AS l
JOIN totals AS t USING (app_id)
ORDER BY l.topic, l.partition
