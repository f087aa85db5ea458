-- What of the month is not final: calls that the stream has told of hours that no settlement has closed.
SELECT coalesce(sum(calls), 0)::BIGINT AS calls, sum(cost_usd) AS cost_usd
FROM usage
WHERE minute >= $start AND minute < $end;
