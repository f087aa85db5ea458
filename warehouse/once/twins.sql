-- same_call: two instrumentations of one process report one call side by side, in one trace or in two, and no id says so
-- (an SDK's own span beside an instrumentor's, embeddings, errors). They are one call where the instrumentations differ;
-- service, kind and model agree (a tracer of its own may have no service: what worked there may be any service's); one lies within the other to 10 ms, or of two streams one ended when it handed its stream
-- over (LlamaIndex), where the other began, or heard its first chunk later, while the other ran and no third one; they
-- begin or end together to 250 ms, but for a stream that was heard so; both worked
-- or both failed; the tokens are equal where both have some, but for reasoning, or all that a cache gave and took, that one
-- does not know and leaves out; and both stand where one call can stand: in one trace below the same span, or one of them below an ancestor of the other (a tracer that does not follow the context), in two traces
-- not below two requests or jobs (spans that are none of GenAI, or that are not here). Sequential calls never lie within
-- each other; calls of one instrumentation are no twins, nor are two of which one was told by the other's instrumentation,
-- nor two that went through two client libraries, or are put together with two that did.
-- Nor are two that contradict each other, or that a third one links who do (`contradict`). Where they name two providers that one call may have (providers.sql),
-- they must truly overlap, for a refusal here and the attempt elsewhere after it take milliseconds, and tell no two hosts.
CREATE TEMP MACRO why_ended(finish_reason) AS  -- a model that asks for tools has stopped, as Gemini has it
    CASE WHEN finish_reason = 'tool_calls' THEN 'stop' ELSE finish_reason END;

-- Both tell it, and not the same. Names are compared that were told in one way; 0 cached tokens are often not measured.
-- One trace serves one session: names of it that differ there are those of the user's session and of the provider's thread.
CREATE TEMP MACRO at_odds(a, b) AS NOT coalesce(a.session_id = b.session_id OR a.trace_id = b.trace_id, true)
    OR NOT coalesce(a.task_id = b.task_id, true)
    OR NOT coalesce(a.prompt_name = b.prompt_name, true)
    OR NOT coalesce(a.user_id = b.user_id, true)
    OR NOT coalesce(a.tenant = b.tenant OR a.tenant_standing <> b.tenant_standing, true)
    OR NOT coalesce(a.feature = b.feature OR a.feature_standing <> b.feature_standing, true)
    OR NOT coalesce(why_ended(a.finish_reason) = why_ended(b.finish_reason), true)
    OR NOT coalesce(a.some_cached = b.some_cached, true);

-- Who asked Bedrock is not who asked the maker by the maker's name. A name that may be the answer's says nothing beside another
-- instrumentation of the same library: AnthropicBedrock's answers are named as Anthropic's.
CREATE TEMP MACRO asks_elsewhere(a, b) AS a.asks_bedrock AND b.asks_maker
    AND NOT coalesce(b.model_may_be_copy AND a.library = b.library, false);

-- What is told of one call by two never contradicts itself so, nor what is told by two whom a third one links.
CREATE TEMP MACRO contradict(a, b) AS list_has_any(a.tellers, b.tellers)
    OR (a.has_id AND b.has_id)
    OR coalesce(a.service <> b.service, false)
    OR coalesce(a.library <> b.library, false)
    OR NOT may_be_said_of_one(a.provider, a.word_kind, b.provider, b.word_kind)
    OR asks_elsewhere(a, b) OR asks_elsewhere(b, a)
    OR NOT coalesce(
        a.some_input = b.some_input
        OR (b.kept_part = 0 AND a.some_input - a.kept_part = b.some_input)
        OR (a.kept_part = 0 AND b.some_input - b.kept_part = a.some_input), true
    )
    OR NOT coalesce(
        a.some_output = b.some_output
        OR (b.thought_part = 0 AND a.some_output - a.thought_part = b.some_output)
        OR (a.thought_part = 0 AND b.some_output - b.thought_part = a.some_output), true
    )
    OR at_odds(a, b);

-- The first chunk of a stream that `a` had handed over came while `b` ran.
CREATE TEMP MACRO heard_in(a, b) AS a.stream AND b.stream
    AND coalesce(a.late_chunk_us BETWEEN b.started_us - 10_000 AND b.ended_us + 10_000, false);

CREATE TEMP MACRO heard_elsewhere(a, b) AS coalesce(
    a.late_chunk_us NOT BETWEEN b.started_us - 10_000 AND coalesce(b.late_chunk_us, b.ended_us) + 10_000, false
);

-- `a` ended as it handed its stream over, where `b` began: it did not fail and had not counted, or was lent the same counts. A
-- usage record ends as its stream does.
CREATE TEMP MACRO counted_alike(a, b) AS a.stream AND b.stream AND a.some_input = b.some_input AND a.some_output = b.some_output;
CREATE TEMP MACRO handed_to(a, b) AS abs(a.ended_us - b.started_us) <= 100_000 AND NOT a.is_usage_record
    AND (counted_alike(a, b) OR (a.stream AND b.stream AND a.usage_rank IS NULL AND a.status IS DISTINCT FROM 'error'));

-- Who else tells of the same call for certain.
CREATE TEMP TABLE spoken AS
WITH known AS (
    SELECT row, last FROM stands_for
    UNION
    SELECT row, billed FROM answered WHERE row <> billed
    UNION
    SELECT f.row, a.billed FROM stands_for AS f JOIN answered AS a ON a.row = f.last WHERE a.row <> a.billed
)
SELECT DISTINCT k.last AS row, s.teller FROM known AS k JOIN span AS s ON s.row = k.row;

CREATE TEMP TABLE party AS
WITH heard AS (
    SELECT row, list(teller) AS tellers, min(library_of(teller)) AS library FROM spoken GROUP BY row
),
told AS (
    SELECT
        t.*, coalesce(asked_model, given_model) IS NULL AND convention IN ('litellm_v1', 'litellm_v2') AS is_nameless,
        list_distinct([teller] || coalesce(tellers, [])) AS tellers,
        coalesce(
            library_of(teller), heard.library,
            -- these LiteLLM asks without the library of the one or the other; what it asks OpenAI's for names the model
            CASE WHEN convention IN ('litellm_v1', 'litellm_v2') AND (provider IN ('anthropic', 'aws.bedrock') OR is_nameless) THEN 'litellm' END
        ) AS library
    FROM told_once AS t
    LEFT JOIN heard USING (row)
)
SELECT
    *, kind_of_word(provider, server_address) AS word_kind, coalesce(asked_model, given_model) AS asked,
    is_bedrocks_name(request_model) OR coalesce(provider = 'aws.bedrock' AND library IN ('boto3', 'litellm'), false)
        AS asks_bedrock,
    NOT is_bedrocks_name(request_model) AND provider IS DISTINCT FROM 'aws.bedrock' AND library IS DISTINCT FROM 'boto3'
        AND (request_model IS NOT NULL OR (library IS NOT DISTINCT FROM 'litellm' AND NOT is_nameless)) AS asks_maker
FROM told
WHERE (coalesce(asked_model, given_model) IS NOT NULL OR is_nameless) AND has_time AND row NOT IN (SELECT row FROM split);

-- Who began or ended in the same quarter of a second or in the next one, or heard the other's stream: only these are compared.
CREATE TEMP TABLE met AS
WITH moment AS (
    SELECT row, ledger, service, kind, asked, teller, 'begin' AS edge, started_us // 250_000 AS quarter FROM party
    UNION ALL
    SELECT row, ledger, service, kind, asked, teller, 'end', ended_us // 250_000 FROM party
)
SELECT DISTINCT a.row AS one, b.row AS other
FROM moment AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment) AS b
    ON a.ledger = b.ledger
    AND a.service IS NOT DISTINCT FROM b.service
    AND a.kind = b.kind
    AND a.asked = b.asked
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller < b.teller
UNION
SELECT a.row, b.row
FROM moment AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment) AS b
    ON a.ledger = b.ledger
    AND a.kind = b.kind
    AND a.asked = b.asked
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller <> b.teller
WHERE a.service IS NULL AND b.service IS NOT NULL
UNION
SELECT CASE WHEN a.teller < b.teller THEN a.row ELSE b.row END, CASE WHEN a.teller < b.teller THEN b.row ELSE a.row END
FROM moment AS a
JOIN (SELECT * REPLACE (unnest([quarter - 1, quarter, quarter + 1]) AS quarter) FROM moment) AS b
    ON a.ledger = b.ledger
    AND a.service IS NOT DISTINCT FROM b.service
    AND a.kind = b.kind
    AND a.edge = b.edge
    AND a.quarter = b.quarter
    AND a.teller <> b.teller
WHERE a.asked IS NULL AND b.asked IS NOT NULL  -- LiteLLM's raw copy of a stream, which tells nothing at all
UNION
SELECT
    CASE WHEN a.teller < b.teller THEN a.row ELSE b.row END,
    CASE WHEN a.teller < b.teller THEN b.row ELSE a.row END
FROM party AS a
JOIN party AS b
    ON a.ledger = b.ledger
    AND a.service IS NOT DISTINCT FROM b.service
    AND a.kind = b.kind
    AND a.asked = b.asked
    AND a.teller <> b.teller
    AND heard_in(a, b)
WHERE a.late_chunk_us IS NOT NULL;

-- Whom each one met and contradicts.
CREATE TEMP TABLE odds AS
WITH pair AS (
    SELECT one, other FROM met JOIN party AS a ON a.row = met.one JOIN party AS b ON b.row = met.other WHERE contradict(a, b)
)
SELECT row, list(other) AS against
FROM (SELECT one AS row, other FROM pair UNION ALL SELECT other, one FROM pair)
GROUP BY row;

-- Among equals the first of one teller is the first of the other: counted among those only that may be twins.
CREATE TEMP TABLE near AS
SELECT
    one, other, one_by, other_by, one_has_id, other_has_id, one_library, other_library, one_trace, one_parent, other_parent,
    row_number() OVER (ORDER BY
        uncounted, other_word, apart_us, abs(one_nth - other_nth),
        one_started_us, other_started_us, one_trace_id, one_span_id, other_trace_id, other_span_id
    ) AS place
FROM (
    SELECT
        a.row AS one, b.row AS other, a.tellers AS one_by, b.tellers AS other_by,
        a.has_id AS one_has_id, b.has_id AS other_has_id, a.library AS one_library, b.library AS other_library,
        a.trace_id = b.trace_id AS one_trace, a.parent_span_id AS one_parent, b.parent_span_id AS other_parent,
        a.usage_rank IS NULL OR b.usage_rank IS NULL AS uncounted,
        coalesce(a.provider <> b.provider, false) AS other_word,
        coalesce(
            abs(a.late_chunk_us - b.first_chunk_us), abs(b.late_chunk_us - a.first_chunk_us),
            abs(a.started_us - b.started_us) + abs(a.ended_us - b.ended_us)
        ) AS apart_us,
        a.started_us AS one_started_us, b.started_us AS other_started_us,
        a.trace_id AS one_trace_id, a.span_id AS one_span_id, b.trace_id AS other_trace_id, b.span_id AS other_span_id,
        dense_rank() OVER (
            PARTITION BY a.ledger, a.service, a.kind, a.asked, a.teller, b.teller
            ORDER BY a.started_us, a.ended_us, a.trace_id, a.span_id
        ) AS one_nth,
        dense_rank() OVER (
            PARTITION BY a.ledger, a.service, a.kind, a.asked, a.teller, b.teller
            ORDER BY b.started_us, b.ended_us, b.trace_id, b.span_id
        ) AS other_nth
    FROM met
    JOIN party AS a ON a.row = met.one
    JOIN party AS b ON b.row = met.other
    WHERE NOT contradict(a, b)
        AND (a.status = 'error') = (b.status = 'error')
        AND (a.service IS NOT DISTINCT FROM b.service OR a.status IS DISTINCT FROM 'error')
        AND (
            (a.started_us <= b.started_us + 10_000 AND b.ended_us <= a.ended_us + 10_000)
            OR (b.started_us <= a.started_us + 10_000 AND a.ended_us <= b.ended_us + 10_000)
            OR handed_to(a, b) OR handed_to(b, a) OR heard_in(a, b) OR heard_in(b, a)
        )
        AND NOT heard_elsewhere(a, b) AND NOT heard_elsewhere(b, a)
        AND (
            coalesce(a.provider = b.provider, true) OR (
                coalesce(lower(a.server_address) = lower(b.server_address), true)
                AND (
                    (a.started_us < b.ended_us AND b.started_us < a.ended_us)
                    OR counted_alike(a, b) OR heard_in(a, b) OR heard_in(b, a)
                )
            )
        )
        AND (
            abs(a.started_us - b.started_us) <= 250_000 OR abs(a.ended_us - b.ended_us) <= 250_000
            OR heard_in(a, b) OR heard_in(b, a)
        )
);

-- The spans above those of `near` that do not stand below the same span.
CREATE TEMP TABLE above AS
WITH RECURSIVE up AS (
    SELECT s.row, s.ledger, s.trace_id, s.parent_span_id, 0 AS steps, false AS is_job
    FROM span AS s
    WHERE s.row IN (
        SELECT unnest([one, other]) FROM near WHERE NOT one_trace OR one_parent IS DISTINCT FROM other_parent
    )
    UNION ALL
    SELECT up.row, up.ledger, up.trace_id, p.parent_span_id, up.steps + 1, p.row IS NULL OR p.operation IS NULL
    FROM up
    LEFT JOIN span AS p ON p.ledger = up.ledger AND p.trace_id = up.trace_id AND p.span_id = up.parent_span_id
    WHERE up.steps < 64 AND up.parent_span_id IS NOT NULL
)
SELECT row, parent_span_id AS span_id, bool_or(is_job) OVER (PARTITION BY row) AS below_job FROM up;

-- Those who tell of one call make a group, which grows by the pairs that fit best first: it has at most one span of each
-- instrumentation, one that got a response id, and one client library, and no two that contradict each other.
-- `paired`: those of a group that may be one call.
CREATE TEMP TABLE paired AS
WITH RECURSIVE
edge AS (
    SELECT *
    FROM near
    WHERE CASE WHEN one_trace THEN
        one_parent IS NOT DISTINCT FROM other_parent
        OR EXISTS (FROM above WHERE above.row = one AND above.span_id IS NOT DISTINCT FROM other_parent)
        OR EXISTS (FROM above WHERE above.row = other AND above.span_id IS NOT DISTINCT FROM one_parent)
    ELSE
        NOT EXISTS (FROM above WHERE above.row = one AND below_job)
        OR NOT EXISTS (FROM above WHERE above.row = other AND below_job)
    END
),
met_by AS (  -- from either side
    SELECT one, other, place, one_by, other_by, one_has_id, other_has_id, one_library, other_library FROM edge
    UNION ALL
    SELECT other, one, place, other_by, one_by, other_has_id, one_has_id, other_library, one_library FROM edge
),
grown AS (
    SELECT
        one, other, place, one AS one_group, other AS other_group, one_by, other_by,
        one_has_id, other_has_id, one_library, other_library, [one] AS one_rows, [other] AS other_rows,
        coalesce(a.against, []) AS one_against, coalesce(b.against, []) AS other_against
    FROM met_by
    LEFT JOIN odds AS a ON a.row = one
    LEFT JOIN odds AS b ON b.row = other
    UNION ALL
    SELECT *
    FROM (
        SELECT
            one, other, place,
            least(one_group, any_value(other_group) FILTER (chosen) OVER of_one) AS one_group,
            least(other_group, any_value(one_group) FILTER (chosen) OVER of_other) AS other_group,
            one_by || coalesce(any_value(other_by) FILTER (chosen) OVER of_one, []) AS one_by,
            other_by || coalesce(any_value(one_by) FILTER (chosen) OVER of_other, []) AS other_by,
            one_has_id OR coalesce(bool_or(other_has_id) FILTER (chosen) OVER of_one, false) AS one_has_id,
            other_has_id OR coalesce(bool_or(one_has_id) FILTER (chosen) OVER of_other, false) AS other_has_id,
            coalesce(one_library, any_value(other_library) FILTER (chosen) OVER of_one) AS one_library,
            coalesce(other_library, any_value(one_library) FILTER (chosen) OVER of_other) AS other_library,
            one_rows || coalesce(any_value(other_rows) FILTER (chosen) OVER of_one, []) AS one_rows,
            other_rows || coalesce(any_value(one_rows) FILTER (chosen) OVER of_other, []) AS other_rows,
            one_against || coalesce(any_value(other_against) FILTER (chosen) OVER of_one, []) AS one_against,
            other_against || coalesce(any_value(one_against) FILTER (chosen) OVER of_other, []) AS other_against
        FROM (
            SELECT *,
                place = min(place) OVER (PARTITION BY one_group) AND place = min(place) OVER (PARTITION BY other_group)
                    AS chosen
            FROM grown
            WHERE one_group <> other_group
        )
        WINDOW of_one AS (PARTITION BY one_group), of_other AS (PARTITION BY other_group)
    )
    WHERE one_group = other_group OR NOT (
        list_has_any(one_by, other_by) OR (one_has_id AND other_has_id) OR coalesce(one_library <> other_library, false)
        OR list_has_any(one_rows, other_against)
    )
)
SELECT one, other FROM grown WHERE one_group = other_group;

CREATE TEMP TABLE twin AS
WITH standing AS (
    SELECT row, row_number() OVER (
        ORDER BY late_chunk_us IS NOT NULL, coalesce(usage_rank, 99), started_us, span_id, trace_id, row  -- who saw its end first
    ) AS place
    FROM party
)
SELECT a.row, arg_min(b.row, b.place) AS billed
FROM paired AS p
JOIN standing AS a ON a.row = p.one
JOIN standing AS b ON b.row = p.other AND b.place < a.place
GROUP BY a.row;
