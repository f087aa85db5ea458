-- Counts by which health is judged: how calls, checks and tools went, by series over time, in long form.
-- reads usage in window, safety in window, spans in window
-- takes every: seconds = 60; length of the slots that counts are summed over: minutes at least
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- gives slot: its beginning
-- gives provider: NULL of checks and tools, which do not tell; likewise feature and model of what has none
-- gives measure: calls, unpriced (calls without a price that did not fail), retries, prompted (calls with input), cached (calls times cached share of the input), error CLASS; latency, ttft; checks, triggered, blocked, pii_checks, pii, injection_checks, injections; tool_calls, tool_failures, retrievals, retrieval_failures
-- gives bin: of latency and ttft: calls of more than 1.02^(20 (bin - 1)) and at most 1.02^(20 bin) ms
-- gives amount: how many
WITH used AS (
    SELECT minute AS moment, tenant, feature, provider, model, error_class, calls, priced_calls, retries, input_tokens,
        cached_input_tokens, latency_hist, ttft_hist
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
),
guarded AS (
    SELECT minute AS moment, tenant, feature, model, category, action, events, checked_calls
    FROM safety
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
),
tools AS (
    SELECT ended_at AS moment, tenant, feature, operation, status
    FROM spans
    WHERE ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
        AND operation IN ('execute_tool', 'retrieval') AND suppressed_by IS NULL
),
buckets AS (
    SELECT moment, tenant, feature, provider, model, 'latency' AS measure, unnest(latency_hist) AS bucket_ FROM used
    UNION ALL
    SELECT moment, tenant, feature, provider, model, 'ttft' AS measure, unnest(ttft_hist) AS bucket_ FROM used
),
told AS (
    SELECT moment, tenant, feature, provider, model, 'calls' AS measure, calls::DOUBLE AS amount FROM used
    UNION ALL
    SELECT moment, tenant, feature, provider, model, 'unpriced', (calls - priced_calls)::DOUBLE
    FROM used
    WHERE error_class IS NULL
    UNION ALL
    SELECT moment, tenant, feature, provider, model, 'retries', retries::DOUBLE FROM used
    UNION ALL
    SELECT moment, tenant, feature, provider, model, 'prompted', calls::DOUBLE FROM used WHERE input_tokens > 0
    UNION ALL
    SELECT moment, tenant, feature, provider, model, 'cached', calls::DOUBLE * cached_input_tokens / input_tokens
    FROM used
    WHERE input_tokens > 0
    UNION ALL
    SELECT moment, tenant, feature, provider, model, concat('error ', error_class), calls::DOUBLE
    FROM used
    WHERE error_class IS NOT NULL
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'checks', checked_calls::DOUBLE FROM guarded WHERE category = 'any'
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'triggered', events::DOUBLE
    FROM guarded
    WHERE category = 'any' AND action IS DISTINCT FROM 'allowed'
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'blocked', events::DOUBLE
    FROM guarded
    WHERE category = 'any' AND action = 'blocked'
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'pii_checks', checked_calls::DOUBLE
    FROM guarded
    WHERE category IN ('pii', 'guardrail')
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'pii', events::DOUBLE
    FROM guarded
    WHERE category = 'pii' AND action IS DISTINCT FROM 'allowed'
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'injection_checks', checked_calls::DOUBLE
    FROM guarded
    WHERE category IN ('prompt_injection', 'guardrail')
    UNION ALL
    SELECT moment, tenant, feature, NULL, model, 'injections', events::DOUBLE
    FROM guarded
    WHERE category = 'prompt_injection' AND action IS DISTINCT FROM 'allowed'
    UNION ALL
    SELECT moment, tenant, feature, NULL, NULL, if(operation = 'retrieval', 'retrievals', 'tool_calls'), 1.0::DOUBLE
    FROM tools
    UNION ALL
    SELECT moment, tenant, feature, NULL, NULL, if(operation = 'retrieval', 'retrieval_failures', 'tool_failures'),
        1.0::DOUBLE
    FROM tools
    WHERE status = 'error'
),
all_ AS (
    SELECT moment, tenant, feature, provider, model, measure, NULL::INTEGER AS bin, amount FROM told
    UNION ALL
    SELECT moment, tenant, feature, provider, model, measure,
        greatest(0, least(35, (bucket_.index + 19) // 20))::INTEGER AS bin, bucket_.count::DOUBLE AS amount
    FROM buckets
)
SELECT make_timestamptz(epoch_us(moment) // ($every::BIGINT * 1_000_000) * ($every::BIGINT * 1_000_000)) AS slot,
    tenant, feature, provider, model, measure, bin, sum(amount) AS amount
FROM all_
WHERE amount <> 0
GROUP BY ALL
ORDER BY slot, tenant, feature, provider, model, measure, bin
