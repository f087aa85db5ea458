-- How the rows stand now: by their last correction, else as their flush wrote them.
CREATE TEMP TABLE stands AS
SELECT r.row, r.operation, {as_corrected}
FROM as_flushed AS r
LEFT JOIN (
    FROM corrections
    QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY settlement DESC) = 1
) AS c
    ON {same_identity} AND r.suppressed_by IS DISTINCT FROM r.span_id;

-- Where what a cost is made of is otherwise than it stands, and otherwise than the flush had it. Of tenants only those count
-- that have prices of their own.
CREATE TEMP TABLE moved AS
SELECT
    j.row,
    {costs_otherwise_than_s} OR CASE WHEN j.tenant IN (FROM own_prices) THEN j.tenant END
        IS DISTINCT FROM CASE WHEN s.tenant IN (FROM own_prices) THEN s.tenant END AS from_standing,
    {costs_otherwise_than_r} OR CASE WHEN j.tenant IN (FROM own_prices) THEN j.tenant END
        IS DISTINCT FROM CASE WHEN r.tenant IN (FROM own_prices) THEN r.tenant END AS from_flushed
FROM judged AS j
JOIN stands AS s USING (row)
JOIN as_flushed AS r USING (row);

CREATE TEMP TABLE anew AS
SELECT j.*
FROM judged AS j
JOIN moved USING (row)
WHERE j.billable AND from_standing AND from_flushed;
