-- split_stream: one stream told twice without a common id: a span for the request, which ends when the stream begins,
-- and a record that carries the usage when the stream has ended, `reported_ms` later. The record is billed, from the
-- start of the request on. The request did not fail, and knows no usage or was lent the same by a span around it.
-- First those that are told in one place: where both have a parent it is the same one, however late the stream was read; where
-- one has none, or the record hangs in the trace by its reader, it begins within 100 ms. Each record takes the request of its
-- trace whose end is nearest, else that of another trace; those that began in the same instant are taken in order. A record that
-- a flush has given its request is whole.
-- Then those that are told apart: in one trace where records hang by their reader, and in any without a parent. Each record has
-- had a request, so it takes, as a closing bracket does, the last one before it that none between them takes, at most half a
-- minute before. Where a flush has given the request of one record to a later one, a settlement has the earlier record left and
-- the request of the later one, both within the stream that was made: they are put together too.
-- A request may stand for a call that is told in full inside it (an SDK's own span): then that call is billed, and the
-- record tells it again, also one that a flush has put to the request before. So may a record that a flush has put to another
-- instrumentation's span, before its request came.
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
    WHERE has_time AND NOT has_request AND (
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
        NOT coalesce(lag(is_usage_record) OVER deep, true) AND is_usage_record AS closes,
        coalesce(lead(is_usage_record) OVER deep, false) AND NOT is_usage_record AS is_closed
    FROM open
    WINDOW deep AS (
        PARTITION BY ledger, own_trace, teller, service, kind, request_model, tenant, depth
        ORDER BY at_us, is_usage_record, trace_id, span_id
    )
),
spare AS (
    SELECT *, row_number() OVER (
        PARTITION BY ledger, own_trace, teller, service, kind, request_model, tenant, is_usage_record
        ORDER BY if(is_usage_record, -at_us, at_us), trace_id, span_id
    ) AS place
    FROM closed
    WHERE NOT closes AND NOT is_closed
)
SELECT
    request, record,
    CASE WHEN inner_call IS NULL THEN request ELSE record END AS row,
    coalesce(inner_call, record) AS billed
FROM (
    SELECT request, record, inner_call FROM pick WHERE chosen
    UNION ALL
    SELECT last, row, last_inner FROM closed WHERE closes AND at_us <= last_us + 30_000_000
    UNION ALL
    SELECT c.row, r.row, c.inner_call
    FROM spare AS r
    JOIN spare AS c
        ON c.ledger = r.ledger
        AND c.own_trace IS NOT DISTINCT FROM r.own_trace
        AND c.teller = r.teller
        AND c.service IS NOT DISTINCT FROM r.service
        AND c.kind = r.kind
        AND c.request_model IS NOT DISTINCT FROM r.request_model
        AND c.tenant IS NOT DISTINCT FROM r.tenant
        AND c.place = r.place
        AND NOT c.is_usage_record
    WHERE r.is_usage_record
        AND EXISTS (
            FROM told_once AS w
            WHERE w.has_request AND w.started_us <= r.at_us AND w.read_us >= c.at_us - 100_000
                AND w.ledger = r.ledger AND w.teller = r.teller AND w.service IS NOT DISTINCT FROM r.service
                AND w.request_model IS NOT DISTINCT FROM r.request_model
        )
);
