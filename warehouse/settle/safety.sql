-- Events and checks of the spans that `books.sql` has put together, by what their words tell, less what the books have of them.
CREATE TEMP TABLE safety_lines AS
WITH line AS (
    SELECT
        t.hour, t.tenant, t.feature, t.service, t.model, w.category, w.action,
        w.events * t.spans AS events, w.checked_calls * t.spans AS checked_calls
    FROM safety_told AS t
    JOIN safety_words AS w ON {same_telling}
    UNION ALL BY NAME
    SELECT hour, tenant, feature, service, model, category, action, -events AS events, -checked_calls AS checked_calls
    FROM safety_hours
    WHERE hour IN (SELECT hour FROM hours WHERE NOT alone)
)
SELECT
    hour::DATE AS day, hour, tenant, feature, service, model, category, action,
    sum(events)::BIGINT AS events, sum(checked_calls)::BIGINT AS checked_calls
FROM line
GROUP BY ALL
HAVING sum(events) <> 0 OR sum(checked_calls) <> 0;
