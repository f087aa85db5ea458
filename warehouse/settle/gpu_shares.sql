-- Each minute of each GPU of `hours`, divided: among the calls that overlap it by the weight of the tokens that fall into it, what
-- was busy without a call, what was idle, and what nobody measured. Everything is cut in whole numbers by sums up to a line less
-- the sum before it, so that parts add up exactly whatever they are parts of.
-- `units`: a millionth of a microsecond of the smallest part that a GPU can be divided into; `all_units` are all of it.

CREATE TEMP TABLE gpu_unit AS
SELECT
    p.gpu, p.part, p.hour, p.minute, p.covered_us, p.unmeasured_us, g.slices,
    p.busy_us * g.slices * 1000000 AS busy_units, p.unmeasured_us * g.slices * 1000000 AS unmeasured_units
FROM gpu_part AS p
JOIN gpu_of AS g ON g.hour = p.hour AND g.gpu = p.gpu AND g.part = p.part
WHERE p.covered_us > 0;

-- The whole GPU: as many units as its parts have together where that is more.
CREATE TEMP TABLE gpu_time AS
SELECT
    p.gpu, p.hour, p.minute, p.there_us::HUGEINT AS total_us, u.told_units,
    greatest(p.there_us::HUGEINT * g.whole, u.slice_us) * 1000000 AS all_units
FROM gpu_part AS p
JOIN gpu_of AS g ON g.hour = p.hour AND g.gpu = p.gpu AND g.part = p.part
JOIN (
    SELECT gpu, minute, sum(covered_us * slices)::HUGEINT AS slice_us, sum(busy_units + unmeasured_units)::HUGEINT AS told_units
    FROM gpu_unit
    GROUP BY gpu, minute
) AS u ON u.gpu = p.gpu AND u.minute = p.minute
WHERE p.part = '';

-- What of each call fell into a minute, of each GPU that works on it (`nth` of `among`) its part.
CREATE TEMP TABLE gpu_share AS
SELECT
    hour, minute, gpu, part, tenant, feature, provider, model,
    sum(weight)::HUGEINT AS weight,
    sum(whole(input_tokens::HUGEINT * (nth + 1), among) - whole(input_tokens::HUGEINT * nth, among))::BIGINT AS input_tokens,
    sum(whole(output_tokens::HUGEINT * (nth + 1), among) - whole(output_tokens::HUGEINT * nth, among))::BIGINT AS output_tokens,
    sum(CASE WHEN nth = 0 AND is_end THEN 1 ELSE 0 END)::BIGINT AS calls
FROM (
    SELECT
        hour, minute, tenant, feature, provider, model, gpu, part, nth, among, to_us = took_us AS is_end,
        whole(heft * to_us, took_us) - whole(heft * from_us, took_us) AS weight,
        whole(input_tokens::HUGEINT * to_us, took_us) - whole(input_tokens::HUGEINT * from_us, took_us) AS input_tokens,
        whole(output_tokens::HUGEINT * to_us, took_us) - whole(output_tokens::HUGEINT * from_us, took_us) AS output_tokens
    FROM (
        SELECT
            c.tenant, c.feature, c.provider, c.model, c.input_tokens, c.output_tokens, m.hour, m.minute, p.gpu, p.part, p.nth, p.among,
            ((c.input_tokens - c.cached_tokens) * w.input + c.cached_tokens * w.cached_input + c.output_tokens * w.output)::HUGEINT
                * 1000 AS heft,
            c.ended_us - c.began_us AS took_us,
            greatest(m.minute_us, c.began_us) - c.began_us AS from_us,
            least(m.minute_us + 60000000, c.ended_us) - c.began_us AS to_us
        FROM gpu_call AS c
        JOIN weight_of AS w ON w.model = coalesce(c.model, '')
        JOIN minutes AS m
            ON m.hour_number = c.hour_number AND m.minute_us < c.ended_us AND m.minute_us + 60000000 > c.began_us
        JOIN gpu_scene AS n ON n.minute = m.minute
        JOIN gpu_placed AS p
            ON p.scene = n.scene AND p.address = c.address AND p.port = c.port AND p.pod = c.pod AND p.namespace = c.namespace
            AND p.host = c.host AND p.provider = coalesce(c.provider, '') AND p.model = coalesce(c.model, '')
    )
)
GROUP BY hour, minute, gpu, part, tenant, feature, provider, model;

CREATE TEMP TABLE gpu_line AS
WITH weighed AS (
    SELECT
        s.*, u.busy_units, u.covered_us, u.unmeasured_us,
        sum(s.weight) OVER (PARTITION BY s.gpu, s.part, s.minute) AS all_weight,
        sum(s.weight) OVER (
            PARTITION BY s.gpu, s.part, s.minute
            ORDER BY coalesce(s.tenant, ''), s.tenant IS NULL, coalesce(s.feature, ''), s.feature IS NULL,
                coalesce(s.provider, ''), s.provider IS NULL, coalesce(s.model, ''), s.model IS NULL
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS weight_to
    FROM gpu_share AS s
    JOIN gpu_unit AS u ON u.gpu = s.gpu AND u.part = s.part AND u.minute = s.minute
),
used AS (
    SELECT
        gpu, part, hour, minute, 1 AS nth, 'used' AS line, tenant, feature, provider, model, calls, input_tokens, output_tokens,
        whole((input_tokens + output_tokens)::HUGEINT * (covered_us - unmeasured_us), covered_us)::BIGINT AS measured_tokens,
        CASE WHEN all_weight > 0
            THEN whole(busy_units::HUGEINT * weight_to, all_weight) - whole(busy_units::HUGEINT * (weight_to - weight), all_weight)
            ELSE 0::HUGEINT END AS units
    FROM weighed
),
given AS (
    SELECT gpu, part, minute, sum(units) AS units FROM used GROUP BY gpu, part, minute
)
SELECT gpu, part, hour, minute, nth, line, tenant, feature, provider, model, calls, input_tokens, output_tokens, measured_tokens, units
FROM used
UNION ALL
SELECT
    u.gpu, u.part, u.hour, u.minute, 2 AS nth, 'unattributed' AS line, NULL AS tenant, NULL AS feature, NULL AS provider, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS measured_tokens, u.busy_units - coalesce(g.units, 0::HUGEINT) AS units
FROM gpu_unit AS u
LEFT JOIN given AS g ON g.gpu = u.gpu AND g.part = u.part AND g.minute = u.minute
UNION ALL
SELECT
    gpu, part, hour, minute, 3 AS nth, 'unmeasured' AS line, NULL AS tenant, NULL AS feature, NULL AS provider, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS measured_tokens, unmeasured_units::HUGEINT AS units
FROM gpu_unit
UNION ALL
SELECT
    gpu, '' AS part, hour, minute, 4 AS nth, 'idle' AS line, NULL AS tenant, NULL AS feature, NULL AS provider, NULL AS model,
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS measured_tokens, all_units - told_units AS units
FROM gpu_time;
