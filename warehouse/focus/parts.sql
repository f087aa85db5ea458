-- The lines that are booked in a month, cut into the disjoint kinds of tokens that bills have; `picos`: picodollars.
-- Needs `booked`, and `asked` and `offered` of `register`. What two kinds share in a line is split by their prices, as
-- the price book has them, else by their numbers. `unit_price`: 10^-24 USD, NULL where it is not one price.
CREATE TEMP MACRO part_of(whole, part, total) AS CASE
    WHEN total = 0 THEN 0::HUGEINT
    ELSE sign(whole)::HUGEINT * sign(part)::HUGEINT * sign(total)::HUGEINT
        * ((2 * abs(whole) * abs(part) + abs(total)) // (2 * abs(total)))
END;
CREATE TEMP TABLE parts AS
WITH line AS (
    SELECT
        b.*, a.key, a.is_known, row_number() OVER () AS line,
        in_all - cached - written - in_audio AS in_plain, written - written_1h AS written_5m, out_all - out_audio AS out_plain
    FROM booked AS b
    JOIN asked AS a
        ON a.payer IS NOT DISTINCT FROM b.payer AND a.provider IS NOT DISTINCT FROM b.provider
        AND a.model IS NOT DISTINCT FROM b.model AND a.service_tier IS NOT DISTINCT FROM b.service_tier AND a.day = b.day
    WHERE NOT b.is_unpriced
),
pair AS (
    SELECT line, key, unnest([
        {'one': 'input', 'two': 'audio_input', 'ones': in_plain, 'twos': in_audio, 'picos': input_picos},
        {'one': 'cache_write', 'two': 'cache_write_1h', 'ones': written_5m, 'twos': written_1h, 'picos': write_picos},
        {'one': 'output', 'two': 'audio_output', 'ones': out_plain, 'twos': out_audio, 'picos': output_picos}
    ], recursive := true)
    FROM line
),
shared AS (  -- at the prices that come nearest to the cost
    SELECT
        p.*, p.ones::HUGEINT * (o.paid::HUGEINT // 1000000000) AS one_weight,
        p.twos::HUGEINT * (t.paid::HUGEINT // 1000000000) AS two_weight
    FROM pair AS p
    LEFT JOIN offered AS o ON o.key = p.key AND o.kind = p.one
    LEFT JOIN offered AS t ON t.key = p.key AND t.kind = p.two AND t.cell = o.cell
    WHERE p.ones <> 0 AND p.twos <> 0
    QUALIFY row_number() OVER (
        PARTITION BY p.line, p.two
        ORDER BY abs(o.paid::HUGEINT * p.ones + t.paid::HUGEINT * p.twos - p.picos * 1000000000000), o.cell
    ) = 1
),
second AS (
    SELECT
        p.line,
        any_value(cost) FILTER (p.two = 'audio_input') AS in_audio_picos,
        any_value(cost) FILTER (p.two = 'cache_write_1h') AS written_1h_picos,
        any_value(cost) FILTER (p.two = 'audio_output') AS out_audio_picos
    FROM (
        SELECT
            p.line, p.two,
            CASE
                WHEN p.twos = 0 THEN 0::HUGEINT
                WHEN p.ones = 0 THEN p.picos
                WHEN coalesce(s.one_weight + s.two_weight, 0) <> 0
                    THEN part_of(p.picos, s.two_weight, s.one_weight + s.two_weight)
                ELSE part_of(p.picos, p.twos::HUGEINT, p.ones::HUGEINT + p.twos::HUGEINT)
            END AS cost
        FROM pair AS p
        LEFT JOIN shared AS s ON s.line = p.line AND s.two = p.two
    ) AS p
    GROUP BY p.line
),
part AS (
    SELECT
        line, key, is_known, day, is_correction, calls, {dimensions},
        unnest([
            {'kind': 'input', 'quantity': in_plain, 'picos': input_picos - in_audio_picos},
            {'kind': 'audio_input', 'quantity': in_audio, 'picos': in_audio_picos},
            {'kind': 'cached_input', 'quantity': cached, 'picos': cached_picos},
            {'kind': 'cache_write', 'quantity': written_5m, 'picos': write_picos - written_1h_picos},
            {'kind': 'cache_write_1h', 'quantity': written_1h, 'picos': written_1h_picos},
            {'kind': 'output', 'quantity': out_plain, 'picos': output_picos - out_audio_picos},
            {'kind': 'audio_output', 'quantity': out_audio, 'picos': out_audio_picos},
            {'kind': 'other', 'quantity': if(other_picos <> 0, calls, 0), 'picos': other_picos}
        ], recursive := true)
    FROM line
    JOIN second USING (line)
),
counted AS (
    SELECT
        *,
        CASE WHEN quantity <> 0 AND (picos * 1000000000000) % quantity = 0 AND picos::DOUBLE / quantity >= 0
            THEN (picos * 1000000000000) // quantity END AS exact
    FROM part
    WHERE quantity <> 0 OR picos <> 0
),
fitting AS (  -- the offer that a cost is made of: each call was rounded to a picodollar
    SELECT c.line, c.kind, any_value(o.paid) AS paid, if(count(DISTINCT o.listed) = 1, any_value(o.listed), NULL) AS listed
    FROM counted AS c
    JOIN offered AS o ON o.key = c.key AND o.kind = c.kind
    WHERE c.quantity <> 0 AND abs(
        o.paid::HUGEINT * c.quantity - c.picos * 1000000000000
    ) <= (abs(c.calls) + 1) * 500000000000::HUGEINT
    GROUP BY c.line, c.kind
    HAVING count(DISTINCT o.paid) = 1
),
listing AS (  -- where the list has one price for all calls of a day, it is theirs whatever they cost
    SELECT key, kind, any_value(listed) AS listed
    FROM offered
    GROUP BY key, kind
    HAVING count(DISTINCT listed) = 1 AND count(listed) = count(*)
)
SELECT
    c.day, c.is_correction, {dimensions_of_c}, c.kind, c.quantity, c.picos,
    CASE
        WHEN c.kind = 'other' THEN NULL
        WHEN f.paid IS NOT NULL THEN f.paid::HUGEINT
        WHEN c.is_known AND c.price_status <> 'free' AND c.price_version = getvariable('price_version') THEN NULL
        ELSE c.exact
    END AS unit_price,
    if(c.kind = 'other', NULL, coalesce(f.listed, l.listed)::HUGEINT) AS list_price
FROM counted AS c
LEFT JOIN fitting AS f ON f.line = c.line AND f.kind = c.kind
LEFT JOIN listing AS l ON l.key = c.key AND l.kind = c.kind;
