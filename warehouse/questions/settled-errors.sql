-- Calls that did not end well by the settled books, by class of error, beside all calls of their group: each call once, final.
-- reads ledger in window, settlements
-- takes bucket: bucket of ledger = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger_rates = ; only these values of these dimensions
-- takes by: dimensions of ledger_rates = provider; what to group by, besides status and class; nothing = no more than these
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives model_family: a model without its date, the same of calls that failed and of others; of `model` what failed is apart
-- gives status: error, or cancelled: who asked left before the end
-- gives error_class: see docs/attributes.md; NULL = none that is known
-- gives errors: calls with this status and class; below zero where a closed month had too many
-- gives calls: billable calls of the same group and bucket, failed or not
-- gives error_rate: errors / calls
-- gives retries: of these calls, those that repeat a failed one
-- gives cost_usd: what they cost all the same, exact; NULL where nothing is priced
-- table status, error_class, errors, calls, error_rate, retries, cost_usd
WITH {booked.sql},
sums AS (
    SELECT {columns}
        status, error_class,
        coalesce(sum(calls), 0)::BIGINT AS errors,
        coalesce(sum(priced_calls), 0)::BIGINT AS priced,
        coalesce(sum(retries), 0)::BIGINT AS retries,
        sum(cost_usd) AS cost_usd
    FROM booked
    WHERE {where}
    GROUP BY ALL
),
beside AS (
    SELECT *, (sum(errors) OVER ({apart}))::BIGINT AS calls FROM sums
)
SELECT
    {keys} status, error_class, errors, calls,
    errors::DOUBLE / nullif(calls, 0) AS error_rate,
    retries,
    CASE WHEN priced <> 0 OR cost_usd <> 0 THEN cost_usd END AS cost_usd
FROM beside
WHERE status IS DISTINCT FROM 'ok' AND (errors <> 0 OR retries <> 0 OR cost_usd <> 0)
ORDER BY {bucket} errors DESC, {keys} status, error_class
