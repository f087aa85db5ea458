-- Two models, prompt versions or routes side by side: is one better, by how much, and do the calls suffice to say so, in `report`.
-- reads usage in window by bucket, tasks, settlements
-- takes where: filter of arms = ; only these values of these dimensions
-- takes by: dimensions of arms = model; what to tell apart: model_family, model, prompt_version or route
-- takes baseline: text = ; one of them; nothing = that with the most tasks
-- takes candidate: text = ; the other; nothing = that with the next most tasks
-- takes latency_weight: rate = 1; what the score makes of a change of the 95 % latency
-- takes cost_weight: rate = 1; likewise of the cost per task
-- takes quality_weight: rate = 1; likewise of the success rate
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; of tasks: what settlements up to this one had said; nothing = all of them
-- gives measure: success, groundedness, helpfulness, latency_p95, task_cost, judged_safe, unblocked; score: those of weight together
-- gives unit: share, score (on the scale of who judged), ms, usd; of the measure score: relative change for the better
-- gives better: higher or lower
-- gives baseline_n: tasks, calls or judgements that it is of; tasks that had both are in neither, and judgements of them
-- gives baseline_value: with baseline_low and baseline_high, between which it is 95 times in 100; likewise candidate
-- gives difference: candidate - baseline, with its low and high
-- gives verdict: better, worse (95 times in 100), no difference shown, or not enough: fewer than 30 on a side
-- gives latency_p95_ms: of the sums that `report` reckons with, 95 % of the calls took no longer, within 1 %
-- gives latency_coverage: of these sums: share of the calls that tell how long they took
-- table measure, unit, baseline, baseline_n, baseline_value, candidate, candidate_n, candidate_value, difference, difference_low, difference_high, verdict
WITH facts AS MATERIALIZED (
    SELECT {columns} calls, latency_hist, ttft_hist, tpot_hist
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
),
{ranked.sql},
{tasks.sql},
of_tasks AS (
    SELECT *, count(*) OVER (PARTITION BY tenant_, kind_, task_, hour_, weight) AS arms_
    FROM (
        SELECT {columns}
            tenant AS tenant_, kind AS kind_, task AS task_, hour AS hour_, weight, outcome AS outcome_, safe AS safe_,
            guardrail_blocks, if(is_priced AND cost_usd IS NOT NULL, cost_usd::DOUBLE, NULL) AS usd_
        FROM told
        WHERE {where_of_tasks}
    )
    WHERE coalesce({keys} NULL) IS NOT NULL
),
rows_ AS (
    SELECT {keys} calls FROM facts
    UNION ALL BY NAME
    SELECT {keys}
        max(total) AS timed,
        min(index_) FILTER (up_to >= 0.95 * total) AS p95,
        min(index_) FILTER (up_to >= 0.95 * total - 1.959964 * sqrt(0.0475 * total)) AS p95_low,
        min(index_) FILTER (up_to >= 0.95 * total + 1.959964 * sqrt(0.0475 * total)) AS p95_high
    FROM ranked
    WHERE measure = 'latency'
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT {keys}
        sum(if(arms_ = 1, weight, 0)) AS tasks,
        sum(if(arms_ > 1, weight, 0)) AS mixed,
        sum(if(arms_ = 1 AND outcome_ IN ('success', 'failure'), weight, 0)) AS known,
        sum(if(arms_ = 1 AND outcome_ = 'success', weight, 0)) AS successful,
        sum(if(arms_ = 1 AND safe_ IN ('safe', 'unsafe'), weight, 0)) AS judged_safe,
        sum(if(arms_ = 1 AND safe_ = 'safe', weight, 0)) AS safe_,
        sum(if(arms_ = 1 AND guardrail_blocks = 0, weight, 0)) AS unblocked,
        sum(if(arms_ = 1 AND usd_ IS NOT NULL, weight, 0)) AS priced,
        sum(if(arms_ = 1, weight * usd_, 0)) AS usd,
        sum(if(arms_ = 1, weight * usd_ * usd_, 0)) AS squares
    FROM of_tasks
    GROUP BY ALL
),
sums AS (
    SELECT {keys}
        coalesce(sum(calls), 0) AS calls, coalesce(max(timed), 0) AS timed, max(p95) AS p95, max(p95_low) AS p95_low,
        max(p95_high) AS p95_high, coalesce(sum(tasks), 0) AS tasks, coalesce(sum(mixed), 0) AS mixed,
        coalesce(sum(known), 0) AS known, coalesce(sum(successful), 0) AS successful,
        coalesce(sum(judged_safe), 0) AS judged_safe, coalesce(sum(safe_), 0) AS safe_,
        coalesce(sum(unblocked), 0) AS unblocked, coalesce(sum(priced), 0) AS priced, sum(usd) AS usd, sum(squares) AS squares
    FROM rows_
    GROUP BY ALL
)
SELECT
    {keys}
    calls::BIGINT AS calls,
    tasks::BIGINT AS tasks,
    mixed::BIGINT AS mixed_tasks,
    known::BIGINT AS known_tasks,
    successful::BIGINT AS successful_tasks,
    judged_safe::BIGINT AS judged_safe_tasks,
    safe_::BIGINT AS safe_tasks,
    unblocked::BIGINT AS unblocked_tasks,
    priced::BIGINT AS priced_tasks,
    usd / nullif(priced, 0) AS task_usd_mean,
    CASE WHEN priced > 1 THEN sqrt(greatest(squares - usd * usd / priced, 0) / (priced - 1)) END AS task_usd_deviation,
    timed::BIGINT AS timed_calls,
    timed::DOUBLE / nullif(calls, 0) AS latency_coverage,
    bucket_value(p95) AS latency_p95_ms,
    bucket_floor(p95_low) AS latency_p95_low_ms,
    bucket_ceiling(p95_high) AS latency_p95_high_ms
FROM sums
ORDER BY tasks DESC, calls DESC, {keys} mixed_tasks
