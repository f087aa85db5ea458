-- What evaluators, people and applications said of calls, by the dimensions of the calls that they speak of.
-- reads spans in window, outcomes
-- takes bucket: bucket of spans = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of calls = ; only these values of these dimensions
-- takes by: dimensions of calls = tenant; what to group by, besides what was judged; nothing = no more than this
-- takes start: time = ; first end of a call; what was said later of it counts
-- takes end: time = ; first end of a call after
-- gives judged: groundedness and helpfulness, whatever evaluators call them; else the name; any = anything, by an evaluator
-- gives judgements: each once; of calls of several groups none counts
-- gives good: those with a word for good, or of groundedness and helpfulness a score from 0.5 to 1
-- gives bad: likewise with a word for bad, or a score from 0 to less than 0.5; of groundedness: hallucinated
-- gives good_rate: good / (good + bad)
-- gives bad_rate: bad / (good + bad)
-- gives scored: judgements with a score
-- gives score_mean: on the scale of who judged
-- gives score_deviation: standard deviation of that
-- gives judged_tasks: tasks with a judgement; a call's task is its task id, else its trace
-- gives tasks: all tasks of the group; in the bucket of their last call
-- gives coverage: judged_tasks / tasks
-- table judged, judgements, good, bad, good_rate, scored, score_mean, judged_tasks, tasks, coverage
WITH calls_ AS (
    SELECT *, coalesce(task_id, hex(trace_id)) AS unit_
    FROM (SELECT *, coalesce(response_model, request_model) AS model FROM spans WHERE billable)
    WHERE {where} AND ($start IS NULL OR ended_at >= $start) AND ($end IS NULL OR ended_at < $end)
),
named AS (  -- a task is in the bucket of its last call
    SELECT {columns} tenant AS tenant_, unit_, trace_id, task_id, response_id, session_id
    FROM (SELECT * REPLACE (max(ended_at) OVER (PARTITION BY tenant, unit_) AS ended_at) FROM calls_)
),
{outcomes_once.sql},
told AS (
    SELECT *, lower(name) AS name_, lower(label) AS label_
    FROM outcomes_once
),
judged_ AS (
    SELECT
        outcome_id, tenant AS of_tenant, task_id, trace_id, response_id, session_id, source, score,
        CASE
            WHEN name_ IN ('groundedness', 'grounded', 'faithfulness', 'faithful', 'hallucination', 'hallucinations', 'factuality')
                THEN 'groundedness'
            WHEN name_ IN ('helpfulness', 'helpful') THEN 'helpfulness'
            ELSE name_
        END AS judged,
        {is_good.sql} AS is_good
    FROM told
),
matched AS (  -- of the ids of a judgement the first of these counts
    SELECT {keys} tenant_, unit_, outcome_id, judged, source, score, is_good
    FROM named
    JOIN judged_ ON named.task_id = judged_.task_id AND tenant_ IS NOT DISTINCT FROM of_tenant
    UNION
    SELECT {keys} tenant_, unit_, outcome_id, judged, source, score, is_good
    FROM named
    JOIN judged_ ON named.trace_id = judged_.trace_id AND tenant_ IS NOT DISTINCT FROM of_tenant
    WHERE judged_.task_id IS NULL
    UNION
    SELECT {keys} tenant_, unit_, outcome_id, judged, source, score, is_good
    FROM named
    JOIN judged_ ON named.response_id = judged_.response_id AND tenant_ IS NOT DISTINCT FROM of_tenant
    WHERE judged_.task_id IS NULL AND judged_.trace_id IS NULL
    UNION
    SELECT {keys} tenant_, unit_, outcome_id, judged, source, score, is_good
    FROM named
    JOIN judged_ ON named.session_id = judged_.session_id AND tenant_ IS NOT DISTINCT FROM of_tenant
    WHERE judged_.task_id IS NULL AND judged_.trace_id IS NULL AND judged_.response_id IS NULL
),
groups_ AS (
    SELECT DISTINCT {keys} outcome_id FROM matched
),
alone AS (
    SELECT outcome_id FROM groups_ GROUP BY outcome_id HAVING count(*) = 1
),
kept AS (
    SELECT * FROM matched WHERE outcome_id IN (SELECT outcome_id FROM alone)
    UNION ALL
    SELECT * REPLACE ('any' AS judged) FROM matched
    WHERE source = 'evaluator' AND outcome_id IN (SELECT outcome_id FROM alone)
),
said AS (
    SELECT {keys} judged,
        count(*) AS judgements, count(*) FILTER (is_good) AS good, count(*) FILTER (NOT is_good) AS bad,
        count(score) AS scored, avg(score) AS score_mean, stddev_samp(score) AS score_deviation
    FROM (SELECT DISTINCT {keys} judged, outcome_id, score, is_good FROM kept)
    GROUP BY ALL
),
covered AS (
    SELECT {keys} judged, count(*) AS judged_tasks
    FROM (SELECT DISTINCT {keys} judged, tenant_, unit_ FROM kept)
    GROUP BY ALL
),
units AS (
    SELECT {keys} count(*) AS tasks FROM (SELECT DISTINCT {keys} tenant_, unit_ FROM named) GROUP BY ALL
),
together AS (
    SELECT * FROM said
    UNION ALL BY NAME
    SELECT * FROM covered
),
sums AS (
    SELECT {keys} judged,
        max(judgements) AS judgements, max(good) AS good, max(bad) AS bad, max(scored) AS scored,
        max(score_mean) AS score_mean, max(score_deviation) AS score_deviation, max(judged_tasks) AS judged_tasks,
        NULL::BIGINT AS tasks
    FROM together
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, NULL::VARCHAR AS judged FROM units
),
beside AS (
    SELECT * REPLACE (max(tasks) OVER (PARTITION BY {keys} true) AS tasks) FROM sums
)
SELECT
    {keys} judged, judgements, good, bad,
    good::DOUBLE / nullif(good + bad, 0) AS good_rate,
    bad::DOUBLE / nullif(good + bad, 0) AS bad_rate,
    scored, score_mean, score_deviation, judged_tasks, tasks,
    judged_tasks::DOUBLE / nullif(tasks, 0) AS coverage
FROM beside
WHERE judged IS NOT NULL
ORDER BY {bucket} judgements DESC, judged, tasks DESC, {keys} good
