-- Calls that did not end well, by class of error, beside all calls of their group: by any dimensions, in total or over time.
-- reads usage in window by bucket
-- takes bucket: bucket of usage = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of usage_rates = ; only these values of these dimensions
-- takes by: dimensions of usage_rates = provider; what to group by, besides status and class; nothing = no more than these
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- takes as_of_settlement: whole = ; final numbers as of this settlement, as `settled-errors` tells them
-- books settled-errors
-- gives model_family: a model without its date, the same of calls that failed and of others; of `model` what failed is apart
-- gives status: error, or cancelled: who asked left before the end
-- gives error_class: see docs/attributes.md; NULL = none that is known
-- gives errors: calls with this status and class
-- gives calls: billable calls of the same group and bucket, failed or not
-- gives error_rate: errors / calls
-- gives retries: of these calls, those that repeat a failed one
-- gives cost_usd: what they cost all the same, exact; NULL where nothing is priced
-- table status, error_class, errors, calls, error_rate, retries, cost_usd
WITH sums AS (
    SELECT {columns}
        status, error_class, sum(calls)::BIGINT AS errors, sum(retries)::BIGINT AS retries, sum(cost_usd) AS cost_usd
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
    GROUP BY ALL
),
beside AS (
    SELECT *, (sum(errors) OVER ({apart}))::BIGINT AS calls FROM sums
)
SELECT
    {keys} status, error_class, errors, calls,
    errors::DOUBLE / nullif(calls, 0) AS error_rate,
    coalesce(retries, 0) AS retries, cost_usd
FROM beside
WHERE status IS DISTINCT FROM 'ok' AND errors > 0
ORDER BY {bucket} errors DESC, {keys} status, error_class
