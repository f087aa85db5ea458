-- Which traces must be judged again as a whole: those with spans that no settlement has read and that came in more than one
-- record, share a response id with spans of other records, or stand beside a call that another instrumentation, or the
-- same one by a record of its own, may have told again. What came in one record alone was judged by the flush that took it,
-- with all that the rules need.
DELETE FROM shared WHERE made_id(id) IS NULL;  -- no rule goes by it

CREATE TEMP TABLE linking AS
SELECT DISTINCT trace_id, id
FROM naming
WHERE id IN (SELECT id FROM shared);

CREATE TEMP TABLE looked_at AS
SELECT trace_id FROM several
UNION
SELECT one FROM beside
UNION
SELECT other FROM beside
UNION
SELECT trace_id FROM linking WHERE id IN (SELECT id FROM shared WHERE is_doubtful);
