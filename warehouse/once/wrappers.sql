-- wraps_call: a model call that encloses others of its kind mostly repeats what they used, so the innermost ones are
-- billed. It is a call of its own only where it cannot be told from outside what the inner ones did: they are of another
-- kind (a chat that embeds), a tool or a guardrail lies between, or what both tell contradicts that they are one:
-- both token counts differ, told by one teller (a model that is asked while another one still streams); or the model is
-- another one and so is the input, by more than its cached parts, or the output, by more than its reasoning, under
-- another id. Or it worked and was counted, and all that is seen inside are attempts that failed. An equal response id,
-- and counts that are the sum of the inner ones, say that it repeats. What began in its own process after it had ended is not inside: a tracer that leaks
-- its context hangs each call below the one before. Two ids that one teller read off two counted
-- responses are two calls.
-- It stands for the leaf with the same response id, else with the same tokens, else the only one that worked (a retry
-- inside), else the first. A client around parts of its request (each choice that vLLM made, each with the whole prompt)
-- wraps none of them: it alone tells what was used, and same_response knows them by its id.
-- `repeats` = it is that leaf's own call seen from outside: then each may fill the other's gaps. It is none where the two name
-- providers of which one call cannot have both, or both count another input and another output: what LiteLLM has written over
-- a span of the application is of another call. Where LiteLLM's raw copies hang below that span their ids say of which; those of
-- streams have neither id nor counts (`is_mute`): a stream told there is the last of them, of its own model before one without.
CREATE TEMP TABLE enclosed AS
WITH RECURSIVE up AS (
    SELECT row AS inner_row, outer_call AS outer_row, outer_work AS apart, true AS direct FROM call WHERE outer_call IS NOT NULL
    UNION ALL
    SELECT up.inner_row, c.outer_call, up.apart OR c.outer_work, false
    FROM up
    JOIN call AS c ON c.row = up.outer_row
    WHERE c.outer_call IS NOT NULL
)
SELECT up.*
FROM up
JOIN call AS o ON o.row = up.outer_row
JOIN call AS i ON i.row = up.inner_row
WHERE NOT (o.service IS NOT DISTINCT FROM i.service AND o.has_time AND i.has_time AND i.started_us > o.ended_us);

CREATE TEMP TABLE inside AS
SELECT
    up.outer_row, up.inner_row, up.apart, up.direct,
    o.kind = i.kind AS same_kind,
    i.row NOT IN (SELECT outer_row FROM enclosed) AS innermost,
    coalesce(o.made_id = i.made_id, false) AS same_id,
    coalesce(
        o.made_id <> i.made_id AND o.teller = i.teller AND o.service IS NOT DISTINCT FROM i.service
        AND o.usage_rank IS NOT NULL AND i.usage_rank IS NOT NULL, false
    ) AS two_ids,
    coalesce(o.input_tokens = i.input_tokens AND o.output_tokens IS NOT DISTINCT FROM i.output_tokens, false) AS same_usage,
    coalesce(o.some_input <> i.some_input AND coalesce(o.some_output <> i.some_output, o.kind <> 'chat'), false) AS differs,
    coalesce(
        abs(o.some_input - i.some_input) > 1
        AND abs(o.some_input - i.some_input) NOT IN (o.cached_part, o.write_part, o.cached_part + o.write_part)
        AND abs(o.some_input - i.some_input) NOT IN (i.cached_part, i.write_part, i.cached_part + i.write_part), false
    ) AS other_input,
    coalesce(
        abs(o.some_output - i.some_output) > 1
        AND abs(o.some_output - i.some_output) NOT IN (o.thought_part, i.thought_part), false
    ) AS other_output,
    coalesce(o.made_id <> i.made_id, false) AS other_id,
    coalesce(o.input_tokens, o.output_tokens) IS NOT NULL AND o.status = 'ok'
        AND coalesce(i.input_tokens, i.output_tokens) IS NULL AND i.status = 'error' AS other_attempt,
    o.teller IS NOT DISTINCT FROM i.teller AND o.service IS NOT DISTINCT FROM i.service AS same_teller,
    coalesce(
        o.given_model <> i.given_model AND o.given_model IS DISTINCT FROM i.asked_model
        AND o.asked_model IS DISTINCT FROM i.given_model
        AND coalesce(o.asked_model <> i.asked_model, true), false  -- a wire copy tells only what was given
    ) AS other_model,
    i.convention IN ('litellm_v1', 'litellm_v2') AND i.request_model IS NULL AND i.parent_span_id = o.span_id AS is_raw,
    is_raw AND NOT other_model AND i.status IS DISTINCT FROM 'error' AND coalesce(o.stream, false)
        AND coalesce(o.input_tokens, o.output_tokens) IS NOT NULL
        AND i.response_id IS NULL AND coalesce(i.input_tokens, i.output_tokens) IS NULL AS is_mute,
    coalesce(i.given_model IN (o.given_model, o.asked_model), false) AS same_model,
    o.input_tokens AS outer_input, coalesce(o.output_tokens, 0) AS outer_output,
    i.input_tokens, coalesce(i.output_tokens, 0) AS output_tokens
FROM enclosed AS up
JOIN call AS o ON o.row = up.outer_row
JOIN call AS i ON i.row = up.inner_row
WHERE i.successor_id IS DISTINCT FROM o.span_id  -- else it was decided already which of the two is billed
    AND NOT (i.is_part AND NOT o.is_part AND coalesce(o.made_id IN (i.made_id, i.asked_id), false));

CREATE TEMP TABLE summed AS
SELECT
    outer_row,
    outer_input IS NOT NULL AND count(*) FILTER (innermost) > 1 AND (outer_input, outer_output) IN (
        (sum(input_tokens) FILTER (direct), sum(output_tokens) FILTER (direct)),
        (sum(input_tokens) FILTER (direct AND same_kind), sum(output_tokens) FILTER (direct AND same_kind)),
        (sum(input_tokens) FILTER (innermost), sum(output_tokens) FILTER (innermost)),
        (sum(input_tokens) FILTER (innermost AND same_kind), sum(output_tokens) FILTER (innermost AND same_kind))
    ) AS is_sum,
    count(*) FILTER (direct AND same_kind AND NOT apart) > 1
        AND bool_or(NOT other_model) FILTER (direct AND same_kind AND NOT apart)
        AND coalesce(
            outer_input >= sum(input_tokens) FILTER (direct AND same_kind AND NOT apart)
            AND outer_output >= sum(output_tokens) FILTER (direct AND same_kind AND NOT apart), false
        ) AS may_be_sum,
    coalesce(bool_or(input_tokens IS NULL) FILTER (direct AND same_kind AND NOT apart), false) AS some_unknown
FROM inside
GROUP BY outer_row, outer_input, outer_output;

CREATE TEMP TABLE wrapper AS
SELECT DISTINCT outer_row
FROM inside
JOIN summed USING (outer_row)
WHERE same_kind AND (
    same_id OR is_sum OR (
        NOT apart AND NOT other_attempt AND NOT two_ids
        AND (may_be_sum OR some_unknown OR NOT (differs AND same_teller OR other_model AND (differs OR other_input OR other_output AND other_id)))
    )
);

CREATE TEMP TABLE wrapped AS
SELECT
    outer_row, leaf, leaves, same_id OR (is_mute AND one_provider) OR (NOT is_overwritten AND one_provider AND NOT other_usage AND (same_usage OR leaves = 1 OR (worked = 1 AND leaf_worked))) AS repeats
FROM (
    SELECT
        e.outer_row, e.inner_row AS leaf, e.apart, e.same_id, e.same_usage, e.other_input AND e.other_output AS other_usage, l.started_us, l.span_id,
        coalesce(o.stream, false) AND e.same_usage AND NOT e.other_id AND NOT e.other_model AS may_be_it, e.is_mute, e.is_mute AND e.same_model AS is_mute_alike, CASE WHEN e.is_mute THEN -l.ended_us END AS latest_first,
        may_be_said_of_one(
            o.provider, kind_of_word(o.provider, o.server_address), l.provider, kind_of_word(l.provider, l.server_address)
        ) AS one_provider,
        l.status IS DISTINCT FROM 'error' AS leaf_worked,
        bool_or(e.is_raw AND e.other_id) OVER (PARTITION BY e.outer_row) AS is_overwritten,
        count(*) FILTER (NOT e.apart) OVER (PARTITION BY e.outer_row) AS leaves,
        count(*) FILTER (NOT e.apart AND l.status IS DISTINCT FROM 'error') OVER (PARTITION BY e.outer_row) AS worked
    FROM inside AS e
    JOIN call AS o ON o.row = e.outer_row
    JOIN call AS l ON l.row = e.inner_row
    WHERE e.same_kind
        AND e.outer_row IN (SELECT outer_row FROM wrapper)
        AND e.inner_row NOT IN (SELECT outer_row FROM wrapper)
)
QUALIFY row_number() OVER (
    PARTITION BY outer_row
    ORDER BY same_id DESC, apart, may_be_it DESC, is_mute DESC, is_mute_alike DESC, latest_first, same_usage DESC, leaf_worked DESC, started_us, span_id, leaf
) = 1;

-- What is known of a span already: the wire copy's parent, the attempt after one that failed, or what a flush has put it to that is
-- not here.
CREATE TEMP TABLE decided AS
SELECT row, ledger, trace_id, successor_id, successor_why
FROM span
WHERE successor_id IS NOT NULL;

-- What a span stands for already: a wrapper for its leaf, else a span with a successor for that one. `last` is the end of
-- the chain, where every step of it is the same call.
CREATE TEMP TABLE known_step AS
SELECT outer_row AS row, leaf AS next_row, 'wraps_call' AS why, repeats FROM wrapped
UNION ALL
SELECT s.row, arg_min(b.row, (b.trace_id <> s.trace_id, b.row)), any_value(s.successor_why), true
FROM decided AS s
JOIN span AS b ON b.ledger = s.ledger AND b.span_id = s.successor_id AND b.row <> s.row
WHERE s.row NOT IN (SELECT outer_row FROM wrapped)
GROUP BY s.row;

CREATE TEMP TABLE leaf AS
FROM call
WHERE row NOT IN (SELECT row FROM decided) AND row NOT IN (SELECT outer_row FROM wrapped);

CREATE TEMP TABLE stands_for AS
WITH RECURSIVE walk AS (
    SELECT row, next_row AS last, repeats, 1 AS steps FROM known_step
    UNION ALL
    SELECT w.row, k.next_row, w.repeats AND k.repeats, w.steps + 1
    FROM walk AS w
    JOIN known_step AS k ON k.row = w.last
    WHERE w.steps < 8
)
SELECT DISTINCT row, last FROM walk WHERE repeats AND last IN (SELECT row FROM leaf);
