-- How good alerts are: how soon they open, are taken and end, and what people say of them, by signal.
-- reads incidents
-- takes start: time = ; first opening
-- takes end: time = ; first opening after
-- gives signal: what was odd
-- gives incidents: that have opened
-- gives critical: that were critical when they opened, or became it
-- gives retracted: that late data took back
-- gives acknowledged: that somebody has had
-- gives unexpected: of which the last word was: a good alert; expected, too_small and planned likewise: nobody wanted it
-- gives precision: unexpected / all that people have judged; NULL where they have judged none
-- gives open_p50_minutes: median from the beginning of the window that was odd to the opening (time to detect); p90 likewise
-- gives acknowledge_p50_minutes: median from opening to when somebody first had it, of those that somebody had
-- gives resolve_p50_minutes: median from opening to the end (time to resolve), of those that are over
-- gives excess_usd: observed_usd - expected_usd as last told, summed; NULL where a signal tells of no money
-- table signal, incidents, critical, acknowledged, unexpected, expected, too_small, planned, precision, open_p50_minutes, open_p90_minutes, acknowledge_p50_minutes, resolve_p50_minutes, resolve_p90_minutes, excess_usd
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
        min(if(event = 'opened', recorded_at, NULL)) AS told_at,
        min(if(event = 'opened', window_start, NULL)) AS began_at,
        min(opened_at) AS opened_at_,
        max(if(event = 'resolved', recorded_at, NULL)) AS ended_at,
        max(if(severity = 'critical', 1, 0)) AS critical
    FROM told
    GROUP BY incident_id
),
said AS (
    SELECT
        incident_id,
        min(if(event = 'acknowledged', recorded_at, NULL)) AS acknowledged_at,
        max_by(if(event = 'feedback', note, NULL), recorded_at) AS verdict
    FROM incidents
    WHERE event IN ('acknowledged', 'feedback')
    GROUP BY incident_id
),
facts AS (
    SELECT
        l.signal, l.excess_usd, v.critical, s.acknowledged_at, s.verdict,
        if(l.event = 'resolved' AND l.note LIKE 'retracted%', 1, 0) AS retracted,
        (epoch_us(v.told_at) - epoch_us(v.began_at))::DOUBLE / 60000000 AS to_open,
        (epoch_us(s.acknowledged_at) - epoch_us(v.told_at))::DOUBLE / 60000000 AS to_acknowledge,
        if(l.event = 'resolved', (epoch_us(v.ended_at) - epoch_us(v.told_at))::DOUBLE / 60000000, NULL) AS to_resolve
    FROM last_ AS l
    JOIN lives AS v USING (incident_id)
    LEFT JOIN said AS s USING (incident_id)
    WHERE ($start IS NULL OR v.opened_at_ >= $start) AND ($end IS NULL OR v.opened_at_ < $end)
)
SELECT
    signal,
    count(*) AS incidents,
    sum(critical)::BIGINT AS critical,
    sum(retracted)::BIGINT AS retracted,
    count(acknowledged_at) AS acknowledged,
    count(*) FILTER (verdict = 'unexpected') AS unexpected,
    count(*) FILTER (verdict = 'expected') AS expected,
    count(*) FILTER (verdict = 'too small') AS too_small,
    count(*) FILTER (verdict = 'planned') AS planned,
    count(*) FILTER (verdict = 'unexpected')::DOUBLE / nullif(count(verdict), 0) AS precision,
    quantile_cont(to_open, 0.5) AS open_p50_minutes,
    quantile_cont(to_open, 0.9) AS open_p90_minutes,
    quantile_cont(to_acknowledge, 0.5) AS acknowledge_p50_minutes,
    quantile_cont(to_acknowledge, 0.9) AS acknowledge_p90_minutes,
    quantile_cont(to_resolve, 0.5) AS resolve_p50_minutes,
    quantile_cont(to_resolve, 0.9) AS resolve_p90_minutes,
    sum(excess_usd) AS excess_usd
FROM facts
GROUP BY ALL
ORDER BY incidents DESC, signal
