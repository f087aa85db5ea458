-- Service-level objectives, in `report`: what share was good, how much of the error budget is left and how fast it burns; `settle.slos` names their file.
-- reads usage in window by bucket
-- takes bucket: bucket of usage = ; minute, hour, day or month: in `report` how the budget went through the window
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of usage_rates = ; only these values of these dimensions
-- takes start: time = ; first instant
-- takes end: time = ; first instant after
-- takes limit_ms: whole = ; what is at most that long is fast
-- sums where, start, end, limit_ms: an objective says itself what it is of, and for how long; --param now=TIME is the end of it
-- takes now: time = ; the end of all windows; nothing = now
-- gives objective: its name; `signal`: availability, ttft or duration
-- gives calls: of availability calls that nobody cancelled; of ttft and duration those that tell it
-- gives good_calls: of these, those that did not fail, or were at most limit_ms, within 1 % of it
-- gives coverage: calls / those that there were: of ttft those that stream, of duration all
-- gives attained: good_calls / calls
-- gives met: attained is the target or more; NULL without calls
-- gives budget_calls: calls that may be bad: calls * (100 % - target)
-- gives left_calls: budget_calls - bad_calls
-- gives left_share: left_calls / budget_calls; below 0 the objective is not met; with --bucket at the end of the bucket, of the budget of the whole window
-- gives burn_1h: share of bad calls in the last hour / (100 % - target): at 1 the budget lasts just for the window; likewise 6 h, 24 h and 3 d
-- gives lasts_hours: until the budget is used up at burn_6h, as if nothing left the window; NULL where it lasts for longer than the window
-- gives burning: fast (burn_1h at 14.4 or burn_6h at 6, or more), slow (burn_24h at 3 or burn_3d at 1, or more), else NULL
-- table objective, signal, of, target, window, calls, attained, left_calls, left_share, burn_1h, burn_6h, burn_24h, burn_3d, lasts_hours, burning
WITH facts AS MATERIALIZED (
    SELECT {columns} calls, stream_calls, status, latency_hist, ttft_hist
    FROM usage
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end) AND {where}
),
buckets AS (
    SELECT {keys} 'duration' AS measure, unnest(latency_hist) AS bucket_ FROM facts
    UNION ALL
    SELECT {keys} 'ttft', unnest(ttft_hist) FROM facts
),
parts AS (
    SELECT
        {keys} sum(CASE WHEN status IS DISTINCT FROM 'cancelled' THEN calls END) AS calls,
        sum(CASE WHEN status = 'error' THEN calls END) AS failed_calls, sum(calls) AS all_calls, sum(stream_calls) AS stream_calls,
        NULL::BIGINT AS timed_calls, NULL::BIGINT AS fast_calls, NULL::BIGINT AS first_calls, NULL::BIGINT AS soon_calls
    FROM facts
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT
        {keys} sum(bucket_.count) FILTER (measure = 'duration') AS timed_calls,
        sum(bucket_.count) FILTER (measure = 'duration' AND bucket_value(bucket_.index) <= $limit_ms::DOUBLE) AS fast_calls,
        sum(bucket_.count) FILTER (measure = 'ttft') AS first_calls,
        sum(bucket_.count) FILTER (measure = 'ttft' AND bucket_value(bucket_.index) <= $limit_ms::DOUBLE) AS soon_calls
    FROM buckets
    GROUP BY ALL
)
SELECT
    {keys}
    coalesce(sum(calls), 0)::BIGINT AS calls, coalesce(sum(failed_calls), 0)::BIGINT AS failed_calls,
    coalesce(sum(all_calls), 0)::BIGINT AS all_calls, coalesce(sum(stream_calls), 0)::BIGINT AS stream_calls,
    coalesce(sum(timed_calls), 0)::BIGINT AS timed_calls, coalesce(sum(fast_calls), 0)::BIGINT AS fast_calls,
    coalesce(sum(first_calls), 0)::BIGINT AS first_calls, coalesce(sum(soon_calls), 0)::BIGINT AS soon_calls
FROM parts
GROUP BY ALL
ORDER BY {bucket} calls
