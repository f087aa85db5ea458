-- One step further: traces that share a response id with one that is looked at.
INSERT INTO looked_at
SELECT DISTINCT trace_id
FROM linking
WHERE id IN (SELECT id FROM linking WHERE trace_id IN (SELECT trace_id FROM looked_at))
    AND trace_id NOT IN (SELECT trace_id FROM looked_at);
