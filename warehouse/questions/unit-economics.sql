-- Unit economics over time: what a request, a task, a success and a user cost, and how much of that was cached or wasted.
-- reads ledger in window, settlements, tasks
-- takes bucket: bucket of ledger = day; hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes where: filter of ledger_kinds = ; only these values of these dimensions
-- takes by: dimensions of ledger_kinds = tenant; what to group by; nothing = one row a bucket; by token_kind counts of calls and tasks are those of all kinds beside each
-- takes start: hour = ; first hour
-- takes end: hour = ; first hour after
-- takes as_of_settlement: whole = ; what settlements up to this one had said; nothing = all of them
-- takes review_usd_per_hour: rate = 0; what an hour of review costs; `report` takes it from settle.review_usd_per_hour
-- gives tasks: tasks that had their last hour in the bucket; NULL where the dimensions are none of tasks
-- gives cost_usd: USD of all billed calls, exact; NULL where nothing is priced
-- gives total_cost_usd: cost_usd + review_cost_usd, as far as they are known; NULL where neither is, or tasks do not tell the dimensions
-- gives cost_per_request_usd: cost_usd / priced_calls
-- gives cost_per_task_usd: total_cost_usd / tasks, of priced tasks
-- gives cost_per_successful_task_usd: total_cost_usd / successful_tasks, of priced tasks; NULL where nothing succeeded
-- gives cost_per_safe_successful_task_usd: total_cost_usd / successful tasks that were judged safe, of priced tasks
-- gives cost_per_active_user_usd: total_cost_usd / users of these tasks, of priced tasks
-- gives cost_per_1k_tokens_usd: cost_usd / thousand input and output tokens of the priced calls
-- gives calls_per_task: calls / tasks
-- gives tokens_per_request: input and output tokens / calls
-- gives tokens_per_successful_task: input and output tokens of all tasks / successful_tasks
-- gives cached_share: cached input tokens / input tokens
-- gives waste_usd: as `waste` tells it
-- gives waste_share: waste_usd / cost_usd
-- gives outcome_coverage: share of the tasks whose outcome is known
-- gives priced_tasks: those of whose calls at least one has a price, or that made none: averages of tasks, and of their users, are of these
-- gives priced_share: priced_calls / calls
-- gives provisional: false: hours that are not settled are not in it
-- table calls, tasks, successful_tasks, cost_usd, cost_per_request_usd, cost_per_task_usd, cost_per_successful_task_usd, cost_per_active_user_usd, cached_share, waste_share, priced_share
WITH {economics.sql}
SELECT
    {keys}
    calls, tasks, successful_tasks, failed_tasks, unknown_tasks, priced_tasks, active_users,
    input_tokens, cached_input_tokens, output_tokens,
    cost_usd, review_cost_usd, total_cost_usd,
    usd_per(cost_usd, priced_calls) AS cost_per_request_usd,
    usd_per(priced_total_usd, priced_tasks) AS cost_per_task_usd,
    usd_per(priced_total_usd, priced_successful_tasks) AS cost_per_successful_task_usd,
    usd_per(priced_total_usd, priced_safe_successful_tasks) AS cost_per_safe_successful_task_usd,
    usd_per(priced_total_usd, priced_users) AS cost_per_active_user_usd,
    usd_per(cost_usd * 1000, priced_tokens) AS cost_per_1k_tokens_usd,
    calls::DOUBLE / nullif(tasks, 0) AS calls_per_task,
    (input_tokens + output_tokens)::DOUBLE / nullif(calls, 0) AS tokens_per_request,
    (input_tokens + output_tokens)::DOUBLE / nullif(successful_tasks, 0) AS tokens_per_successful_task,
    cached_input_tokens::DOUBLE / nullif(input_tokens, 0) AS cached_share,
    waste_usd,
    waste_usd::DOUBLE / nullif(cost_usd, 0)::DOUBLE AS waste_share,
    (successful_tasks + failed_tasks)::DOUBLE / nullif(tasks, 0) AS outcome_coverage,
    priced_calls::DOUBLE / nullif(calls, 0) AS priced_share,
    false AS provisional
FROM totals
ORDER BY {bucket} total_cost_usd DESC NULLS LAST, cost_usd DESC NULLS LAST, calls DESC, {keys} provisional
