-- Which versions of which services have called, and when each was first and last seen.
-- reads spans in window
-- takes where: filter of both = ; only these values of these dimensions
-- takes start: time = ; first end of a call
-- takes end: time = ; first end of a call after
-- gives service_version: `service.version` as the spans tell it
-- gives first_seen_at: the first end of a call in [start, end)
-- gives cost_usd: USD, exact; NULL where nothing is priced
WITH calls AS (
    SELECT *, coalesce(response_model, request_model) AS model
    FROM spans
    WHERE billable AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
)
SELECT service, service_version,
    min(ended_at) AS first_seen_at, max(ended_at) AS last_seen_at, count(*) AS calls, sum(cost_usd) AS cost_usd
FROM calls
WHERE {where}
GROUP BY ALL
ORDER BY first_seen_at DESC, calls DESC, service, service_version
