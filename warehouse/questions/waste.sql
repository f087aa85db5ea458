-- What was paid and bought nothing: calls that failed, repeats that failed again, what was thrown away, tasks that failed.
-- reads ledger in window, settlements
-- takes bucket: bucket of ledger = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = tenant; what to group by; nothing = one row
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives cost_usd: USD of all billed calls, exact; NULL where nothing is priced
-- gives waste_usd: failed_usd + retried_usd + superseded_usd + failed_tasks_usd, which have no call in common
-- gives waste_share: waste_usd / cost_usd; each part has a share likewise
-- gives failed_usd: first attempts that did not end well
-- gives retried_usd: attempts after the first that did not end well either
-- gives superseded_usd: calls that worked and were tried again
-- gives failed_tasks_usd: all other calls of tasks that failed
-- gives retry_cost_usd: beside it, no part of it: all attempts after the first, whatever came of them
-- gives failed_calls: calls that did not end well
-- gives priced_share: priced_calls / calls
-- gives provisional: false: hours that are not settled are not in it
-- table calls, failed_calls, retries, cost_usd, waste_usd, waste_share, failed_usd, retried_usd, superseded_usd, failed_tasks_usd, priced_share
WITH {booked.sql},
lines AS (
    SELECT {columns}
        calls, priced_calls, retries, if(status <> 'ok', calls, 0) AS failed_calls, cost_usd,
        failed_cost_usd - if(status <> 'ok', retry_cost_usd, 0) AS failed_usd,
        if(status <> 'ok', retry_cost_usd, 0) AS retried_usd,
        superseded_cost_usd AS superseded_usd,
        if(outcome = 'failure', cost_usd - failed_cost_usd - superseded_cost_usd, 0) AS failed_tasks_usd,
        retry_cost_usd
    FROM booked
    WHERE {where}
),
sums AS (
    SELECT
        {keys}
        coalesce(sum(calls), 0)::BIGINT AS calls,
        coalesce(sum(priced_calls), 0)::BIGINT AS priced_calls,
        coalesce(sum(failed_calls), 0)::BIGINT AS failed_calls,
        coalesce(sum(retries), 0)::BIGINT AS retries,
        sum(cost_usd) AS cost_usd,
        sum(failed_usd) AS failed_usd,
        sum(retried_usd) AS retried_usd,
        sum(superseded_usd) AS superseded_usd,
        sum(failed_tasks_usd) AS failed_tasks_usd,
        sum(retry_cost_usd) AS retry_cost_usd
    FROM lines
    GROUP BY ALL
),
judged AS (
    SELECT
        *,
        priced_calls <> 0 OR cost_usd <> 0 OR failed_usd <> 0 OR retried_usd <> 0 OR superseded_usd <> 0
            OR failed_tasks_usd <> 0 OR retry_cost_usd <> 0 AS is_known
    FROM sums
),
told AS (  -- unknown where nothing is priced; what corrects a closed month may be no call, no cost, and waste all the same
    SELECT * REPLACE (
        CASE WHEN priced_calls <> 0 OR calls = 0 OR cost_usd <> 0 THEN cost_usd END AS cost_usd,
        CASE WHEN is_known THEN failed_usd END AS failed_usd,
        CASE WHEN is_known THEN retried_usd END AS retried_usd,
        CASE WHEN is_known THEN superseded_usd END AS superseded_usd,
        CASE WHEN is_known THEN failed_tasks_usd END AS failed_tasks_usd,
        CASE WHEN is_known THEN retry_cost_usd END AS retry_cost_usd
    ),
    CASE WHEN is_known THEN failed_usd + retried_usd + superseded_usd + failed_tasks_usd END AS waste_usd
    FROM judged
    WHERE calls <> 0 OR is_known
)
SELECT
    {keys}
    calls, priced_calls, failed_calls, retries, cost_usd, waste_usd,
    waste_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS waste_share,
    failed_usd, failed_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS failed_share,
    retried_usd, retried_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS retried_share,
    superseded_usd, superseded_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS superseded_share,
    failed_tasks_usd, failed_tasks_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS failed_tasks_share,
    retry_cost_usd,
    priced_calls::DOUBLE / nullif(calls, 0) AS priced_share,
    false AS provisional
FROM told
ORDER BY {bucket} waste_usd DESC NULLS LAST, cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
