-- split_stream: one stream told twice without a common id: a span for the request, which ends when the stream begins,
-- and a record that carries the usage when the stream has ended, `reported_ms` later. The record is billed, from the
-- start of the request on. The request did not fail, and knows no usage or was lent the same by a span around it.
-- First those that are told in one place: where both have a parent it is the same one, however late the stream was read; where
-- one has none, or the record hangs in the trace by its reader, it begins within 100 ms. Each record takes the request of its
-- trace whose end is nearest, else that of another trace; those that began in the same instant are taken in order.
-- Then those that are told apart: in one trace where records hang by their reader, and in any without a parent. Each record has
-- had a request, so it takes, as a closing bracket does, the last one before it that none between them takes, at most half a
-- minute before.
-- A request may stand for a call that is told in full inside it (an SDK's own span): then that call is billed, and the
-- record tells it again.
CREATE TEMP TABLE split AS
WITH RECURSIVE
asked AS (
    SELECT *, NULL::BIGINT AS inner_call FROM told_once
    UNION ALL BY NAME
    SELECT s.* REPLACE (
        CASE WHEN s.is_usage_record THEN s.ended_us - CAST(coalesce(s.reported_ms, 0) * 1000 AS BIGINT) ELSE s.started_us END
            AS started_us
    ), f.last AS inner_call
    FROM stands_for AS f
    JOIN span AS s ON s.row = f.row
    WHERE s.is_call AND (s.usage_rank IS NULL OR s.stream OR s.is_usage_record)
    WINDOW of_call AS (PARTITION BY f.last, s.teller)
    QUALIFY NOT (bool_or(s.is_usage_record) OVER of_call AND bool_or(NOT s.is_usage_record) OVER of_call)
),
stream AS (
    SELECT *, hangs_by_reader(scope_version) AS is_hung, row_number() OVER (
        PARTITION BY ledger, convention, service, request_model, is_usage_record,
            CASE WHEN is_usage_record THEN started_us ELSE ended_us END
        ORDER BY trace_id, span_id
    ) AS nth
    FROM asked
    WHERE has_time AND (
        is_usage_record OR (
            stream IS DISTINCT FROM false AND status IS DISTINCT FROM 'error'
            AND convention IN (SELECT convention FROM asked WHERE is_usage_record)
        )
    )
),
edge AS (
    SELECT c.row AS request, r.row AS record, c.inner_call, row_number() OVER (
        ORDER BY c.trace_id <> r.trace_id, abs(r.started_us - c.ended_us), abs(r.nth - c.nth), r.started_us, c.nth, r.nth,
            c.trace_id, c.span_id, r.trace_id, r.span_id
    ) AS place
    FROM stream AS r
    JOIN stream AS c
        ON c.ledger = r.ledger
        AND c.convention = r.convention
        AND c.service IS NOT DISTINCT FROM r.service
        AND c.request_model IS NOT DISTINCT FROM r.request_model
        AND NOT c.is_usage_record
        AND r.started_us >= c.started_us AND r.ended_us >= c.ended_us  -- a stream is asked for, handed over, then read to its end
        AND (c.inner_call IS NULL OR r.inner_call IS NULL)
        AND (c.usage_rank IS NULL OR (c.stream AND c.input_tokens = r.input_tokens AND c.output_tokens = r.output_tokens))
        AND CASE WHEN r.parent_span_id IS NOT NULL AND c.parent_span_id IS NOT NULL
            THEN r.trace_id = c.trace_id AND (
                r.parent_span_id = c.parent_span_id OR (r.is_hung AND abs(r.started_us - c.ended_us) <= 100_000)
            )
            ELSE abs(r.started_us - c.ended_us) <= 100_000
        END
    WHERE r.is_usage_record
),
pick AS (
    SELECT *, false AS chosen FROM edge
    UNION ALL
    SELECT request, record, inner_call, place, chosen
    FROM (
        SELECT *, bool_or(chosen) OVER (PARTITION BY request) OR bool_or(chosen) OVER (PARTITION BY record) AS taken
        FROM (
            SELECT request, record, inner_call, place,
                place = min(place) OVER (PARTITION BY request) AND place = min(place) OVER (PARTITION BY record) AS chosen
            FROM pick
            WHERE NOT chosen
        )
    )
    WHERE chosen OR NOT taken
),
apart AS (
    SELECT
        *, CASE WHEN is_usage_record THEN started_us ELSE ended_us END AS at_us,
        CASE WHEN bool_or(is_usage_record) OVER of_trace AND bool_or(NOT is_usage_record) OVER of_trace
            THEN trace_id END AS own_trace
    FROM stream
    WHERE (is_hung OR parent_span_id IS NULL)
        AND CASE WHEN is_usage_record THEN inner_call IS NULL
            ELSE usage_rank IS NULL AND may_stream(stream, scope_version, finish_reason, response_id) END
        AND row NOT IN (SELECT unnest([request, record]) FROM pick WHERE chosen)
    WINDOW of_trace AS (PARTITION BY ledger, trace_id, teller, service, kind, request_model, tenant)
),
open AS (
    SELECT *, if(is_usage_record, 1, 0) + sum(if(is_usage_record, -1, 1)) OVER (
        PARTITION BY ledger, own_trace, teller, service, kind, request_model, tenant
        ORDER BY at_us, is_usage_record, trace_id, span_id ROWS UNBOUNDED PRECEDING
    ) AS depth
    FROM apart
    WHERE own_trace IS NOT NULL OR parent_span_id IS NULL
),
closed AS (
    SELECT *,
        lag(row) OVER deep AS last, lag(inner_call) OVER deep AS last_inner, lag(at_us) OVER deep AS last_us,
        NOT coalesce(lag(is_usage_record) OVER deep, true) AND is_usage_record AS closes
    FROM open
    WINDOW deep AS (
        PARTITION BY ledger, own_trace, teller, service, kind, request_model, tenant, depth
        ORDER BY at_us, is_usage_record, trace_id, span_id
    )
)
SELECT
    request, record,
    CASE WHEN inner_call IS NULL THEN request ELSE record END AS row,
    coalesce(inner_call, record) AS billed
FROM (
    SELECT request, record, inner_call FROM pick WHERE chosen
    UNION ALL
    SELECT last, row, last_inner FROM closed WHERE closes AND at_us <= last_us + 30_000_000
);
