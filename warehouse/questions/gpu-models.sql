-- Self-hosted models beside hosted ones: what tokens and successes cost, with idle time and without, and from which load on that pays.
-- reads gpu_minutes in window, settlements, ledger in window, tasks
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes against: text = ; a hosted model, as `model` names it here: what the same tokens would have cost there, and where it breaks even
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives hosting: self_hosted, or hosted: calls that ran on no GPU that we know; a model may be both
-- gives gpu_hours: of the GPUs that it ran on, with their idle time; several models of one GPU share that as they used it
-- gives cost_usd: of self-hosted ones what these gpu_hours cost; of hosted ones as billed
-- gives used_cost_usd: what of cost_usd calls used
-- gives priced_share: share of gpu_hours whose rate is known; of hosted ones, of the calls that have a price
-- gives measured_share: share of gpu_hours of which somebody told how busy the GPUs were
-- gives cost_per_1k_tokens_usd: cost_usd / thousand input and output tokens that fell on GPUs with a rate, or were priced
-- gives used_cost_per_1k_tokens_usd: used_cost_usd / thousand of these that fell into measured time: what they would cost if no time were idle
-- gives successful_tasks: tasks of the window that called it and succeeded; with several models they count with each
-- gives cost_per_successful_task_usd: cost_usd / successful_tasks
-- gives tokens_per_gpu_hour: input and output tokens / gpu_hours
-- gives against_cost_usd: what these tokens cost at `against`, by its own average of input and of output
-- gives break_even_tokens_per_gpu_hour: from so many of this mix on, self-hosting is cheaper than `against`
-- gives provisional: false: hours that are not settled are not in it
-- table hosting, model, calls, input_tokens, output_tokens, gpu_hours, cost_usd, cost_per_1k_tokens_usd, used_cost_per_1k_tokens_usd, cost_per_successful_task_usd, tokens_per_gpu_hour, priced_share, measured_share, against_cost_usd, break_even_tokens_per_gpu_hour
WITH {gpu_booked.sql},
{booked.sql},
gpu_total AS (
    SELECT
        gpu, sum(time_us)::HUGEINT AS all_us, sum(CASE WHEN line = 'unmeasured' THEN 0 ELSE time_us END)::HUGEINT AS measured_us,
        sum(priced_us)::HUGEINT AS priced_us, sum(cost_usd) AS all_usd, sum(time_us) FILTER (line = 'used')::HUGEINT AS used_us,
        sum(input_tokens + output_tokens)::HUGEINT AS tokens
    FROM gpu_booked
    GROUP BY gpu
),
gpu_model AS (
    SELECT
        gpu, model, sum(time_us)::HUGEINT AS time_us, sum(cost_usd) AS used_cost_usd, sum(calls)::BIGINT AS calls,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(costed_tokens)::BIGINT AS costed_tokens,
        sum(CASE WHEN terms IS NOT NULL THEN input_tokens + output_tokens ELSE 0 END)::BIGINT AS priced_tokens
    FROM gpu_booked
    WHERE line = 'used'
    GROUP BY gpu, model
),
borne AS (
    SELECT
        m.*, t.all_us, t.measured_us, t.priced_us, t.all_usd,
        CASE WHEN t.used_us > 0 THEN m.time_us ELSE (m.input_tokens + m.output_tokens)::HUGEINT END AS part,
        nullif(CASE WHEN t.used_us > 0 THEN t.used_us ELSE t.tokens END, 0) AS whole_part
    FROM gpu_model AS m
    JOIN gpu_total AS t ON t.gpu = m.gpu
),
own AS (
    SELECT
        model, sum(calls)::BIGINT AS calls, sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(costed_tokens)::BIGINT AS costed_tokens, sum(priced_tokens)::BIGINT AS priced_tokens,
        sum(rounded(all_us * part, whole_part))::BIGINT AS gpu_us,
        sum(rounded(priced_us * part, whole_part))::BIGINT AS priced_us,
        sum(rounded(measured_us * part, whole_part))::BIGINT AS measured_us,
        sum(used_cost_usd) AS used_cost_usd,
        as_usd(sum(rounded(picodollars(all_usd) * part, whole_part))::HUGEINT) AS cost_usd
    FROM borne
    GROUP BY model
),
here AS (
    SELECT
        model, provider, sum(calls)::BIGINT AS calls,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens
    FROM gpu_booked
    WHERE line = 'used'
    GROUP BY model, provider
),
billed AS (
    SELECT
        model, provider, sum(calls)::BIGINT AS calls, sum(priced_calls)::BIGINT AS priced_calls,
        sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(priced_tokens)::BIGINT AS priced_tokens, sum(cost_usd) AS cost_usd
    FROM booked
    GROUP BY model, provider
),
elsewhere AS (
    SELECT
        b.model, sum(b.calls - coalesce(h.calls, 0))::BIGINT AS calls, sum(b.priced_calls)::BIGINT AS priced_calls,
        sum(greatest(b.input_tokens - coalesce(h.input_tokens, 0), 0))::BIGINT AS input_tokens,
        sum(greatest(b.output_tokens - coalesce(h.output_tokens, 0), 0))::BIGINT AS output_tokens,
        sum(b.priced_tokens)::BIGINT AS priced_tokens, sum(b.cost_usd) AS cost_usd
    FROM billed AS b
    LEFT JOIN here AS h ON h.model IS NOT DISTINCT FROM b.model AND h.provider IS NOT DISTINCT FROM b.provider
    WHERE b.calls > coalesce(h.calls, 0)
    GROUP BY b.model
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
        'self_hosted' AS hosting, model, calls, input_tokens, output_tokens, priced_tokens, costed_tokens AS used_tokens, gpu_us, priced_us,
        priced_us::DOUBLE / nullif(gpu_us, 0)::DOUBLE AS priced_share, measured_us::DOUBLE / nullif(gpu_us, 0)::DOUBLE AS measured_share,
        CASE WHEN priced_us <> 0 OR cost_usd <> 0 OR used_cost_usd <> 0 THEN cost_usd END AS cost_usd,
        CASE WHEN priced_us <> 0 OR cost_usd <> 0 OR used_cost_usd <> 0 THEN used_cost_usd END AS used_cost_usd
    FROM own
    UNION ALL
    SELECT
        'hosted' AS hosting, model, calls, input_tokens, output_tokens, priced_tokens, NULL::BIGINT AS used_tokens,
        NULL::BIGINT AS gpu_us, NULL::BIGINT AS priced_us, priced_calls::DOUBLE / nullif(calls, 0)::DOUBLE AS priced_share, NULL::DOUBLE AS measured_share,
        CASE WHEN priced_calls <> 0 OR cost_usd <> 0 THEN cost_usd END AS cost_usd, NULL::DECIMAL(38, 12) AS used_cost_usd
    FROM elsewhere
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
    priced_share, measured_share,
    usd_per(cost_usd * 1000, priced_tokens) AS cost_per_1k_tokens_usd,
    usd_per(used_cost_usd * 1000, used_tokens) AS used_cost_per_1k_tokens_usd,
    coalesce(successful_tasks, 0)::BIGINT AS successful_tasks,
    usd_per(cost_usd, successful_tasks) AS cost_per_successful_task_usd,
    (input_tokens + output_tokens)::DOUBLE / nullif(gpu_us / 3600000000.0::DOUBLE, 0) AS tokens_per_gpu_hour,
    against_cost_usd,
    (input_tokens + output_tokens)::DOUBLE / nullif(priced_us / 3600000000.0::DOUBLE, 0)
        * cost_usd::DOUBLE / nullif(against_cost_usd, 0)::DOUBLE AS break_even_tokens_per_gpu_hour,
    false AS provisional
FROM held
ORDER BY hosting DESC, cost_usd DESC NULLS LAST, calls DESC, model
