-- Spans whose token counts contradicted themselves: what each rule repaired or refused, by who wrote them.
-- reads corrected_spans in window
-- takes start: time = ; first end of a span
-- takes end: time = ; first end of a span after
-- gives rule: named in docs/inspect.md
-- gives outcome: repaired = counted and priced, the rule says how; refused = the span has no cost
-- gives convention: the instrumentation that wrote the counts
-- gives spans: every span that a rule touched; two rules on one span are two rows
-- gives calls: those of them that are billed
-- gives share: calls / all billed calls of the same convention and version
WITH spans_ AS (
    SELECT * FROM corrected_spans
    WHERE ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
),
written AS (
    SELECT convention, scope_version, count(*) FILTER (billable) AS calls FROM spans_ GROUP BY ALL
),
touched AS (
    SELECT *, string_split(usage_semantics, '+') AS words FROM spans_ WHERE contains(usage_semantics, '+')
),
ruled AS (
    SELECT *, unnest(words[2:]) AS rule FROM touched
)
SELECT
    r.rule,
    CASE WHEN r.words[1] = 'refused' THEN 'refused' ELSE 'repaired' END AS outcome,
    r.convention,
    r.scope_version,
    count(*) AS spans,
    count(*) FILTER (r.billable) AS calls,
    (count(*) FILTER (r.billable))::DOUBLE / nullif(any_value(w.calls), 0) AS share,
    count(DISTINCT r.tenant) AS tenants,
    min(r.ended_at) AS first_at,
    max(r.ended_at) AS last_at
FROM ruled AS r
JOIN written AS w
    ON w.convention IS NOT DISTINCT FROM r.convention AND w.scope_version IS NOT DISTINCT FROM r.scope_version
GROUP BY r.rule, outcome, r.convention, r.scope_version
ORDER BY spans DESC, rule, outcome, convention, scope_version
