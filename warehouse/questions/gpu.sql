-- Whose the time of GPUs was and what that cost, with what was idle, by any dimensions, in total or over time.
-- reads gpu_minutes in window, settlements
-- takes bucket: bucket of gpu_minutes = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of gpu_minutes = ; only these values of these dimensions
-- takes by: dimensions of gpu_minutes = line,tenant,feature,model; what to group by; nothing = one row
-- takes start: time = ; first minute
-- takes end: time = ; first minute after
-- takes spread: lines = ; idle, unattributed, unmeasured or some of them: what each row would bear of their cost
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- gives gpu_hours: hours of whole GPUs: used, unattributed, idle and unmeasured ones
-- gives time_share: gpu_hours / those of all rows of the bucket
-- gives used_hours: busy with calls that are known
-- gives unattributed_hours: busy with what no call tells of
-- gives unmeasured_hours: the GPU was there and nobody said how busy it was
-- gives utilisation: used and unattributed hours / all that were measured
-- gives cost_usd: USD, exact; NULL where no rate is known
-- gives idle_cost_usd: what of cost_usd was idle
-- gives unattributed_cost_usd: what of cost_usd was busy without a call
-- gives spread_cost_usd: to be added to cost_usd: of used time its part of the cost of the lines in `spread`, by GPU and UTC day, as it used the GPU; of these lines less what others bear, so that all rows add up to the same bill; a GPU that nobody used that day bears its own
-- gives priced_share: share of the gpu_hours whose rate is known
-- gives calls: calls that ran on GPUs
-- gives input_tokens: of these calls, as far as they fell into the window
-- gives costed_share: share of the input and output tokens that fell into time that was measured and has a rate
-- gives cost_per_1k_tokens_usd: cost of the used time / thousand of these tokens; NULL where there are none
-- gives provisional: false: hours that are not settled are not in it
-- whole time_share
-- table gpu_hours, time_share, utilisation, cost_usd, idle_cost_usd, calls, input_tokens, output_tokens, cost_per_1k_tokens_usd, costed_share, spread_cost_usd
WITH {gpu_booked.sql},
pot AS (
    SELECT
        gpu AS pot_of, minute::DATE AS on_day, sum(CASE WHEN line = 'used' THEN time_us ELSE 0 END)::HUGEINT AS pot_us,
        sum(CASE WHEN contains($spread::VARCHAR, line) THEN picodollars(cost_usd) ELSE 0::HUGEINT END)::HUGEINT AS pot
    FROM gpu_booked
    GROUP BY gpu, minute::DATE
),
part AS (
    SELECT {columns}
        gpu AS gpu_, minute::DATE AS day_,
        sum(time_us)::HUGEINT AS time_us,
        sum(CASE WHEN line = 'used' THEN time_us ELSE 0 END)::HUGEINT AS used_us,
        sum(CASE WHEN line = 'unattributed' THEN time_us ELSE 0 END)::BIGINT AS unattributed_us,
        sum(CASE WHEN line = 'unmeasured' THEN time_us ELSE 0 END)::BIGINT AS unmeasured_us,
        sum(priced_us)::BIGINT AS priced_us,
        sum(cost_usd) AS cost_usd,
        sum(cost_usd) FILTER (line = 'used') AS used_cost_usd,
        sum(cost_usd) FILTER (line = 'unattributed') AS unattributed_cost_usd,
        sum(cost_usd) FILTER (line = 'idle') AS idle_cost_usd,
        sum(CASE WHEN contains($spread::VARCHAR, line) THEN picodollars(cost_usd) ELSE 0::HUGEINT END)::HUGEINT AS own,
        sum(calls)::BIGINT AS calls, sum(input_tokens)::BIGINT AS input_tokens, sum(output_tokens)::BIGINT AS output_tokens,
        sum(costed_tokens)::BIGINT AS costed_tokens
    FROM gpu_booked
    WHERE {where}
    GROUP BY ALL
),
borne AS (
    SELECT
        p.*, t.pot, t.pot_us,
        sum(p.used_us) OVER (PARTITION BY p.gpu_, p.day_ ORDER BY {keys} p.gpu_ ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)::HUGEINT AS us_to
    FROM part AS p
    JOIN pot AS t ON t.pot_of = p.gpu_ AND t.on_day = p.day_
),
sums AS (
    SELECT {keys}
        sum(time_us)::BIGINT AS time_us, sum(used_us)::BIGINT AS used_us,
        sum(unattributed_us)::BIGINT AS unattributed_us, sum(unmeasured_us)::BIGINT AS unmeasured_us,
        sum(priced_us)::BIGINT AS priced_us, sum(cost_usd) AS cost_usd, sum(used_cost_usd) AS used_cost_usd,
        coalesce(sum(unattributed_cost_usd), 0) AS unattributed_cost_usd, coalesce(sum(idle_cost_usd), 0) AS idle_cost_usd,
        as_usd(sum(
            CASE WHEN pot_us > 0 THEN whole(pot * us_to, pot_us) - whole(pot * (us_to - used_us), pot_us) - own ELSE 0::HUGEINT END
        )::HUGEINT) AS spread_cost_usd,
        coalesce(sum(calls), 0)::BIGINT AS calls, coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
        coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens, coalesce(sum(costed_tokens), 0)::BIGINT AS costed_tokens
    FROM borne
    GROUP BY ALL
),
judged AS (  -- unknown where no rate is; what corrects a closed month may be no time and no cost, and move some between lines
    SELECT
        *,
        priced_us <> 0 OR cost_usd <> 0 OR coalesce(used_cost_usd, 0) <> 0 OR unattributed_cost_usd <> 0
            OR idle_cost_usd <> 0 OR spread_cost_usd <> 0 AS is_known
    FROM sums
)
SELECT
    {keys}
    time_us / 3600000000.0::DOUBLE AS gpu_hours,
    time_us::DOUBLE / nullif(sum(time_us) OVER (PARTITION BY {bucket} 1), 0)::DOUBLE AS time_share,
    used_us / 3600000000.0::DOUBLE AS used_hours,
    unattributed_us / 3600000000.0::DOUBLE AS unattributed_hours,
    unmeasured_us / 3600000000.0::DOUBLE AS unmeasured_hours,
    (used_us + unattributed_us)::DOUBLE / nullif(time_us - unmeasured_us, 0)::DOUBLE AS utilisation,
    CASE WHEN is_known THEN cost_usd END AS cost_usd,
    CASE WHEN is_known THEN idle_cost_usd END AS idle_cost_usd,
    CASE WHEN is_known THEN unattributed_cost_usd END AS unattributed_cost_usd,
    CASE WHEN $spread::VARCHAR IS NOT NULL AND is_known THEN spread_cost_usd END AS spread_cost_usd,
    priced_us::DOUBLE / nullif(time_us, 0)::DOUBLE AS priced_share,
    calls, input_tokens, output_tokens,
    costed_tokens::DOUBLE / nullif(input_tokens + output_tokens, 0)::DOUBLE AS costed_share,
    usd_per(used_cost_usd * 1000, costed_tokens) AS cost_per_1k_tokens_usd,
    false AS provisional
FROM judged
WHERE time_us <> 0 OR calls <> 0 OR is_known OR input_tokens <> 0 OR output_tokens <> 0
ORDER BY {bucket} cost_usd DESC NULLS LAST, gpu_hours DESC, {keys} provisional
