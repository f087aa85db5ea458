-- Self-hosted models beside hosted ones: what tokens and successes cost, with idle time and without, and from which load on that pays.
-- reads gpu_minutes in window, settlements, ledger in window, tasks
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes against: text = ; a hosted model, as `model` names it here: what the same tokens would have cost there, and where it breaks even
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives hosting: self_hosted or hosted
-- gives gpu_hours: of the GPUs that it ran on, with their idle time; several models of one GPU share that as they used it
-- gives cost_usd: of self-hosted ones what these gpu_hours cost; of hosted ones as billed
-- gives used_cost_usd: what of cost_usd calls used
-- gives cost_per_1k_tokens_usd: cost_usd / thousand input and output tokens
-- gives used_cost_per_1k_tokens_usd: likewise of used_cost_usd: what they would cost if no time were idle
-- gives successful_tasks: tasks of the window that called it and succeeded; with several models they count with each
-- gives cost_per_successful_task_usd: cost_usd / successful_tasks
-- gives tokens_per_gpu_hour: input and output tokens / gpu_hours
-- gives against_cost_usd: what these tokens cost at `against`, by its own average of input and of output
-- gives break_even_tokens_per_gpu_hour: from so many of this mix on, self-hosting is cheaper than `against`
-- gives provisional: false: hours that are not settled are not in it
-- table hosting, model, calls, input_tokens, output_tokens, gpu_hours, cost_usd, cost_per_1k_tokens_usd, used_cost_per_1k_tokens_usd, cost_per_successful_task_usd, tokens_per_gpu_hour, against_cost_usd, break_even_tokens_per_gpu_hour
WITH {gpu_booked.sql},
{booked.sql},
gpu_total AS (
    SELECT
        gpu, sum(time_us)::HUGEINT AS all_us, sum(priced_us)::HUGEINT AS priced_us, sum(cost_usd) AS all_usd,
        sum(time_us) FILTER (line = 'used')::HUGEINT AS used_us
    FROM gpu_booked
    GROUP BY gpu
),
gpu_model AS (
    SELECT
        gpu, model, sum(time_us)::HUGEINT AS time_us, sum(cost_usd) AS used_cost_usd, sum(calls)::BIGINT AS calls,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens
    FROM gpu_booked
    WHERE line = 'used'
    GROUP BY gpu, model
),
own AS (
    SELECT
        m.model, sum(m.calls)::BIGINT AS calls,
        sum(m.input_tokens)::BIGINT AS input_tokens, sum(m.output_tokens)::BIGINT AS output_tokens,
        sum(CASE WHEN t.used_us > 0 THEN rounded(t.all_us * m.time_us, t.used_us) END)::BIGINT AS gpu_us,
        sum(t.priced_us)::BIGINT AS priced_us,
        sum(m.used_cost_usd) AS used_cost_usd,
        as_usd(sum(CASE WHEN t.used_us > 0 THEN rounded(picodollars(t.all_usd) * m.time_us, t.used_us) END)::HUGEINT) AS cost_usd
    FROM gpu_model AS m
    JOIN gpu_total AS t ON t.gpu = m.gpu
    GROUP BY m.model
),
billed AS (
    SELECT
        model, sum(calls)::BIGINT AS calls, sum(priced_calls)::BIGINT AS priced_calls,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(priced_tokens)::BIGINT AS priced_tokens, sum(cost_usd) AS cost_usd
    FROM booked
    GROUP BY model
),
priced AS (
    SELECT
        sum(cost_usd) - sum(output_cost_usd) AS input_usd, sum(output_cost_usd) AS output_usd,
        sum(input_tokens)::HUGEINT AS input_tokens, sum(output_tokens)::HUGEINT AS output_tokens
    FROM booked
    WHERE model = $against AND price_status = 'priced'
),
last_ AS (
    SELECT *
    FROM tasks
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
    QUALIFY row_number() OVER (PARTITION BY hour, tenant, task, kind ORDER BY settlement DESC) = 1
),
success AS (
    SELECT model, count(*) AS successful_tasks
    FROM (SELECT DISTINCT tenant, task, kind, unnest(models) AS model FROM last_ WHERE spans > 0 AND outcome = 'success')
    GROUP BY model
),
lines AS (
    SELECT
        'self_hosted' AS hosting, model, calls, input_tokens, output_tokens, input_tokens + output_tokens AS costed_tokens, gpu_us,
        CASE WHEN priced_us > 0 THEN cost_usd END AS cost_usd, CASE WHEN priced_us > 0 THEN used_cost_usd END AS used_cost_usd
    FROM own
    UNION ALL
    SELECT
        'hosted' AS hosting, b.model, b.calls, b.input_tokens, b.output_tokens, b.priced_tokens AS costed_tokens,
        NULL::BIGINT AS gpu_us, CASE WHEN b.priced_calls <> 0 OR b.cost_usd <> 0 THEN b.cost_usd END AS cost_usd,
        NULL::DECIMAL(38, 12) AS used_cost_usd
    FROM billed AS b
    WHERE NOT EXISTS (FROM own AS o WHERE o.model IS NOT DISTINCT FROM b.model) AND b.calls <> 0
),
held AS (
    SELECT
        l.*, s.successful_tasks,
        CASE WHEN l.hosting = 'self_hosted' AND p.input_tokens > 0 AND p.output_tokens > 0 THEN as_usd(
            rounded(picodollars(p.input_usd) * l.input_tokens, p.input_tokens)
            + rounded(picodollars(p.output_usd) * l.output_tokens, p.output_tokens)
        ) END AS against_cost_usd
    FROM lines AS l
    CROSS JOIN priced AS p
    LEFT JOIN success AS s ON s.model = l.model
)
SELECT
    hosting, model, calls, input_tokens, output_tokens, gpu_us / 3600000000.0::DOUBLE AS gpu_hours, cost_usd, used_cost_usd,
    usd_per(cost_usd * 1000, costed_tokens) AS cost_per_1k_tokens_usd,
    usd_per(used_cost_usd * 1000, costed_tokens) AS used_cost_per_1k_tokens_usd,
    coalesce(successful_tasks, 0)::BIGINT AS successful_tasks,
    usd_per(cost_usd, successful_tasks) AS cost_per_successful_task_usd,
    (input_tokens + output_tokens)::DOUBLE / nullif(gpu_us / 3600000000.0::DOUBLE, 0) AS tokens_per_gpu_hour,
    against_cost_usd,
    (input_tokens + output_tokens)::DOUBLE / nullif(gpu_us / 3600000000.0::DOUBLE, 0)
        * cost_usd::DOUBLE / nullif(against_cost_usd, 0)::DOUBLE AS break_even_tokens_per_gpu_hour,
    false AS provisional
FROM held
ORDER BY hosting DESC, cost_usd DESC NULLS LAST, calls DESC, model
