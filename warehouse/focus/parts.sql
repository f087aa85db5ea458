-- The lines that are booked in a month, cut into the disjoint kinds of tokens that bills have; `picos`: picodollars.
-- Needs `booked`, and `asked` and `offered` of `register`. What two kinds share in a line is split by their prices, as
-- the tables that priced it have them, else by their numbers. Where a kind has two prices (by size of the context, time of
-- day, or on the day of a change) the cost says how many tokens had which: these are two parts. `unit_price`: 10^-24 USD,
-- NULL where it is not one price.
CREATE TEMP MACRO part_of(whole, part, total) AS CASE
    WHEN total = 0 THEN 0::HUGEINT
    ELSE sign(whole)::HUGEINT * sign(part)::HUGEINT * sign(total)::HUGEINT
        * ((2 * abs(whole) * abs(part) + abs(total)) // (2 * abs(total)))
END;
-- How far costs of so many calls can be from what they are made of: of a call's parts each but the largest is rounded down
-- to a picodollar, and that takes what is left.
CREATE TEMP MACRO unrounded(calls) AS ((abs(calls) + 1) * 5000000000000::HUGEINT);
CREATE TEMP TABLE parts AS
WITH costing AS (
    SELECT
        key, min(paid) FILTER (kind = 'cached_input') > 0 AS caches_cost,
        min(paid) FILTER (kind IN ('cache_write', 'cache_write_1h')) > 0 AS writes_cost
    FROM offered
    GROUP BY key
),
input_of AS (  -- cached tokens without a price of their own are in the cost of the input
    SELECT
        b.*, a.key, a.is_known, row_number() OVER () AS line,
        if(a.is_known AND c.caches_cost AND cached_picos = 0, part_of(input_picos, cached::HUGEINT, in_all::HUGEINT), 0) AS cached_too,
        if(a.is_known AND c.writes_cost AND write_picos = 0, part_of(input_picos, written::HUGEINT, in_all::HUGEINT), 0) AS written_too
    FROM booked AS b
    JOIN asked AS a
        ON a.payer IS NOT DISTINCT FROM b.payer AND a.provider IS NOT DISTINCT FROM b.provider
        AND a.model IS NOT DISTINCT FROM b.model AND a.service_tier IS NOT DISTINCT FROM b.service_tier
        AND a.price_version IS NOT DISTINCT FROM b.price_version AND a.day = b.day
    LEFT JOIN costing AS c ON c.key = a.key
    WHERE NOT b.is_unpriced
),
line AS (
    SELECT
        * REPLACE (
            input_picos - cached_too - written_too AS input_picos, cached_picos + cached_too AS cached_picos,
            write_picos + written_too AS write_picos
        ),
        in_all - cached - written - in_audio AS in_plain, written - written_1h AS written_5m, out_all - out_audio AS out_plain
    FROM input_of
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
offer AS (  -- `listed`: NULL where what is paid does not tell which list price it is
    SELECT key, kind, paid::HUGEINT AS paid, if(count(DISTINCT listed) = 1, any_value(listed), NULL)::HUGEINT AS listed
    FROM offered
    GROUP BY ALL
),
fitting AS (  -- the offer that a cost is made of
    SELECT c.line, c.kind, any_value(o.paid) AS paid, any_value(o.listed) AS listed
    FROM counted AS c
    JOIN offer AS o ON o.key = c.key AND o.kind = c.kind
    WHERE c.quantity <> 0 AND abs(o.paid * c.quantity - c.picos * 1000000000000) <= unrounded(c.calls)
    GROUP BY c.line, c.kind
    HAVING count(*) = 1
),
two AS (
    SELECT key, kind, min(paid) AS low, max(paid) AS high, arg_min(listed, paid) AS low_listed, arg_max(listed, paid) AS high_listed
    FROM offer
    GROUP BY ALL
    HAVING count(*) = 2 AND count(listed) = 2
),
mixed AS (  -- as many tokens at the higher price as the cost says, where no other number comes as near
    SELECT *, rounded(high * highs, 1000000000000) AS picos_of_high
    FROM (
        SELECT
            c.line, c.kind, c.calls, c.quantity, c.picos, t.* EXCLUDE (key, kind),
            part_of(1::HUGEINT, c.picos * 1000000000000 - t.low * c.quantity, t.high - t.low) AS highs
        FROM counted AS c
        JOIN two AS t ON t.key = c.key AND t.kind = c.kind
        ANTI JOIN fitting AS f ON f.line = c.line AND f.kind = c.kind
        WHERE c.is_known
    )
    WHERE high - low > 2 * unrounded(calls)
        AND abs(high * highs + low * (quantity - highs) - picos * 1000000000000) <= unrounded(calls)
        AND highs * sign(quantity) BETWEEN 0 AND abs(quantity)
),
cut AS (
    SELECT c.*, f.paid, f.listed
    FROM counted AS c
    LEFT JOIN fitting AS f ON f.line = c.line AND f.kind = c.kind
    ANTI JOIN mixed AS m ON m.line = c.line AND m.kind = c.kind
    UNION ALL BY NAME
    SELECT
        c.* EXCLUDE (quantity, picos),
        unnest([
            {'quantity': (m.quantity - m.highs)::BIGINT, 'picos': m.picos - m.picos_of_high, 'paid': m.low, 'listed': m.low_listed},
            {'quantity': m.highs::BIGINT, 'picos': m.picos_of_high, 'paid': m.high, 'listed': m.high_listed}
        ], recursive := true)
    FROM counted AS c
    JOIN mixed AS m ON m.line = c.line AND m.kind = c.kind
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
        WHEN c.paid IS NOT NULL THEN c.paid
        WHEN c.kind = 'other' OR (c.is_known AND c.price_status <> 'free') THEN NULL
        ELSE c.exact
    END AS unit_price,
    coalesce(c.listed, l.listed)::HUGEINT AS list_price
FROM cut AS c
LEFT JOIN listing AS l ON l.key = c.key AND l.kind = c.kind AND c.kind <> 'other';
