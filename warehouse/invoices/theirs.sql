-- What the bills say, day by day: sums of lines that count and say the same. A line has a cost, or a quantity, or both.
SELECT
    i.day, i.provider, i.account, n.as_model AS model, i.token_kind AS kind, i.tier, i.charge, i.unit, i.format,
    i.cost_usd IS NOT NULL AS has_cost, i.quantity IS NOT NULL AS has_quantity,
    any_value(i.model) AS said_model,
    sum(i.quantity) AS quantity, sum(i.cost_usd) AS cost_usd, sum(i.rounded_to_usd) / 2 AS off_by
FROM counting AS i
JOIN as_named AS n ON n.provider = i.provider AND n.model IS NOT DISTINCT FROM i.model
WHERE i.day >= $start AND i.day < $end AND i.provider IN (FROM compared)
GROUP BY ALL;
