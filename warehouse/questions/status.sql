-- The ledger in one row: how much it holds, how much of that is priced, how fresh it is.
-- reads usage, flushes, incidents
-- takes now: time = ; nothing = the time of the snapshot
-- gives calls: billable calls in scope
-- gives priced_share: share of them whose cost is known
-- gives cost_usd: USD, exact
-- gives spans: GenAI spans of all scopes, billable or not
-- gives open_incidents: in scope
-- gives provisional: true until hours are settled
WITH ledger AS (
    SELECT
        coalesce(sum(calls), 0)::BIGINT AS calls,
        sum(priced_calls)::DOUBLE / nullif(sum(calls), 0) AS priced_share,
        sum(cost_usd) AS cost_usd,
        coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
        coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
        count(DISTINCT tenant) AS tenants,
        min(minute) AS first_minute,
        max(minute) AS last_minute
    FROM usage
),
pipeline AS (
    SELECT
        coalesce(sum(messages), 0)::BIGINT AS messages,
        coalesce(sum(spans), 0)::BIGINT AS spans,
        coalesce(sum(list_sum(map_values(dropped))), 0)::BIGINT AS dropped,
        count(*) AS flushes,
        max(last_record_at) AS last_record_at,
        max(flushed_at) AS last_flushed_at
    FROM flushes
),
open_ AS (
    SELECT count(DISTINCT incident_id) AS open_incidents
    FROM incidents
    WHERE event = 'opened' AND incident_id NOT IN (SELECT incident_id FROM incidents WHERE event = 'resolved')
)
SELECT $now AS asked_at, *, true AS provisional FROM ledger, pipeline, open_
