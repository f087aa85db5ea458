-- How full the memory of GPUs is, by their samples: in one row, by GPU, host or model of GPU, in total or over time.
-- reads gpu_samples in window
-- takes bucket: bucket of gpu_samples = ; minute, hour, day or month: the column `bucket` says which one
-- takes zone: zone = UTC; time zone in which hours, days and months of the bucket begin
-- takes by: dimensions of gpus = host,gpu; what to group by; nothing = one row
-- takes start: time = ; first sample
-- takes end: time = ; first sample after
-- gives gpus: GPUs, each of their instances (MIG) counted, that tell of it
-- gives memory_mean: share of the memory in use, the mean of the samples
-- gives memory_max: likewise, the fullest one
-- gives samples: moments at which somebody told both what is used and what there is
WITH told AS (
    SELECT
        sampled_at,
        CASE WHEN gpu_uuid LIKE 'GPU-%' THEN gpu_uuid
            ELSE coalesce(host, '') || '/' || coalesce(gpu_uuid, coalesce(gpu_index, 0)::VARCHAR) END AS gpu,
        coalesce(mig_id, '') AS part, max(host) AS host, max(gpu_model) AS gpu_model,
        max(memory_used_bytes) AS used, max(memory_total_bytes) AS whole
    FROM gpu_samples
    WHERE source IN ('dcgm', 'hw') AND cumulative IS NULL
        AND ($start IS NULL OR sampled_at >= $start) AND ($end IS NULL OR sampled_at < $end)
    GROUP BY ALL
),
full_ AS (
    SELECT {columns} gpu || '/' || part AS part_, used / whole AS share_
    FROM told
    WHERE whole > 0 AND used IS NOT NULL
)
SELECT
    {keys} count(DISTINCT part_) AS gpus, avg(share_) AS memory_mean, max(share_) AS memory_max, count(*) AS samples
FROM full_
GROUP BY ALL
HAVING count(*) > 0
ORDER BY {bucket} memory_mean DESC, {keys} samples
