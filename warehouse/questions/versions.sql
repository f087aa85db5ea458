-- Which models and prompt versions features use, since when, how soon they were the rule, and what happened after.
-- reads usage, incidents
-- takes where: filter of usage = ; only these values of these dimensions
-- takes start: time = ; first minute of the calls that are counted; since when a version is there is told all the same
-- takes end: time = ; first minute after
-- gives kind: model, or prompt: its name and version
-- gives first_seen_at: the first minute with a call of it by this tenant and feature, as far back as the lake goes
-- gives is_change: whether the tenant and feature had others of its kind for 24 hours before
-- gives production_at: the first minute in the environment production or prod; NULL = never
-- gives lead_time_s: from first_seen_at to production_at
-- gives majority_at: first day of UTC on which it had at least half of the calls of its kind
-- gives rollout_s: from first_seen_at to the end of that day; NULL of what is no change
-- gives calls: billable calls in [start, end) that ended well, as all calls looked at here: what failed tells no model
-- gives share: calls / calls of all of its kind, of the tenant and feature
-- gives incidents: of a change: incidents of this tenant and feature, or of all, that opened within 24 hours after first_seen_at
-- gives incident_id: the first of them
-- table tenant, feature, kind, version, first_seen_at, is_change, lead_time_s, rollout_s, calls, share, incidents
WITH uses AS (
    SELECT tenant, feature, 'model' AS kind, model AS version, environment, minute, calls FROM usage WHERE model IS NOT NULL AND status = 'ok' AND {where}
    UNION ALL
    SELECT tenant, feature, 'prompt' AS kind, concat_ws('@', prompt_name, prompt_version) AS version, environment, minute, calls
    FROM usage
    WHERE prompt_version IS NOT NULL AND status = 'ok' AND {where}
),
lives AS (
    SELECT tenant, feature, kind, version,
        min(minute) AS first_seen_at, max(minute) AS last_seen_at,
        min(minute) FILTER (lower(environment) IN ('production', 'prod')) AS production_at,
        coalesce(sum(calls) FILTER (($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)), 0) AS calls
    FROM uses
    GROUP BY ALL
),
days AS (
    SELECT tenant, feature, kind, version, date_trunc('day', minute) AS day_, sum(calls) AS calls_ FROM uses GROUP BY ALL
),
ruling AS (
    SELECT tenant, feature, kind, version, min(day_) AS majority_at
    FROM (SELECT *, sum(calls_) OVER (PARTITION BY tenant, feature, kind, day_) AS of_ FROM days)
    WHERE 2 * calls_ >= of_
    GROUP BY ALL
),
placed AS (
    SELECT l.*, r.majority_at,
        l.first_seen_at >= min(l.first_seen_at) OVER (PARTITION BY l.tenant, l.feature, l.kind) + INTERVAL 24 HOURS AS is_change,
        sum(l.calls) OVER (PARTITION BY l.tenant, l.feature, l.kind) AS of_calls
    FROM lives AS l
    LEFT JOIN ruling AS r
        ON r.tenant IS NOT DISTINCT FROM l.tenant AND r.feature IS NOT DISTINCT FROM l.feature AND r.kind = l.kind AND r.version = l.version
),
opened AS (
    SELECT incident_id, tenant, feature, min(opened_at) AS opened_at FROM incidents WHERE event = 'opened' GROUP BY ALL
),
after_ AS (
    SELECT p.tenant, p.feature, p.kind, p.version,
        count(DISTINCT o.incident_id) AS incidents, min_by(o.incident_id, o.opened_at) AS incident_id
    FROM placed AS p
    JOIN opened AS o
        ON o.opened_at >= p.first_seen_at AND o.opened_at < p.first_seen_at + INTERVAL 24 HOURS
        AND (o.tenant IS NULL OR o.tenant = p.tenant) AND (o.feature IS NULL OR o.feature = p.feature)
    WHERE p.is_change
    GROUP BY ALL
)
SELECT
    p.tenant, p.feature, p.kind, p.version, p.first_seen_at, p.last_seen_at, p.is_change, p.production_at,
    (epoch_us(p.production_at) - epoch_us(p.first_seen_at)) / 1000000.0::DOUBLE AS lead_time_s,
    p.majority_at,
    CASE WHEN p.is_change THEN (epoch_us(p.majority_at) + 86400000000 - epoch_us(p.first_seen_at)) / 1000000.0::DOUBLE END AS rollout_s,
    p.calls::BIGINT AS calls, p.calls::DOUBLE / nullif(p.of_calls, 0) AS share,
    CASE WHEN p.is_change THEN coalesce(a.incidents, 0) END AS incidents,
    a.incident_id
FROM placed AS p
LEFT JOIN after_ AS a
    ON a.tenant IS NOT DISTINCT FROM p.tenant AND a.feature IS NOT DISTINCT FROM p.feature AND a.kind = p.kind AND a.version = p.version
WHERE p.calls > 0
ORDER BY first_seen_at DESC, calls DESC, tenant, feature, kind, version
