-- same_response: two calls that got the same response are one, whatever trace or service reports them: client and
-- gateway, an SDK's own span and an instrumentor's, a response fetched again. The one with the best token counts is
-- billed. An id with fewer than eight characters of its own is a counter or a dice roll (Ollama: chatcmpl-417), no id.
CREATE TEMP TABLE answered AS
SELECT row, first_value(row) OVER (
    PARTITION BY ledger, response_id
    ORDER BY usage_rank NULLS LAST, input_tokens IS NULL, output_tokens IS NULL, started_us, span_id, row
) AS billed
FROM leaf
WHERE length(regexp_replace(response_id, '^[A-Za-z]+[-_]', '')) >= 8;

CREATE TEMP TABLE told_once AS
SELECT * FROM leaf WHERE row NOT IN (SELECT row FROM answered WHERE row <> billed);
