-- What evaluators, people and applications said of calls, by the dimensions of the calls that they speak of.
-- reads spans in window, outcomes
-- takes bucket: bucket of spans = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of both = ; only these values of these dimensions
-- takes by: dimensions of both = tenant; what to group by, besides what was judged; nothing = no more than this
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
abouts AS (
    SELECT {keys} tenant_, unit_, concat('task ', task_id) AS about_ FROM named WHERE task_id IS NOT NULL
    UNION ALL
    SELECT {keys} tenant_, unit_, concat('trace ', hex(trace_id)) FROM named
    UNION ALL
    SELECT {keys} tenant_, unit_, concat('response ', response_id) FROM named WHERE response_id IS NOT NULL
    UNION ALL
    SELECT {keys} tenant_, unit_, concat('session ', session_id) FROM named WHERE session_id IS NOT NULL
),
told AS (
    SELECT
        *, lower(name) AS name_, lower(label) AS label_,
        CASE
            WHEN task_id IS NOT NULL THEN concat('task ', task_id)
            WHEN trace_id IS NOT NULL THEN concat('trace ', hex(trace_id))
            WHEN response_id IS NOT NULL THEN concat('response ', response_id)
            ELSE concat('session ', session_id)
        END AS about_
    FROM (
        SELECT DISTINCT ON (outcome_id) *
        FROM outcomes
        ORDER BY outcome_id, received_at DESC, source_partition, source_offset DESC
    )
),
judged_ AS (
    SELECT
        outcome_id, tenant AS of_tenant, about_, source, score,
        CASE
            WHEN name_ IN ('groundedness', 'grounded', 'faithfulness', 'faithful', 'hallucination', 'hallucinations', 'factuality')
                THEN 'groundedness'
            WHEN name_ IN ('helpfulness', 'helpful') THEN 'helpfulness'
            ELSE name_
        END AS judged,
        CASE
            WHEN label_ IN ('success', 'safe', 'grounded', 'factual', 'faithful', 'supported', 'helpful', 'relevant', 'correct', 'pass', 'passed', 'good')
                THEN true
            WHEN label_ IN (
                'failure', 'unsafe', 'ungrounded', 'hallucinated', 'unfaithful', 'unsupported', 'unhelpful', 'irrelevant', 'incorrect', 'fail', 'failed', 'bad'
            ) THEN false
            WHEN score BETWEEN 0 AND 1 AND name_ IN ('groundedness', 'grounded', 'faithfulness', 'faithful', 'factuality', 'helpfulness', 'helpful')
                THEN score >= 0.5
        END AS is_good
    FROM told
),
matched AS (
    SELECT DISTINCT {keys} tenant_, unit_, outcome_id, judged, source, score, is_good
    FROM judged_
    JOIN abouts ON abouts.about_ = judged_.about_ AND tenant_ IS NOT DISTINCT FROM of_tenant
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
