-- Outcomes, evaluations and feedback that were told: how many, by what was judged and by whom.
-- reads outcomes in window
-- takes start: time = ; first observation
-- takes end: time = ; first observation after
-- gives name: what was judged: success, safe, groundedness …
-- gives source: who judged: human, explicit (the application), evaluator or heuristic
-- gives outcomes: each once, however often it was told
-- gives good: those with a word for good or, of groundedness and helpfulness, a score from 0.5 to 1; NULL where none has such a word or score
-- gives bad: likewise a word for bad, or a score from 0 to less than 0.5
-- gives scored: outcomes with a score
-- gives score_mean: on the scale of who judged
WITH
{outcomes_once.sql},
told AS (
    SELECT *, lower(name) AS name_, lower(label) AS label_
    FROM outcomes_once
),
judged_ AS (
    SELECT *, {is_good.sql} AS is_good
    FROM told
)
SELECT
    name,
    source,
    count(*) AS outcomes,
    CASE WHEN count(is_good) > 0 OR name IN ('success', 'safe') THEN count(*) FILTER (is_good) END AS good,
    CASE WHEN count(is_good) > 0 OR name IN ('success', 'safe') THEN count(*) FILTER (NOT is_good) END AS bad,
    count(score) AS scored,
    avg(score) AS score_mean,
    count(DISTINCT tenant) AS tenants,
    min(observed_at) AS first_at,
    max(observed_at) AS last_at
FROM judged_
WHERE ($start IS NULL OR observed_at >= $start) AND ($end IS NULL OR observed_at < $end)
GROUP BY name, source
ORDER BY outcomes DESC, name, source
