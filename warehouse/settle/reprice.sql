-- Calls whose amount or status is another one with the prices at hand; another name of the same prices changes nothing.
CREATE TEMP TABLE repriced AS
SELECT
    c.ended_at::DATE AS day, c.hour, c.ended_at, {identity_of_c}, 'repriced' AS why, {kept_of_c}, {prices_of_p}
FROM as_priced AS c
JOIN priced AS p USING (row)
WHERE {costs_differ};

CREATE TEMP TABLE changes AS
SELECT
    c.tenant, c.provider, coalesce(c.response_model, c.request_model) AS model,
    c.price_version AS before_version, p.price_version AS after_version,
    count(*) AS calls, sum(c.cost_usd) AS before_usd, sum(p.cost_usd) AS after_usd
FROM as_priced AS c
JOIN priced AS p USING (row)
WHERE {costs_differ}
GROUP BY ALL;
