repeated_ AS (
    SELECT outcome_id FROM outcomes GROUP BY outcome_id HAVING count(*) > 1
),
outcomes_once AS (  -- each outcome as it was received last; only what came again is put in order
    SELECT * FROM outcomes ANTI JOIN repeated_ USING (outcome_id)
    UNION ALL
    SELECT * FROM outcomes SEMI JOIN repeated_ USING (outcome_id)
    QUALIFY row_number() OVER (PARTITION BY outcome_id ORDER BY received_at DESC, source_partition, source_offset DESC) = 1
)
