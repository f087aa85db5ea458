-- The settlements, the last first: up to when hours are closed, and what each one changed.
-- reads settlements in window
-- takes start: time = ; first close
-- takes end: time = ; first close after
-- takes as_of_settlement: whole = ; settlements up to this one; nothing = all of them
-- takes limit: whole = 100; how many
-- gives settlement: its number
-- gives kind: settle, reprice or close_month
-- gives closed_to: all hours before it are settled
-- gives watermark: up to when everything had arrived
-- gives months_closed_to: all months before it are closed: what changes of them is booked in later ones
-- gives reopened_hours: settled hours with new lines
-- gives late_spans: read after their hour was closed
-- gives late_alone: those of them that were booked without the spans that may belong to them
-- gives late_samples: samples of GPUs that came so late that they divide nothing any more
-- gives homeless_outcomes: come since hours were closed before, and about no task that there is
-- gives corrected: spans that were stated anew
-- gives suppressed: those of them that are not billed
-- gives settled_usd: of the hours that were closed
-- gives adjusted_usd: of hours that were closed before
-- whole watermark, reopened_hours, first_reopened, last_reopened, late_spans, late_alone, late_samples, homeless_outcomes, corrected, suppressed, repriced, settled_usd, adjusted_usd, actor
-- table kind, closed_at, closed_to, settled_usd, adjusted_usd, reopened_hours, late_spans, suppressed, actor
SELECT
    settlement, kind, closed_at, closed_to, watermark, months_closed_to,
    coalesce(array_length(reopened), 0) AS reopened_hours,
    list_min(reopened) AS first_reopened,
    list_max(reopened) AS last_reopened,
    late_spans, late_alone, late_samples, homeless_outcomes, corrected, suppressed, repriced, settled_usd, adjusted_usd, price_version, actor
FROM settlements
WHERE ($start IS NULL OR closed_at >= $start) AND ($end IS NULL OR closed_at < $end)
ORDER BY settlement DESC
LIMIT $limit
