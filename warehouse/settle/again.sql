-- Spans that no settlement has read, of `hours` too old to be judged with others, and that the lake has already: a record that
-- came again tells the same end of the same span, so the other one is in the same hour. What a flush said is such a one is left
-- as it is, and stands behind the one that it repeats.
CREATE TEMP TABLE came AS
SELECT DISTINCT trace_id
FROM spans
JOIN unread ON unread.stream = stream_of(source_app_id, source_partition)
WHERE source_offset >= first_offset AND received_at >= first_at AND hour_of(ended_at) IN (SELECT hour FROM hours);

CREATE TEMP TABLE told_again AS
SELECT
    ended_at::DATE AS day, hour_of(ended_at) AS hour, ended_at, {identity}, 'repeated_record' AS why, {not_billed},
    billable AS was_billed
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY trace_id, span_id, tenant, hour_of(ended_at)
            ORDER BY is_fresh, is_repeated, received_at, source_partition, source_offset
        ) AS nth
    FROM (
        SELECT
            spans.*,
            coalesce(source_offset >= first_offset AND received_at >= first_at, false) AS is_fresh,
            suppressed_by IS NOT DISTINCT FROM span_id AS is_repeated
        FROM spans
        LEFT JOIN unread ON unread.stream = stream_of(source_app_id, source_partition)
        WHERE trace_id IN (SELECT trace_id FROM came) AND hour_of(ended_at) IN (SELECT hour FROM hours)
    )
)
WHERE nth > 1 AND is_fresh AND NOT is_repeated;
