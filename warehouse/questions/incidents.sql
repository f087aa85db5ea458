-- Incidents as they stand: the latest state of each, the worst first.
-- reads incidents
-- takes state: state = all; open, resolved or all
-- takes start: time = ; first opening
-- takes end: time = ; first opening after
-- gives state: open or resolved
-- gives excess_usd: observed_usd - expected_usd in [window_start, window_end)
-- gives escalated_at: when it became critical, having opened as a warning
-- gives acknowledged_at: when somebody first had it
-- gives feedback: expected, unexpected, too small or planned, the last that was given
-- gives notified: channels that took the opening
-- gives budget: of signals of budgets and objectives, its name; tenant and feature are NULL unless it is of one alone
-- gives scoped_by: which of tenant, feature, model, principal, provider make the scope; of the others it is all values
-- gives contributors: what explains the excess, by dimension and value
-- gives factors: what the excess is made of: volume, retries, tokens per call, mix, cache and prices; excess_usd adds up to it
-- gives changes: values that were never seen in the week before, and since when
-- gives samples: the most expensive calls as it opened, each of another trace
-- gives measured: of signals of health, whose amounts are 0: the share or time (ms) that was odd; of silence 0
-- gives usual: what it usually is; of silence the calls that are missing
-- gives affected: calls or checks that were so
-- gives complete_until: up to when everything had reached the lake as the last event was decided
-- table state, severity, tenant, feature, opened_at, resolved_at, observed_usd, expected_usd, excess_usd, summary
WITH told AS (
    SELECT * FROM incidents WHERE event IN ('opened', 'updated', 'escalated', 'resolved')
),
last_ AS (
    SELECT * FROM told
    QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY sequence DESC, recorded_at DESC, event_id) = 1
),
lives AS (
    SELECT
        incident_id,
        min(opened_at) AS opened_at_,
        max(recorded_at) FILTER (event = 'resolved') AS resolved_at,
        min(recorded_at) FILTER (event = 'escalated') AS escalated_at,
        count(*) FILTER (event = 'updated') AS updates
    FROM told
    GROUP BY incident_id
),
said AS (
    SELECT
        incident_id,
        min(recorded_at) FILTER (event = 'acknowledged') AS acknowledged_at,
        max_by(if(event = 'silenced', until, NULL), recorded_at) AS silenced_until,
        max_by(if(event = 'feedback', note, NULL), recorded_at) AS feedback
    FROM incidents
    WHERE event IN ('acknowledged', 'silenced', 'feedback')
    GROUP BY incident_id
),
notices AS (
    SELECT incident_id, list(DISTINCT channel ORDER BY channel) FILTER (channel IS NOT NULL) AS notified
    FROM incidents
    WHERE event = 'notified'
    GROUP BY incident_id
)
SELECT
    l.incident_id,
    if(l.event = 'resolved', 'resolved', 'open') AS state,
    l.severity, l.signal, l.tenant, l.feature, l.provider, l.model, l.principal, l.scoped_by, l.budget,
    v.opened_at_ AS opened_at, if(l.event = 'resolved', v.resolved_at, NULL) AS resolved_at, l.recorded_at AS last_event_at, l.event AS last_event,
    l.window_start, l.window_end,
    l.observed_usd, l.expected_usd, l.excess_usd, l.excess_usd_per_hour,
    v.updates, coalesce(n.notified, []) AS notified, s.acknowledged_at, s.silenced_until, s.feedback, l.contributors, l.summary,
    v.escalated_at, l.factors, l.changes, l.samples, l.measured, l.usual, l.affected, l.complete_until
FROM last_ AS l
JOIN lives AS v USING (incident_id)
LEFT JOIN notices AS n USING (incident_id)
LEFT JOIN said AS s USING (incident_id)
WHERE $state IN ('all', if(l.event = 'resolved', 'resolved', 'open'))
    AND ($start IS NULL OR v.opened_at_ >= $start) AND ($end IS NULL OR v.opened_at_ < $end)
ORDER BY l.event = 'resolved', l.excess_usd DESC NULLS LAST, opened_at DESC, l.incident_id
