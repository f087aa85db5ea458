-- What samples say of `hours`, and of an hour before and after: the moments of each GPU, and how GPUs and model servers are called.
-- A GPU is named by NVIDIA's id, which is its own everywhere; other names only say which one of its host it is.
-- A GPU that two exporters or several pods tell of has one moment all the same. A GPU that is divided is told of by its parts.
CREATE TEMP TABLE gpu_told AS
SELECT
    hour_of(sampled_at) AS hour, epoch_us(sampled_at) AS at_us,
    CASE WHEN gpu_uuid LIKE 'GPU-%' THEN gpu_uuid
        ELSE coalesce(host, '') || '/' || coalesce(gpu_uuid, coalesce(gpu_index, 0)::VARCHAR) END AS gpu,
    coalesce(mig_id, '') AS mig,
    mig_profile, gpu_model, host, pod, engine_active, utilisation
FROM gpu_samples
WHERE source IN ('dcgm', 'hw') AND cumulative IS NULL
    AND sampled_at >= getvariable('since') AND sampled_at < getvariable('before');

CREATE TEMP TABLE gpu_moment AS
WITH divided AS (
    SELECT DISTINCT gpu, hour FROM gpu_told WHERE mig <> '' AND (engine_active IS NOT NULL OR utilisation IS NOT NULL)
)
SELECT t.gpu, t.mig, t.at_us, coalesce(max(t.engine_active), max(t.utilisation)) AS activity
FROM gpu_told AS t
LEFT JOIN divided AS d ON d.gpu = t.gpu AND d.hour = t.hour
WHERE t.mig <> '' OR d.gpu IS NULL
GROUP BY t.gpu, t.mig, t.at_us;

CREATE TEMP TABLE gpu_named AS
SELECT
    hour, gpu, mig, pod, max(mig_profile) AS mig_profile, max(gpu_model) AS gpu_model, max(host) AS host
FROM gpu_told
GROUP BY hour, gpu, mig, pod;

CREATE TEMP TABLE server_named AS
SELECT DISTINCT hour_of(sampled_at) AS hour, model_server, pod, host, model
FROM gpu_samples
WHERE source = 'vllm' AND sampled_at >= getvariable('since') AND sampled_at < getvariable('before');
