-- What changes by tenant and model, over all parts of the window; NULL = no call of them had, or has, a price.
CREATE TEMP TABLE total AS
SELECT
    tenant, provider, model, before_version, after_version,
    sum(calls)::BIGINT AS calls,
    sum(before_usd)::DECIMAL(38, 12) AS before_usd,
    sum(after_usd)::DECIMAL(38, 12) AS after_usd,
    (coalesce(sum(after_usd), 0) - coalesce(sum(before_usd), 0))::DECIMAL(38, 12) AS difference_usd
FROM parts
GROUP BY ALL;
