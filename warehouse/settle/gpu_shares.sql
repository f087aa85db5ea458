-- Each minute of each GPU of `hours`, divided: among the calls that overlap it by the weight of the tokens that fall into it, what
-- was busy without a call, what was idle, and what nobody measured. Everything is cut in whole numbers by sums up to a line less
-- the sum before it, so that parts add up exactly whatever they are parts of.
-- `units`: a millionth of a microsecond of the smallest part that a GPU can be divided into; `whole` parts are all of it.

-- A sample speaks of the time since the one before it: measured where that is 5 minutes at most, unmeasured where it is up to
-- an hour; beyond that the GPU was not there.
CREATE TEMP TABLE gpu_stretch AS
SELECT *, coalesce(until_us - since_us <= 300000000 AND activity IS NOT NULL, false) AS is_measured
FROM (
    SELECT gpu, mig, activity, at_us AS until_us, lag(at_us) OVER (PARTITION BY gpu, mig ORDER BY at_us) AS since_us
    FROM gpu_moment
)
WHERE until_us - since_us <= 3600000000;

CREATE TEMP TABLE gpu_part AS
SELECT
    gpu, mig, hour, minute, sum(us)::BIGINT AS covered_us,
    sum(CASE WHEN is_measured THEN 0 ELSE us END)::BIGINT AS unmeasured_us,
    sum(CASE WHEN is_measured THEN round(activity * us)::BIGINT ELSE 0 END)::BIGINT AS busy_us
FROM (
    SELECT
        s.gpu, s.mig, s.activity, s.is_measured, m.hour, m.minute,
        least(s.until_us, m.minute_us + 60000000) - greatest(s.since_us, m.minute_us) AS us
    FROM gpu_stretch AS s
    JOIN minutes AS m
        ON m.minute_us < s.until_us AND m.minute_us + 60000000 > s.since_us
)
GROUP BY gpu, mig, hour, minute;

CREATE TEMP TABLE gpu_unit AS
SELECT
    p.gpu, p.mig, p.hour, p.minute, p.covered_us, g.slices, g.whole,
    p.busy_us * g.slices * 1000000 AS busy_units, p.unmeasured_us * g.slices * 1000000 AS unmeasured_units
FROM gpu_part AS p
JOIN gpu_of AS g ON g.hour = p.hour AND g.gpu = p.gpu AND g.mig = p.mig;

-- The whole GPU: there as long as one of its parts, and as many units as its parts have together where that is more.
CREATE TEMP TABLE gpu_time AS
SELECT
    gpu, hour, minute, max(covered_us) AS total_us, greatest(max(whole), sum(slices))::BIGINT AS whole,
    sum(busy_units + unmeasured_units)::BIGINT AS told_units
FROM gpu_unit
GROUP BY gpu, hour, minute;

-- What of each call fell into a minute, of each GPU that works on it (`nth` of `among`) its part.
CREATE TEMP TABLE gpu_share AS
SELECT
    hour, minute, gpu, mig, tenant, feature, model,
    sum(weight)::HUGEINT AS weight,
    sum(whole(input_tokens::HUGEINT * (nth + 1), among) - whole(input_tokens::HUGEINT * nth, among))::BIGINT AS input_tokens,
    sum(whole(output_tokens::HUGEINT * (nth + 1), among) - whole(output_tokens::HUGEINT * nth, among))::BIGINT AS output_tokens,
    sum(CASE WHEN nth = 0 AND is_end THEN 1 ELSE 0 END)::BIGINT AS calls
FROM (
    SELECT
        hour, minute, tenant, feature, model, gpu, mig, nth, among, to_us = took_us AS is_end,
        whole(heft * to_us, took_us) - whole(heft * from_us, took_us) AS weight,
        whole(input_tokens::HUGEINT * to_us, took_us) - whole(input_tokens::HUGEINT * from_us, took_us) AS input_tokens,
        whole(output_tokens::HUGEINT * to_us, took_us) - whole(output_tokens::HUGEINT * from_us, took_us) AS output_tokens
    FROM (
        SELECT
            c.tenant, c.feature, c.model, c.input_tokens, c.output_tokens, m.hour, m.minute, p.gpu, p.mig, p.nth, p.among,
            ((c.input_tokens - c.cached_tokens) * w.input + c.cached_tokens * w.cached_input + c.output_tokens * w.output)::HUGEINT
                * 1000 AS heft,
            c.ended_us - c.began_us AS took_us,
            greatest(m.minute_us, c.began_us) - c.began_us AS from_us,
            least(m.minute_us + 60000000, c.ended_us) - c.began_us AS to_us
        FROM gpu_call AS c
        JOIN gpu_placed AS p
            ON p.hour = c.hour AND p.address = c.address AND p.pod = c.pod AND p.host = c.host
            AND p.provider = c.provider AND p.model = coalesce(c.model, '')
        JOIN weight_of AS w ON w.model = coalesce(c.model, '')
        JOIN minutes AS m
            ON m.hour_number = c.hour_number AND m.minute_us < c.ended_us AND m.minute_us + 60000000 > c.began_us
    )
)
GROUP BY hour, minute, gpu, mig, tenant, feature, model;

CREATE TEMP TABLE gpu_line AS
WITH weighed AS (
    SELECT
        s.*, u.busy_units,
        sum(s.weight) OVER (PARTITION BY s.gpu, s.mig, s.minute) AS all_weight,
        sum(s.weight) OVER (
            PARTITION BY s.gpu, s.mig, s.minute
            ORDER BY coalesce(s.tenant, ''), s.tenant IS NULL, coalesce(s.feature, ''), s.feature IS NULL,
                coalesce(s.model, ''), s.model IS NULL
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS weight_to
    FROM gpu_share AS s
    JOIN gpu_unit AS u ON u.gpu = s.gpu AND u.mig = s.mig AND u.minute = s.minute
),
used AS (
    SELECT
        gpu, mig, hour, minute, 1 AS nth, 'used' AS line, tenant, feature, model, calls, input_tokens, output_tokens,
        CASE WHEN all_weight > 0
            THEN whole(busy_units::HUGEINT * weight_to, all_weight) - whole(busy_units::HUGEINT * (weight_to - weight), all_weight)
            ELSE 0::HUGEINT END AS units
    FROM weighed
),
given AS (
    SELECT gpu, mig, minute, sum(units) AS units FROM used GROUP BY gpu, mig, minute
)
SELECT gpu, mig, hour, minute, nth, line, tenant, feature, model, calls, input_tokens, output_tokens, units
FROM used
UNION ALL
SELECT
    u.gpu, u.mig, u.hour, u.minute, 2 AS nth, 'unattributed' AS line, NULL AS tenant, NULL AS feature, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, u.busy_units - coalesce(g.units, 0::HUGEINT) AS units
FROM gpu_unit AS u
LEFT JOIN given AS g ON g.gpu = u.gpu AND g.mig = u.mig AND g.minute = u.minute
UNION ALL
SELECT
    gpu, mig, hour, minute, 3 AS nth, 'unmeasured' AS line, NULL AS tenant, NULL AS feature, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, unmeasured_units::HUGEINT AS units
FROM gpu_unit
UNION ALL
SELECT
    gpu, '' AS mig, hour, minute, 4 AS nth, 'idle' AS line, NULL AS tenant, NULL AS feature, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, total_us::HUGEINT * whole * 1000000 - told_units AS units
FROM gpu_time;
