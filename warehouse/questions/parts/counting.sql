-- Lines of bills that count: those that no newer export, imported later, replaces. It replaces the lines of its provider and
-- account on the days that it covers which are of its format, or in another format costs (or counts) of the same charge.
-- `replacers` are few rows, however many lines there are.
replacers AS (
    SELECT DISTINCT
        provider, account, format, charge, cost_usd IS NULL AS only_counts, imported_at,
        coalesce(covers_from, day) AS first_day, coalesce(covers_to, day) AS last_day
    FROM invoices
    WHERE replaces
),
counting AS (
    SELECT i.*
    FROM invoices AS i
    WHERE NOT EXISTS (
        FROM replacers AS newer
        WHERE newer.imported_at > i.imported_at
            AND newer.provider = i.provider AND i.day BETWEEN newer.first_day AND newer.last_day
            AND coalesce(newer.account = i.account, true)
            AND (newer.format = i.format OR (newer.charge = i.charge AND newer.only_counts = (i.cost_usd IS NULL)))
    )
)
