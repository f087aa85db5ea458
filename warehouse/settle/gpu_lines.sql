-- What the lines of each minute come to in time and money, and what of that the books do not say yet. An hour costs its rate:
-- each minute what the time up to its end costs less what the time up to its beginning does.
CREATE TEMP TABLE gpu_now AS
WITH hourly AS (
    SELECT *, sum(total_us) OVER (
        PARTITION BY gpu, hour ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )::HUGEINT AS us_to
    FROM gpu_time
),
priced AS (
    SELECT
        h.gpu, h.minute, h.total_us, h.all_units, r.terms,
        r.picos_per_hour IS NOT NULL AS has_rate,
        coalesce(
            whole(r.picos_per_hour::HUGEINT * h.us_to, 3600000000)
                - whole(r.picos_per_hour::HUGEINT * (h.us_to - h.total_us), 3600000000),
            0::HUGEINT
        ) AS picos
    FROM hourly AS h
    LEFT JOIN gpu_rate AS r ON r.hour = h.hour AND r.gpu = h.gpu
),
cut AS (
    SELECT *, sum(units) OVER (
        PARTITION BY gpu, minute
        ORDER BY nth, part, coalesce(tenant, ''), tenant IS NULL, coalesce(feature, ''), feature IS NULL,
            coalesce(provider, ''), provider IS NULL, coalesce(model, ''), model IS NULL
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS units_to
    FROM gpu_line
)
SELECT
    c.hour, c.minute, c.gpu, g.mig_id, g.mig_profile, g.gpu_model, g.host, p.terms, c.line,
    c.tenant, c.feature, c.provider, c.model,
    (whole(p.total_us * c.units_to, p.all_units) - whole(p.total_us * (c.units_to - c.units), p.all_units))::BIGINT AS time_us,
    CASE WHEN p.has_rate
        THEN whole(p.total_us * c.units_to, p.all_units) - whole(p.total_us * (c.units_to - c.units), p.all_units)
        ELSE 0::HUGEINT END::BIGINT AS priced_us,
    c.calls, c.input_tokens, c.output_tokens, CASE WHEN p.has_rate THEN c.measured_tokens ELSE 0 END::BIGINT AS costed_tokens,
    as_usd(whole(p.picos * c.units_to, p.all_units) - whole(p.picos * (c.units_to - c.units), p.all_units)) AS cost_usd
FROM cut AS c
JOIN priced AS p ON p.gpu = c.gpu AND p.minute = c.minute
LEFT JOIN gpu_of AS g ON g.hour = c.hour AND g.gpu = c.gpu AND g.part = c.part;

CREATE TEMP TABLE gpu_lines AS
WITH line AS (
    SELECT minute, {gpu_dimensions}, {gpu_measures} FROM gpu_now
    UNION ALL BY NAME
    SELECT minute, {gpu_dimensions}, {gpu_taken_back}
    FROM gpu_minutes
    WHERE hour_of(minute) IN (SELECT hour FROM minutes)
)
SELECT
    minute::DATE AS day, minute, greatest(date_trunc('month', minute)::DATE, getvariable('months_closed_to')) AS period,
    if(minute < getvariable('closed_to'), getvariable('entry'), 'settled') AS entry,
    {gpu_dimensions}, {gpu_sums}
FROM line
GROUP BY ALL
HAVING {gpu_changed};
