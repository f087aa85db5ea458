-- What samples say of `minutes`, and of an hour before and after: how long each GPU was there, how busy each part of it was, and how
-- GPUs and model servers are called, minute by minute.
-- A GPU is named by NVIDIA's id, which is its own everywhere; other names only say which one of its host it is. A part is an instance
-- with its profile, '' the whole GPU.
CREATE TEMP TABLE gpu_told AS
SELECT
    epoch_us(sampled_at) AS at_us, source, mig_id, mig_profile, gpu_model, host, pod, namespace, engine_active, utilisation,
    CASE WHEN gpu_uuid LIKE 'GPU-%' THEN gpu_uuid
        ELSE coalesce(host, '') || '/' || coalesce(gpu_uuid, coalesce(gpu_index, 0)::VARCHAR) END AS gpu,
    CASE WHEN mig_id <> '' THEN mig_id || '/' || coalesce(mig_profile, '') ELSE '' END AS part
FROM gpu_samples
WHERE source IN ('dcgm', 'hw') AND cumulative IS NULL
    AND sampled_at >= getvariable('since') AND sampled_at < getvariable('before');

-- All that exporters and pods tell of a part at one moment.
CREATE TEMP TABLE gpu_moment AS
SELECT gpu, part, at_us, max(engine_active) AS engine_active, max(utilisation) AS utilisation
FROM gpu_told
GROUP BY gpu, part, at_us;

-- Time from one moment of a GPU, of whatever part, to the next: within it nothing changes. What is told of a part at a moment speaks of
-- the time since the same was told before: `_since`, `_until` of the sample that speaks of the piece.
CREATE TEMP TABLE gpu_piece AS
WITH parts AS (
    SELECT DISTINCT gpu, part FROM gpu_told UNION SELECT DISTINCT gpu, '' AS part FROM gpu_told
),
grid AS (
    SELECT
        g.gpu, p.part, g.at_us, m.at_us AS seen_us,
        CASE WHEN m.engine_active IS NOT NULL THEN m.at_us END AS engine_us, CASE WHEN m.utilisation IS NOT NULL THEN m.at_us END AS used_us
    FROM (SELECT DISTINCT gpu, at_us FROM gpu_told) AS g
    JOIN parts AS p ON p.gpu = g.gpu
    LEFT JOIN gpu_moment AS m ON m.gpu = g.gpu AND m.part = p.part AND m.at_us = g.at_us
)
SELECT *
FROM (
    SELECT
        gpu, part, at_us AS until_us, lag(at_us) OVER (PARTITION BY gpu, part ORDER BY at_us) AS since_us,
        max(seen_us) OVER earlier AS seen_since, min(seen_us) OVER later AS seen_until,
        max(engine_us) OVER earlier AS engine_since, min(engine_us) OVER later AS engine_until,
        max(used_us) OVER earlier AS used_since, min(used_us) OVER later AS used_until
    FROM grid
    WINDOW earlier AS (PARTITION BY gpu, part ORDER BY at_us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        later AS (PARTITION BY gpu, part ORDER BY at_us DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE until_us - since_us <= 3600000000;

-- The parts that make up a GPU for the time of a piece: its instances where any of them tells how busy it is, else the whole.
-- `activity` is believed for 5 minutes; NULL = nobody measured it.
CREATE TEMP TABLE gpu_stretch AS
WITH divided AS (
    SELECT DISTINCT gpu, until_us
    FROM gpu_piece
    WHERE part <> '' AND (engine_until - engine_since <= 3600000000 OR used_until - used_since <= 3600000000)
)
SELECT
    p.gpu, p.part, p.since_us, p.until_us,
    CASE WHEN p.part = '' THEN d.gpu IS NULL
        ELSE d.gpu IS NOT NULL AND coalesce(p.seen_until - p.seen_since <= 3600000000, false) END AS is_meant,
    CASE WHEN p.engine_until - p.engine_since <= 300000000 THEN e.engine_active
        WHEN p.used_until - p.used_since <= 300000000 THEN u.utilisation END AS activity
FROM gpu_piece AS p
LEFT JOIN divided AS d ON d.gpu = p.gpu AND d.until_us = p.until_us
LEFT JOIN gpu_moment AS e ON e.gpu = p.gpu AND e.part = p.part AND e.at_us = p.engine_until
LEFT JOIN gpu_moment AS u ON u.gpu = p.gpu AND u.part = p.part AND u.at_us = p.used_until;

-- Of the whole GPU `there_us` is as long as it was there, also where its instances are meant.
CREATE TEMP TABLE gpu_part AS
SELECT
    gpu, part, hour, minute, sum(us)::BIGINT AS there_us,
    sum(CASE WHEN is_meant THEN us ELSE 0 END)::BIGINT AS covered_us,
    sum(CASE WHEN is_meant AND activity IS NULL THEN us ELSE 0 END)::BIGINT AS unmeasured_us,
    sum(CASE WHEN is_meant AND activity IS NOT NULL THEN round(activity * us)::BIGINT ELSE 0 END)::BIGINT AS busy_us
FROM (
    SELECT
        s.gpu, s.part, s.is_meant, s.activity, m.hour, m.minute,
        least(s.until_us, m.minute_us + 60000000) - greatest(s.since_us, m.minute_us) AS us
    FROM gpu_stretch AS s
    JOIN minutes AS m
        ON m.minute_us < s.until_us AND m.minute_us + 60000000 > s.since_us
)
GROUP BY gpu, part, hour, minute;

-- How a GPU is called in an hour, by what is told at the end of its pieces.
CREATE TEMP TABLE gpu_called AS
SELECT DISTINCT n.hour, p.gpu, t.gpu_model, t.host
FROM gpu_piece AS p
JOIN gpu_told AS t ON t.gpu = p.gpu AND t.at_us = p.until_us
JOIN (SELECT DISTINCT hour, hour_number FROM minutes) AS n
    ON n.hour_number = p.since_us // 3600000000 OR n.hour_number = (p.until_us - 1) // 3600000000
WHERE p.part = '';

-- `bits`: the minutes of the hour in which a part is called so, 1 << their number added up.
CREATE TEMP TABLE gpu_named AS
WITH held AS (
    SELECT DISTINCT t.gpu, t.part, t.host, t.pod, t.namespace, m.minute
    FROM gpu_told AS t
    JOIN (
        SELECT gpu, part, source, at_us, lag(at_us) OVER (PARTITION BY gpu, part, source ORDER BY at_us) AS since_us
        FROM (SELECT DISTINCT gpu, part, source, at_us FROM gpu_told)
    ) AS s ON s.gpu = t.gpu AND s.part = t.part AND s.source = t.source AND s.at_us = t.at_us
    JOIN minutes AS m ON m.minute_us < s.at_us AND m.minute_us + 60000000 > s.since_us
    WHERE s.at_us - s.since_us <= 3600000000
)
SELECT p.hour, p.gpu, p.part, h.host, h.pod, h.namespace, max(p.covered_us) > 0 AS is_meant, sum(m.bit)::BIGINT AS bits
FROM gpu_part AS p
JOIN minutes AS m ON m.minute = p.minute
LEFT JOIN held AS h ON h.gpu = p.gpu AND h.part = p.part AND h.minute = p.minute
WHERE p.covered_us > 0 OR p.part = ''
GROUP BY p.hour, p.gpu, p.part, h.host, h.pod, h.namespace, p.covered_us > 0;

-- A server is where it was told of, until its address is told of anew, and an hour before and after where nobody speaks of it.
CREATE TEMP TABLE server_named AS
WITH server AS (
    SELECT DISTINCT
        coalesce(model_server, pod, host, '') AS name, epoch_us(sampled_at) AS at_us, model_server, pod, namespace, host, model
    FROM gpu_samples
    WHERE source = 'vllm' AND sampled_at >= getvariable('since') AND sampled_at < getvariable('before')
),
moment AS (
    SELECT
        name, at_us, greatest(coalesce(lag(at_us) OVER (PARTITION BY name ORDER BY at_us), 0), at_us - 3600000000) AS since_us,
        CASE WHEN lead(at_us) OVER (PARTITION BY name ORDER BY at_us) - at_us <= 3600000000 THEN at_us
            ELSE at_us + 3600000000 END AS until_us
    FROM (SELECT DISTINCT name, at_us FROM server)
),
held AS (
    SELECT DISTINCT m.hour, m.bit, s.model_server, s.pod, s.namespace, s.host, s.model
    FROM server AS s
    JOIN moment AS w ON w.name = s.name AND w.at_us = s.at_us
    JOIN minutes AS m ON m.minute_us < w.until_us AND m.minute_us + 60000000 > w.since_us
)
SELECT hour, model_server, pod, namespace, host, model, sum(bit)::BIGINT AS bits
FROM held
GROUP BY hour, model_server, pod, namespace, host, model;
