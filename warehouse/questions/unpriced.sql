-- Billable calls without a price, by provider and model (or what else is asked), service tier and why: settled hours as the books have them, later ones as the stream does.
-- reads ledger in window, settlements, spans in window, corrections in window
-- takes by: dimensions of both = provider,model; what to group by, besides service tier and why
-- takes start: time = ; first end of a call; a settled hour is the books' from its beginning on, what is cut off its front the stream's
-- takes end: time = ; first end of a call after; of the books first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said, and nothing of the stream; nothing = all of them
-- gives model: response model, else the requested one
-- gives price_status: unpriced_model, usage_missing or reported_only
-- gives calls: in settled hours without those told twice and those that were priced since; a late one once it is settled
-- lacks service_tier: it always groups by it
-- gives share: of all billable calls of the same provider and model, or what else it is grouped by
-- gives reported_cost_usd: what the spans themselves claim, USD, late ones too; as of a settlement those that it had read
-- gives tenants: how many are named
-- gives first_at: first end of such a call; of the books the hour where no span is left
-- gives settled_to: hours before it are told by the books, later ones by the stream; NULL where nothing is settled
-- gives provisional: true where some of the calls are of hours that are not settled
WITH standing AS (
    SELECT closed_to, closed_at, offsets FROM settlements ORDER BY settlement DESC LIMIT 1
),
told AS (  -- `was_read`: by the settlement that is asked for; rows of a version that did not write their stream: had come by then
    SELECT
        t.*, coalesce(t.response_model, t.request_model) AS model,
        coalesce(
            date_trunc('hour', t.ended_at) < s.closed_to AND ($start IS NULL OR date_trunc('hour', t.ended_at) >= $start),
            false
        ) AS is_settled,
        coalesce(
            CASE WHEN t.source_app_id IS NULL THEN t.received_at <= s.closed_at
            ELSE t.source_offset < s.offsets[t.source_app_id] END,
            false
        ) AS was_read
    FROM spans AS t
    LEFT JOIN standing AS s ON true
    WHERE ($start IS NULL OR t.ended_at >= $start) AND ($end IS NULL OR t.ended_at < $end)
),
stated AS (  -- the last word on a span of a settled hour
    SELECT *, coalesce(response_model, request_model) AS model
    FROM corrections
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR ended_at < $end)
        AND hour < (SELECT closed_to FROM standing)
    QUALIFY row_number() OVER (
        PARTITION BY trace_id, span_id, source_partition, source_offset, received_at ORDER BY settlement DESC
    ) = 1
),
claimed AS (  -- the spans of settled hours as they stand
    SELECT
        t.tenant, t.feature, t.provider, t.model, t.service_tier, t.route, t.prompt_name, t.prompt_version,
        t.principal, t.environment, t.service, t.operation, t.tags, t.price_status, t.reported_cost_usd, t.ended_at
    FROM told AS t
    ANTI JOIN stated AS s
        ON s.trace_id = t.trace_id AND s.span_id = t.span_id AND s.source_partition = t.source_partition
        AND s.source_offset = t.source_offset AND s.received_at = t.received_at
    WHERE t.billable AND t.is_settled AND ($as_of_settlement IS NULL OR t.was_read)
    UNION ALL
    SELECT
        s.tenant, s.feature, s.provider, s.model, s.service_tier, s.route, s.prompt_name, s.prompt_version,
        t.principal, t.environment, t.service, t.operation, t.tags,  -- what a span says of itself, settlement leaves
        s.price_status, s.reported_cost_usd, s.ended_at
    FROM stated AS s
    LEFT JOIN told AS t
        ON t.trace_id = s.trace_id AND t.span_id = s.span_id AND t.source_partition = s.source_partition
        AND t.source_offset = s.source_offset AND t.received_at = s.received_at
        AND t.suppressed_by IS DISTINCT FROM t.span_id
    WHERE s.billable
),
facts AS (
    SELECT
        {columns} service_tier, price_status, tenant AS caller, calls,
        nullif(input_tokens, 0) AS input_tokens, nullif(output_tokens, 0) AS output_tokens,  -- 0 may be unknown there
        hour AS booked_at, NULL::BIGINT AS streamed_calls
    FROM ledger
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
    UNION ALL BY NAME
    SELECT
        {columns} service_tier, price_status, tenant AS caller, 1 AS calls, input_tokens, output_tokens,
        1 AS streamed_calls, reported_cost_usd, ended_at
    FROM told
    WHERE billable AND NOT is_settled AND $as_of_settlement IS NULL
    UNION ALL BY NAME
    SELECT {columns} service_tier, price_status, reported_cost_usd, ended_at
    FROM claimed
    WHERE price_status IS NULL OR price_status NOT IN ('priced', 'free')
),
hours AS (
    SELECT
        {keys} service_tier, price_status, caller, booked_at,
        coalesce(sum(calls), 0)::BIGINT AS calls,
        coalesce(sum(streamed_calls), 0)::BIGINT AS streamed_calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(reported_cost_usd) AS reported_cost_usd,
        min(ended_at) AS first_at,
        max(ended_at) AS last_at
    FROM facts
    GROUP BY ALL
),
sums AS (
    SELECT
        {keys} service_tier, price_status,
        sum(calls)::BIGINT AS calls,
        sum(streamed_calls)::BIGINT AS streamed_calls,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(reported_cost_usd) AS reported_cost_usd,
        count(DISTINCT CASE WHEN calls > 0 THEN caller END) AS tenants,
        coalesce(min(first_at), min(CASE WHEN calls > 0 THEN booked_at END)) AS first_at,
        coalesce(max(last_at), max(CASE WHEN calls > 0 THEN booked_at END)) AS last_at
    FROM hours
    GROUP BY ALL
)
SELECT
    {keys} service_tier, price_status, calls,
    calls::DOUBLE / sum(calls) OVER ({apart}) AS share,
    input_tokens, output_tokens, reported_cost_usd, tenants, first_at, last_at,
    (SELECT closed_to FROM standing) AS settled_to,
    streamed_calls > 0 AS provisional
FROM sums
WHERE calls <> 0
QUALIFY price_status IS NULL OR price_status NOT IN ('priced', 'free')
ORDER BY calls DESC, {keys} price_status, service_tier
