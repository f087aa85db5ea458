-- What a successful task costs: all that was paid, failed and abandoned attempts and review by people included.
-- reads ledger in window, settlements, tasks
-- takes bucket: bucket of ledger = ; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = tenant; what to group by; nothing = one row; by token_kind counts of calls and tasks are those of all kinds beside each
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- takes review_usd_per_hour: rate = 0; what an hour of review costs; `report` takes it from settle.review_usd_per_hour
-- gives tasks: tasks that had their last hour in the window, each once; NULL where the dimensions are none of tasks
-- gives successful_tasks: tasks that somebody said were a success, who knows best
-- gives unknown_tasks: tasks of which nobody has said
-- gives cost_usd: USD of all billed calls, exact; NULL where nothing is priced
-- gives review_minutes: by people; of a task of several models, providers, services, routes or prompts, in even parts
-- gives review_cost_usd: review_minutes x review_usd_per_hour, to the picodollar of each task
-- gives total_cost_usd: cost_usd + review_cost_usd, as far as they are known; NULL where neither is, or tasks do not tell the dimensions
-- gives cost_per_successful_task_usd: total_cost_usd / successful_tasks, of priced tasks; NULL where nothing succeeded
-- gives cost_per_successful_task_low_usd: if all unknown tasks succeeded
-- gives cost_per_successful_task_high_usd: if all unknown tasks failed
-- gives cost_per_safe_successful_task_usd: total_cost_usd / successful tasks that were judged safe, of priced tasks
-- gives cost_per_task_usd: total_cost_usd / tasks, of priced tasks
-- gives cost_per_request_usd: cost_usd / priced_calls
-- gives cost_per_active_user_usd: total_cost_usd / users of these tasks, of priced tasks
-- gives tokens_per_successful_task: input and output tokens of all tasks / successful_tasks
-- gives outcome_coverage: share of the tasks whose outcome is known
-- gives safe_coverage: share of the tasks that were judged safe or unsafe
-- gives success_rate: successful_tasks / tasks whose outcome is known
-- gives success_rate_low: if all unknown tasks failed
-- gives success_rate_high: if all unknown tasks succeeded
-- gives waste_usd: as `waste` tells it
-- gives priced_tasks: those of whose calls at least one has a price, or that made none: averages of tasks, and of their users, are of these
-- gives priced_share: priced_calls / calls
-- gives provisional: false: hours that are not settled are not in it
-- table tasks, successful_tasks, failed_tasks, unknown_tasks, total_cost_usd, cost_per_successful_task_usd, cost_per_successful_task_low_usd, cost_per_task_usd, cost_per_request_usd, waste_usd, outcome_coverage, priced_share
WITH {economics.sql}
SELECT
    {keys}
    tasks, successful_tasks, failed_tasks, unknown_tasks, safe_successful_tasks, priced_tasks, active_users,
    calls, priced_calls, failed_calls, retries,
    input_tokens, cached_input_tokens, output_tokens,
    cost_usd, review_minutes, review_cost_usd, total_cost_usd,
    usd_per(priced_total_usd, priced_successful_tasks) AS cost_per_successful_task_usd,
    usd_per(priced_total_usd, priced_tasks - priced_failed_tasks) AS cost_per_successful_task_low_usd,
    usd_per(priced_total_usd, priced_successful_tasks) AS cost_per_successful_task_high_usd,
    usd_per(priced_total_usd, priced_safe_successful_tasks) AS cost_per_safe_successful_task_usd,
    usd_per(priced_total_usd, priced_tasks) AS cost_per_task_usd,
    usd_per(cost_usd, priced_calls) AS cost_per_request_usd,
    usd_per(priced_total_usd, priced_users) AS cost_per_active_user_usd,
    (input_tokens + output_tokens)::DOUBLE / nullif(successful_tasks, 0) AS tokens_per_successful_task,
    (successful_tasks + failed_tasks)::DOUBLE / nullif(tasks, 0) AS outcome_coverage,
    judged_safe_tasks::DOUBLE / nullif(tasks, 0) AS safe_coverage,
    successful_tasks::DOUBLE / nullif(successful_tasks + failed_tasks, 0) AS success_rate,
    successful_tasks::DOUBLE / nullif(tasks, 0) AS success_rate_low,
    (successful_tasks + unknown_tasks)::DOUBLE / nullif(tasks, 0) AS success_rate_high,
    waste_usd,
    priced_calls::DOUBLE / nullif(calls, 0) AS priced_share,
    false AS provisional
FROM totals
ORDER BY {bucket} total_cost_usd DESC NULLS LAST, cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
