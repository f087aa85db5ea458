-- Whether the tables agree with each other: rows, distinct spans, calls and cost by each table's own account.
-- reads spans, usage, flushes
-- gives spans: rows of `spans`
-- gives distinct_spans: different (trace_id, span_id) among them
-- gives billable_spans: rows that are billed
-- gives usage_calls: calls by `usage`, equal to billable_spans
-- gives spans_cost_usd: USD by `spans`
-- gives usage_cost_usd: USD by `usage`, equal to spans_cost_usd
-- gives flushed_spans: rows of `spans` by `flushes`, of the whole deployment: NULL in every other scope
-- gives dropped: dead letters and other drops by `flushes`, likewise
-- gives gap_messages: offsets that Kafka no longer had, likewise
-- whole flushed_spans, dropped, gap_messages
WITH by_spans AS (
    SELECT
        count(*) AS spans,
        count(DISTINCT (trace_id, span_id)) AS distinct_spans,
        count(*) FILTER (billable) AS billable_spans,
        sum(cost_usd) FILTER (billable) AS spans_cost_usd
    FROM spans
),
by_usage AS (
    SELECT coalesce(sum(calls), 0)::BIGINT AS usage_calls, sum(cost_usd) AS usage_cost_usd FROM usage
),
by_flushes AS (
    SELECT
        coalesce(sum(spans), 0)::BIGINT AS flushed_spans,
        coalesce(sum(list_sum(map_values(dropped))), 0)::BIGINT AS dropped,
        coalesce(sum(gap_messages), 0)::BIGINT AS gap_messages
    FROM flushes
)
SELECT * FROM by_spans, by_usage, by_flushes
