-- What the bills say, day by day: sums of lines that count and say the same. A line has a cost, or a quantity, or both.
-- `off_by`: what rounding each line comes to at most; `variance`: of that sum, where each error is as likely as another.
SELECT
    i.day, i.provider, i.account, n.as_model AS model, i.token_kind AS kind, i.tier, i.charge, i.unit, i.format,
    i.cost_usd IS NOT NULL AS has_cost, i.quantity IS NOT NULL AS has_quantity,
    any_value(i.model) AS said_model,
    sum(i.quantity) AS quantity, sum(i.cost_usd) AS cost_usd,
    sum(i.rounded_to_usd) / 2 AS off_by, sum(i.rounded_to_usd::DOUBLE ** 2) / 12 AS variance
FROM counting AS i
JOIN as_named AS n ON n.provider = i.provider AND n.model IS NOT DISTINCT FROM i.model
WHERE i.day >= $start AND i.day < $end AND i.provider IN (FROM compared)
GROUP BY ALL;
