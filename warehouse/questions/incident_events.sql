-- Every event in the life of every incident, as it was recorded.
-- reads incidents in window
-- takes start: time = ; first recording
-- takes end: time = ; first recording after
-- gives event: opened, updated, escalated, resolved, notified and others; see alerts.incidents
-- table recorded_at, incident_id, sequence, event, tenant, feature, excess_usd, channel, summary
SELECT *
FROM incidents
WHERE ($start IS NULL OR recorded_at >= $start) AND ($end IS NULL OR recorded_at < $end)
ORDER BY recorded_at, incident_id, sequence, event_id
