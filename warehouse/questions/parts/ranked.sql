-- The histograms of `facts` as buckets, each with how many calls lie in it or below, and in all: percentiles are cut from it.
buckets AS (
    SELECT {keys} 'latency' AS measure, unnest(latency_hist) AS bucket_ FROM facts
    UNION ALL
    SELECT {keys} 'ttft', unnest(ttft_hist) FROM facts
    UNION ALL
    SELECT {keys} 'tpot', unnest(tpot_hist) FROM facts
),
merged AS (
    SELECT {keys} measure, bucket_.index AS index_, sum(bucket_.count) AS count_ FROM buckets GROUP BY ALL
),
ranked AS (
    SELECT
        {keys} measure, index_,
        sum(count_) OVER (PARTITION BY {keys} measure ORDER BY index_) AS up_to,
        sum(count_) OVER (PARTITION BY {keys} measure) AS total
    FROM merged
)
