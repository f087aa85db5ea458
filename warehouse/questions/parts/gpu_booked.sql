-- Lines of the books of GPUs in the minute in which they count, of the window: what changed of a month that was closed already counts in
-- the last hour that its settlement had closed, as lines of the ledger do.
gpu_booked AS (
    SELECT *
    FROM (
        SELECT g.* REPLACE (hour_booked(g.minute, g.period, s.closed_to) AS minute)
        FROM gpu_minutes AS g
        JOIN settlements AS s ON s.close_id = g.close_id
        WHERE ($start IS NULL OR g.minute >= $start OR g.period::TIMESTAMPTZ >= date_trunc('month', $start::TIMESTAMPTZ))
            AND ($end IS NULL OR g.minute < $end)
    )
    WHERE ($start IS NULL OR minute >= $start) AND ($end IS NULL OR minute < $end)
)
