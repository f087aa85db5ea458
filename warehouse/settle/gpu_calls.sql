-- Billed calls that were under way in `hours` and where they say that they ran: of one that took more than an hour its last one.
-- A call of no length is of its last microsecond. `hour_number`: hours since 1970, of which a call touches two at most.
CREATE TEMP TABLE gpu_call AS
SELECT c.*, n.hour, n.hour_number
FROM (
    SELECT
        tenant, feature, provider, coalesce(response_model, request_model) AS model,
        coalesce(server_address, '') AS address, coalesce(server_port, 0) AS port, coalesce(pod, '') AS pod,
        coalesce(namespace, '') AS namespace, coalesce(host, '') AS host,
        epoch_us(ended_at) AS ended_us,
        least(greatest(epoch_us(started_at), epoch_us(ended_at) - 3600000000), epoch_us(ended_at) - 1) AS began_us,
        coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens,
        least(coalesce(cached_input_tokens, 0), coalesce(input_tokens, 0)) AS cached_tokens
    FROM corrected_spans
    WHERE billable
) AS c
JOIN (SELECT DISTINCT hour, hour_number FROM minutes) AS n
    ON n.hour_number = c.began_us // 3600000000 OR n.hour_number = (c.ended_us - 1) // 3600000000;

CREATE TEMP TABLE gpu_asked AS
SELECT DISTINCT hour, address, port, pod, namespace, host, coalesce(provider, '') AS provider, coalesce(model, '') AS model
FROM gpu_call;
