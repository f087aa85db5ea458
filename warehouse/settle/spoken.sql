-- Services about whose calls several instrumentations tell, or one by records of its own; of what a flush has put together those
-- across traces: what it has put together within one stands unless more of that has come.
CREATE TEMP TABLE spoken AS
SELECT coalesce(service, '') AS service
FROM kept
WHERE billable
GROUP BY ALL
HAVING min(coalesce(teller, '')) <> max(coalesce(teller, '')) OR bool_or(is_usage_record)
UNION
SELECT service FROM joined;

-- What has no service may be told by any other one again.
INSERT INTO spoken
SELECT ''
FROM kept
WHERE billable
HAVING min(coalesce(service, '')) = '' AND max(coalesce(service, '')) <> '' AND (SELECT count(*) FROM spoken WHERE service = '') = 0;
