-- How the rows stand now: by their last correction, else as their flush wrote them. `seen` has the columns as the flush wrote
-- them and, as `j_…`, what the rules make of them.
CREATE TEMP TABLE last_word AS
SELECT *
FROM corrections
WHERE trace_id IN (SELECT trace_id FROM seen)
QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY settlement DESC) = 1;

CREATE TEMP VIEW compared AS
SELECT r.*, {standing}
FROM seen AS r
LEFT JOIN last_word AS c
    ON {same_identity} AND r.suppressed_by IS DISTINCT FROM r.span_id;

-- Where what a cost is made of is otherwise than it stands, and otherwise than the flush had it. Of tenants only those count
-- that have prices of their own.
CREATE TEMP TABLE moved AS
SELECT
    row, j_billable AS billable,
    {costs_otherwise_than_standing} OR CASE WHEN j_tenant IN (FROM own_prices) THEN j_tenant END
        IS DISTINCT FROM CASE WHEN s_tenant IN (FROM own_prices) THEN s_tenant END AS from_standing,
    {costs_otherwise_than_flushed} OR CASE WHEN j_tenant IN (FROM own_prices) THEN j_tenant END
        IS DISTINCT FROM CASE WHEN tenant IN (FROM own_prices) THEN tenant END AS from_flushed
FROM compared;
