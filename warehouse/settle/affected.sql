-- Hours with spans that this settlement corrects, and with tasks of which outcomes say something else by now: after
-- `decided_since` all of them, after `fresh_since` those that outcomes which have just come are about.
CREATE TEMP TABLE touched AS
SELECT hour
FROM otherwise
WHERE hour >= getvariable('decided_since') OR (is_fresh AND hour >= getvariable('fresh_since'))
UNION
SELECT hour FROM corrections WHERE close_id = getvariable('close_id');
