-- How far what the stream says is from the settled books, in closed hours, and why: the causes add up to the difference.
-- reads usage in window, ledger in window, spans in window, corrections in window, settlements, flushes
-- takes bucket: bucket of ledger = hour; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of both = ; only these values of these dimensions
-- takes by: dimensions of both = tenant,model; what to group by; nothing = one row a bucket
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said, against what the stream says now; nothing = all
-- lacks token_kind: calls change as a whole; `spend` by token_kind is the stream's side of it, `spend` with as_of_settlement the books'
-- gives provisional_usd: USD as the stream has it; NULL where none of its calls is priced
-- gives settled_usd: USD as the ledger has it; NULL where none of its calls is priced
-- gives provisional_priced_share: share of provisional_calls whose cost is known
-- gives priced_share: share of settled_calls whose cost is known
-- gives difference_usd: settled_usd - provisional_usd, of what is priced; it and its causes are NULL where neither side has a price
-- gives suppressed_usd: of calls that settlement found told twice, less those that it found billed after all
-- gives inherited_usd: of calls that changed tenant, model or tokens once the spans around them had come; over all groups it is what the tokens changed
-- gives repriced_usd: of calls that were given another price
-- gives late_usd: of calls that came for a closed hour and that no settlement has read yet
-- gives unexplained_usd: what none of these causes explains: zero; of tenants it is not told, as calls move between them
-- whole unexplained_calls, unexplained_usd
-- table provisional_calls, settled_calls, provisional_usd, settled_usd, priced_share, difference_usd, suppressed_usd, inherited_usd, repriced_usd, late_usd
WITH standing AS (
    SELECT closed_to, offsets FROM settlements ORDER BY settlement DESC LIMIT 1
),
streams AS (
    SELECT
        app_id, any_value(partition) AS partition_, max(next_offset) AS next_, min(first_offset) AS first_,
        coalesce(sum(spans), 1) > 0 AS brings_spans
    FROM flushes
    GROUP BY app_id
),
unread AS (
    SELECT
        s.app_id, s.partition_, coalesce(any_value(offsets[s.app_id]), any_value(first_)) AS first_offset,
        coalesce(min(f.first_record_at), make_timestamptz(0)) AS first_at
    FROM streams AS s
    CROSS JOIN standing
    JOIN flushes AS f ON f.app_id = s.app_id AND f.next_offset > coalesce(offsets[s.app_id], first_)
    WHERE brings_spans
    GROUP BY s.app_id, s.partition_
),
streamed AS (
    SELECT *, date_trunc('hour', minute) AS hour
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
        AND minute < (SELECT closed_to FROM standing)
),
told AS (
    SELECT *, date_trunc('hour', ended_at) AS hour, coalesce(response_model, request_model) AS model
    FROM spans
    WHERE ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
        AND ended_at < (SELECT closed_to FROM standing)
),
late AS (
    SELECT t.*
    FROM told AS t
    JOIN unread AS u ON u.app_id = t.source_app_id AND t.source_offset >= u.first_offset
    WHERE t.billable
    UNION ALL
    SELECT t.*  -- rows of a version that did not write their stream
    FROM told AS t
    JOIN (
        SELECT partition_, min(first_offset) AS first_offset, min(first_at) AS first_at FROM unread GROUP BY partition_
    ) AS u ON u.partition_ = t.source_partition AND t.source_offset >= u.first_offset AND t.received_at >= u.first_at
    WHERE t.billable AND t.source_app_id IS NULL
),
stated AS (  -- the last word on a span
    SELECT *, coalesce(response_model, request_model) AS model
    FROM corrections
    WHERE ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
    QUALIFY row_number() OVER (
        PARTITION BY trace_id, span_id, source_partition, source_offset, received_at ORDER BY settlement DESC
    ) = 1
),
taken AS (  -- what a span was that settlement has stated anew
    SELECT
        t.hour, t.tenant, t.feature, t.provider, t.model, t.service_tier, t.route, t.prompt_name, t.prompt_version,
        t.principal, t.environment, t.service, t.operation, t.tags,
        -1 AS calls, -t.cost_usd AS cost_usd, NOT s.billable AS is_suppression
    FROM stated AS s
    JOIN told AS t
        ON t.trace_id = s.trace_id AND t.span_id = s.span_id AND t.source_partition = s.source_partition
        AND t.source_offset = s.source_offset AND t.received_at = s.received_at
        AND t.suppressed_by IS DISTINCT FROM t.span_id
    WHERE t.billable
),
given AS (  -- and what it is
    SELECT
        s.hour, s.tenant, s.feature, s.provider, s.model, s.service_tier, s.route, s.prompt_name, s.prompt_version,
        t.principal, t.environment, t.service, t.operation, t.tags,  -- what a span says of itself, settlement leaves
        1 AS calls, s.cost_usd, coalesce(NOT t.billable, false) AS is_suppression
    FROM stated AS s
    LEFT JOIN told AS t
        ON t.trace_id = s.trace_id AND t.span_id = s.span_id AND t.source_partition = s.source_partition
        AND t.source_offset = s.source_offset AND t.received_at = s.received_at
        AND t.suppressed_by IS DISTINCT FROM t.span_id
    WHERE s.billable
),
moved AS (
    FROM taken UNION ALL BY NAME FROM given
),
facts AS (
    SELECT {columns} calls AS provisional_calls, priced_calls AS provisional_priced, cost_usd AS provisional_usd
    FROM streamed
    WHERE {where}
    UNION ALL BY NAME
    SELECT {columns}
        calls AS settled_calls, priced_calls AS settled_priced, cost_usd AS settled_usd,
        if(entry = 'repriced', cost_usd, 0) AS repriced_usd
    FROM ledger
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end) AND {where}
    UNION ALL BY NAME
    SELECT {columns} -1 AS late_calls, -cost_usd AS late_usd FROM late WHERE {where}
    UNION ALL BY NAME
    SELECT {columns} calls AS suppressed_calls, cost_usd AS suppressed_usd FROM moved WHERE is_suppression AND {where}
    UNION ALL BY NAME
    SELECT {columns} calls AS inherited_calls, cost_usd AS moved_usd FROM moved WHERE NOT is_suppression AND {where}
),
sums AS (
    SELECT
        {keys}
        coalesce(sum(provisional_calls), 0)::BIGINT AS provisional_calls,
        coalesce(sum(settled_calls), 0)::BIGINT AS settled_calls,
        coalesce(sum(suppressed_calls), 0)::BIGINT AS suppressed_calls,
        coalesce(sum(inherited_calls), 0)::BIGINT AS inherited_calls,
        coalesce(sum(late_calls), 0)::BIGINT AS late_calls,
        coalesce(sum(provisional_priced), 0)::BIGINT AS provisional_priced,
        coalesce(sum(settled_priced), 0)::BIGINT AS settled_priced,
        coalesce(sum(provisional_usd), 0) AS streamed_usd,
        coalesce(sum(settled_usd), 0) AS booked_usd,
        coalesce(sum(suppressed_usd), 0) AS told_twice_usd,
        coalesce(sum(moved_usd), 0) - coalesce(sum(repriced_usd), 0) AS taken_usd,
        coalesce(sum(repriced_usd), 0) AS dearer_usd,
        coalesce(sum(late_usd), 0) AS unread_usd
    FROM facts
    GROUP BY ALL
),
known AS (
    SELECT
        *, booked_usd - streamed_usd AS more_usd,
        provisional_priced <> 0 OR settled_priced <> 0 OR (provisional_calls = 0 AND settled_calls = 0) AS is_priced
    FROM sums
    WHERE provisional_calls <> 0 OR settled_calls <> 0 OR streamed_usd <> 0 OR booked_usd <> 0
)
SELECT
    {keys}
    provisional_calls, settled_calls, settled_calls - provisional_calls AS difference_calls,
    suppressed_calls, inherited_calls, late_calls,
    settled_calls - provisional_calls - suppressed_calls - inherited_calls - late_calls AS unexplained_calls,
    CASE WHEN provisional_priced <> 0 OR provisional_calls = 0 THEN streamed_usd END AS provisional_usd,
    CASE WHEN settled_priced <> 0 OR settled_calls = 0 THEN booked_usd END AS settled_usd,
    provisional_priced::DOUBLE / nullif(provisional_calls, 0) AS provisional_priced_share,
    settled_priced::DOUBLE / nullif(settled_calls, 0) AS priced_share,
    CASE WHEN is_priced THEN more_usd END AS difference_usd,
    CASE WHEN is_priced THEN told_twice_usd END AS suppressed_usd,
    CASE WHEN is_priced THEN taken_usd END AS inherited_usd,
    CASE WHEN is_priced THEN dearer_usd END AS repriced_usd,
    CASE WHEN is_priced THEN unread_usd END AS late_usd,
    more_usd - told_twice_usd - taken_usd - dearer_usd - unread_usd AS unexplained_usd
FROM known
ORDER BY {bucket} abs(difference_usd) DESC NULLS LAST, provisional_usd DESC NULLS LAST, {keys} provisional_calls
