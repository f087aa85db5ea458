-- One step further: traces that share a response id with one that is looked at, or that a flush or a settlement has put
-- together with it.
INSERT INTO looked_at
SELECT DISTINCT trace_id
FROM (
    SELECT trace_id FROM linking WHERE id IN (SELECT id FROM linking WHERE trace_id IN (SELECT trace_id FROM looked_at))
    UNION ALL
    SELECT other FROM joined WHERE one IN (SELECT trace_id FROM looked_at)
    UNION ALL
    SELECT one FROM joined WHERE other IN (SELECT trace_id FROM looked_at)
)
WHERE trace_id NOT IN (SELECT trace_id FROM looked_at);
