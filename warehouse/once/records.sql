-- Words that the rules share, then repeated_record: the same span stands on several records, because a client or a
-- Collector sent it again. The record that says most is the span, the first of equals; the others are the span again.
CREATE TEMP MACRO rank_of(convention) AS CASE convention  -- how good its token counts are, 0 = best; as scopes.csv says
    WHEN 'anthropic_sdk_native' THEN 0
    WHEN 'otel_genai' THEN 1 WHEN 'otel_genai_deprecated' THEN 1 WHEN 'openinference' THEN 1
    WHEN 'pydantic_ai' THEN 3 WHEN 'vercel_ai_genai_v7' THEN 3 WHEN 'vercel_ai_legacy' THEN 3 WHEN 'openlit' THEN 3
    WHEN 'vllm' THEN 4
    ELSE 2
END;

-- How little a class of errors says: the first are what a status alone tells, and hide the others.
CREATE TEMP MACRO vagueness(error_class) AS CASE
    WHEN error_class = 'unknown' THEN 2
    WHEN error_class IN ('invalid_request', 'server_error', 'rate_limit', 'network') THEN 1
    ELSE 0
END;

-- What a call makes: one call is never told as two kinds.
CREATE TEMP MACRO kind_of(operation) AS CASE WHEN operation = 'text_completion' THEN 'chat' ELSE operation END;

-- bedrocks_name, bare_name and family_of, a model without the way to it and without its date: `warehouse.families`.
CREATE TEMP MACRO is_bedrocks_name(model) AS coalesce(
    bedrocks_name(bare_name(model)) <> bare_name(model) OR regexp_matches(model, '-v\d+:\d+$'), false
);

-- logfire before 4.17 hung the record of a stream below the span that read it, not below that of its request.
CREATE TEMP MACRO hangs_by_reader(scope_version) AS
    coalesce(regexp_matches(scope_version, '^(?:[0-3]|4\.(?:\d|1[0-6]))\.'), false);

-- Whether a request of logfire's streams: from 4.23 on it leaves that out; by then what it was answered has an id and an end.
CREATE TEMP MACRO may_stream(stream, scope_version, finish_reason, response_id) AS coalesce(
    stream,
    regexp_matches(scope_version, '^(?:4\.(?:2[3-9]|[3-9]\d)|[5-9]|[1-9]\d)\.') AND finish_reason IS NULL AND response_id IS NULL,
    false
);

-- An id that was made for one response; NULL where it is a counter, a dice roll (Ollama: chatcmpl-417), a word or a row
-- of equal signs. vLLM numbers the parts of a response behind its id.
-- Who asked vLLM knows the id without what it adds on its own spans (asked_id): before it the number of a choice, behind
-- it that of a prompt, and eight characters against ids that its users choose.
CREATE TEMP MACRO own_part(id) AS regexp_replace(id, '^[A-Za-z]+[-_]', '');
CREATE TEMP MACRO made_id(id) AS CASE
    WHEN length(own_part(id)) >= 8
        AND array_length(list_distinct(string_split(own_part(id), ''))) >= 4
        AND (length(own_part(id)) >= 20 OR regexp_matches(own_part(id), '\d'))
    THEN regexp_replace(id, '^([A-Za-z]+[-_][0-9a-f]{32})-[0-9A-Za-z-]+$', '\1')
END;

CREATE TEMP MACRO asked_id(id) AS nullif(regexp_extract(
    id, '^(?:\d+_)?((?:chat)?cmpl-(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,}))(?:[-_]\d+)?(?:-[0-9a-f]{8})?$', 1
), '');

-- One tenant does not repeat what another one told: the same ids that the gateway stamped for two tenants are two spans,
-- and the rules see the later one alone.
CREATE TEMP TABLE usurped AS
SELECT row, ledger - 1_000_000_000 * (nth - 1) AS own_ledger
FROM (
    SELECT row, ledger, dense_rank() OVER (PARTITION BY ledger, trace_id, span_id ORDER BY began, tenant) AS nth
    FROM (
        SELECT row, ledger, trace_id, span_id, tenant,
            min(row) OVER (PARTITION BY ledger, trace_id, span_id, tenant) AS began
        FROM given
        WHERE stamped_for IS NOT NULL
    )
)
WHERE nth > 1;

CREATE TEMP VIEW entry AS
SELECT given.* REPLACE (coalesce(usurped.own_ledger, ledger) AS ledger) FROM given LEFT JOIN usurped USING (row);

CREATE TEMP TABLE again AS
SELECT row
FROM entry
JOIN (
    SELECT ledger, trace_id, span_id FROM entry GROUP BY ledger, trace_id, span_id HAVING count(*) > 1
) USING (ledger, trace_id, span_id)
QUALIFY row_number() OVER (
    PARTITION BY ledger, trace_id, span_id
    ORDER BY coalesce(successor_id = span_id, false), NOT coalesce(is_call, false),
        input_tokens IS NULL, output_tokens IS NULL, received_us, source_partition, source_offset, row
) > 1;

CREATE TEMP TABLE span AS
SELECT
    * REPLACE (
        coalesce(is_call, false) AS is_call,
        CASE WHEN coalesce(input_tokens, output_tokens) IS NOT NULL
             THEN coalesce(usage_rank, rank_of(convention)) END AS usage_rank
    ),
    -- As its producer's clock said, also where the ledger does not believe it; else spans that were put to the time of
    -- their record would all seem to be at once. Of one without a time (or with one that runs backwards) nothing is known.
    epoch_us(started_at) + coalesce(epoch_us(original_ended_at) - epoch_us(ended_at), 0) AS started_us,
    epoch_us(coalesce(original_ended_at, ended_at)) AS ended_us,
    NOT coalesce(clock_skew AND original_ended_at IS NULL, false) AS has_time,
    kind_of(operation) AS kind,
    family_of(request_model) AS asked_model,
    family_of(coalesce(response_model, request_model)) AS given_model,
    successor_id IS NOT DISTINCT FROM parent_span_id AND successor_id IS NOT NULL AS is_copy,  -- of what its parent sent and got
    CASE WHEN is_call OR is_fetch OR is_copy THEN made_id(response_id) END AS made_id,
    convention IS NOT DISTINCT FROM 'vllm' AS is_part,  -- the server tells each prompt and each choice of a request by itself
    CASE WHEN is_call AND convention = 'vllm' THEN made_id(asked_id(response_id)) END AS asked_id,
    nullif(input_tokens, 0) AS some_input,  -- 0 is often what was not measured
    nullif(output_tokens, 0) AS some_output,
    nullif(cached_input_tokens, 0) AS some_cached,
    coalesce(cached_input_tokens, 0) AS cached_part,
    coalesce(cache_write_tokens, 0) AS write_part,
    coalesce(reasoning_tokens, 0) AS thought_part
FROM entry
WHERE row NOT IN (SELECT row FROM again);
