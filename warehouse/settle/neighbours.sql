-- One step further: traces that stand beside one that is looked at.
INSERT INTO looked_at
SELECT DISTINCT trace_id
FROM (
    SELECT other AS trace_id FROM beside WHERE one IN (SELECT trace_id FROM looked_at)
    UNION
    SELECT one FROM beside WHERE other IN (SELECT trace_id FROM looked_at)
)
WHERE trace_id NOT IN (SELECT trace_id FROM looked_at);
