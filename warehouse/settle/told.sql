-- Outcomes, each once: the last record of it.
CREATE TEMP TABLE told AS
SELECT *
FROM outcomes
QUALIFY row_number() OVER (PARTITION BY outcome_id ORDER BY received_at DESC, source_partition, source_offset DESC) = 1;
