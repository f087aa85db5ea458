-- Streams that were flushed: up to where a settlement has read them (`read_to`), from when what none has read is, and which
-- partition of spans they are of.
SELECT
    f.app_id, any_value(f.partition) AS partition, max(f.next_offset) AS next_offset,
    coalesce(any_value(r.next_offset), min(f.first_offset)) AS first_offset,
    min(f.first_record_at) FILTER (r.next_offset IS NULL OR f.next_offset > r.next_offset) AS first_at,
    coalesce(sum(f.spans), 1) > 0 AS brings_spans
FROM flushes AS f
LEFT JOIN read_to AS r ON r.app_id = f.app_id
GROUP BY f.app_id
ORDER BY f.app_id;
