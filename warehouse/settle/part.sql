-- The traces of one part of all that are looked at.
CREATE OR REPLACE TEMP TABLE owned AS
SELECT trace_id
FROM placed
JOIN cells USING (first_hour, last_hour)
WHERE hash(trace_id) % getvariable('pieces') = getvariable('piece');

CREATE OR REPLACE TEMP TABLE looked_at AS
FROM owned;
