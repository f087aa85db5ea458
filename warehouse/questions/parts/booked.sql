-- Lines of the books in the hour in which they count, of the window: what changed of a month that was closed already counts in the
-- month that was open then (`hour_booked`); `corrects` is the first day of the closed one, else NULL. Whoever sums up the ledger reads these.
booked_ AS (
    SELECT *
    FROM (
        SELECT
            l.* REPLACE (hour_booked(l.hour, l.period, s.closed_to) AS hour),
            if(l.period::TIMESTAMPTZ > l.hour, date_trunc('month', l.hour)::DATE, NULL) AS corrects
        FROM ledger AS l
        JOIN settlements AS s ON s.close_id = l.close_id
        WHERE ($start IS NULL OR l.hour >= $start OR l.period::TIMESTAMPTZ >= date_trunc('month', $start::TIMESTAMPTZ))
            AND ($end IS NULL OR l.hour < $end)
    )
    WHERE ($start IS NULL OR hour >= $start) AND ($end IS NULL OR hour < $end)
),
booked AS (
    FROM {booked}
)
