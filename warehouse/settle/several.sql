-- Of one of `shares` equal shares of the traces and ids, so that each fits into memory: traces with fresh spans that came in
-- several records, and ids that several traces tell.
INSERT INTO several
SELECT trace_id
FROM kept
WHERE hash(trace_id) % getvariable('shares') = getvariable('share')
    AND trace_id IN (
        SELECT trace_id FROM kept WHERE is_fresh AND hash(trace_id) % getvariable('shares') = getvariable('share')
    )
GROUP BY trace_id
HAVING min(record) <> max(record);

CREATE OR REPLACE TEMP TABLE repeated AS
SELECT id
FROM naming
WHERE hash(id) % getvariable('shares') = getvariable('share')
GROUP BY id
HAVING count(*) > 1;

INSERT INTO shared
SELECT id, min(record) <> max(record) AND bool_or(is_fresh)
FROM naming
WHERE id IN (SELECT id FROM repeated)
GROUP BY id
HAVING min(trace_id) <> max(trace_id);
