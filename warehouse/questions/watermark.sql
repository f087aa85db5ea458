-- Up to when everything has reached the lake: the smallest committed record time over the partitions.
-- reads flushes
-- takes now: time = ; what a partition that is caught up counts as; nothing = the time of the snapshot
-- gives watermark: NULL where nothing was ever flushed
-- gives spans_watermark: likewise of the streams that bring spans: a backlog of logs says nothing about spend
-- gives as_of: the watermark, but no later than the last flush: what a reader is told, who cannot know if a worker runs
-- gives last_flushed_at: like the three above how fresh the ledger is, the same to everybody: it names no volume
-- gives streams: partitions, each as the stream that was flushed last (a recreated topic replaces the old one)
-- gives lag_messages: messages that were waiting in all of them
-- gives streams_behind: those that had messages waiting when their last flush began
-- whole streams, streams_behind, lag_messages, last_record_at
WITH latest AS (
    SELECT
        *,
        end_offset IS NULL OR next_offset < end_offset AS behind,
        if(behind, least(last_record_at, $now), $now) AS complete_to,
        coalesce(sum(spans) OVER (PARTITION BY app_id), 1) > 0 AS brings_spans  -- NULL: not told
    FROM flushes
    QUALIFY row_number() OVER (PARTITION BY topic, partition ORDER BY flushed_at DESC, next_offset DESC) = 1
)
SELECT
    min(complete_to) AS watermark,
    min(complete_to) FILTER (brings_spans) AS spans_watermark,
    least(min(complete_to), max(flushed_at)) AS as_of,
    count(*) AS streams,
    count(*) FILTER (behind) AS streams_behind,
    coalesce(sum(greatest(end_offset - next_offset, 0)), 0)::BIGINT AS lag_messages,
    max(last_record_at) AS last_record_at,
    max(flushed_at) AS last_flushed_at
FROM latest
