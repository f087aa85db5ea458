-- Outcomes, evaluations and feedback that were told: how many, by what was judged and by whom.
-- reads outcomes in window
-- takes start: time = ; first observation
-- takes end: time = ; first observation after
-- gives name: what was judged: success, safe, groundedness …
-- gives source: who judged: human, explicit (the application), evaluator or heuristic
-- gives outcomes: each once, however often it was told
-- gives good: those of success and safe with the label success or safe; NULL for other names, whose scales are their own
-- gives bad: likewise failure or unsafe
-- gives scored: outcomes with a score
-- gives score_mean: on the scale of who judged
WITH
{outcomes_once.sql}
SELECT
    name,
    source,
    count(*) AS outcomes,
    CASE WHEN name IN ('success', 'safe') THEN count(*) FILTER (label IN ('success', 'safe')) END AS good,
    CASE WHEN name IN ('success', 'safe') THEN count(*) FILTER (label IN ('failure', 'unsafe')) END AS bad,
    count(score) AS scored,
    avg(score) AS score_mean,
    count(DISTINCT tenant) AS tenants,
    min(observed_at) AS first_at,
    max(observed_at) AS last_at
FROM outcomes_once
WHERE ($start IS NULL OR observed_at >= $start) AND ($end IS NULL OR observed_at < $end)
GROUP BY name, source
ORDER BY outcomes DESC, name, source
