-- The ledger in one row: how much it holds, how much of that is priced, how fresh it is.
-- reads usage, spans, flushes, incidents
-- takes now: time = ; nothing = the time of the snapshot
-- gives calls: billable calls in scope
-- gives priced_share: share of them whose cost is known
-- gives cost_usd: USD, exact
-- gives spans: GenAI spans in scope, billable or not
-- gives messages: read from Kafka; like dropped and flushes of the whole deployment, NULL in every other scope
-- gives last_record_at: when Kafka took the last record; of tenants the last one with a span of theirs
-- gives last_flushed_at: how fresh the ledger is, the same to everybody: it names no volume
-- gives open_incidents: in scope
-- gives provisional: true until hours are settled
-- whole messages, dropped, flushes
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
        coalesce(sum(spans), 0)::BIGINT AS all_spans,
        coalesce(sum(list_sum(map_values(dropped))), 0)::BIGINT AS dropped,
        count(*) AS flushes,
        max(last_record_at) AS last_of_all,
        max(flushed_at) AS last_flushed_at
    FROM flushes
),
own AS (  -- only where `flushes` cannot tell: it costs more
    SELECT count(*) AS own_spans, max(received_at) AS last_of_own FROM spans WHERE NOT $whole
),
open_ AS (
    SELECT count(*) AS open_incidents
    FROM (
        SELECT event
        FROM incidents
        WHERE event IN ('opened', 'updated', 'escalated', 'resolved')
        QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY sequence DESC, recorded_at DESC, event_id) = 1
    )
    WHERE event != 'resolved'
)
SELECT
    $now AS asked_at,
    l.*,
    p.messages,
    if($whole, p.all_spans, o.own_spans) AS spans,
    p.dropped, p.flushes,
    if($whole, p.last_of_all, o.last_of_own) AS last_record_at,
    p.last_flushed_at,
    i.open_incidents,
    true AS provisional
FROM ledger AS l, pipeline AS p, own AS o, open_ AS i
