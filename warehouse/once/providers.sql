-- Words for the provider: what one may say of a call of which another instrumentation says something else. Who sees a
-- client's class alone names the protocol (ChatOpenAI at Azure is `openai`); who knows the model names its maker, or one
-- word for all doors of a cloud (`gcp.gen_ai`); who sees the host names that. Two spans of one call so differ in how much
-- they say; two that both know the host, or the maker, do not.
--
-- kind       says                                           may be said of
-- router     a service that asks others, and bills itself   the same router
-- host       a cloud or server of many makers' models       the same host, or what stands in its name before the first dot
-- maker      who has made the model, or sells it alone      its own service, any host
-- dialect    a protocol that many services speak            any, but not where the host told is its maker's own: `own`
-- unlisted   a word that nobody here knows                  any listed one
-- library    what runs in the process and asks others       any
CREATE TEMP MACRO kind_of_word(word, host) AS CASE
    WHEN word = 'openai' THEN CASE WHEN regexp_matches(host, '(?i)(^|[.-])openai\.com$') THEN 'own' ELSE 'dialect' END
    WHEN word = 'anthropic' THEN CASE WHEN regexp_matches(host, '(?i)(^|[.-])anthropic\.com$') THEN 'own' ELSE 'dialect' END
    WHEN word IN ('openrouter', 'hugging_face') THEN 'router'
    WHEN word IN (
        'aws.bedrock', 'azure.ai.openai', 'azure.ai.inference', 'gcp.vertex_ai', 'ibm.watsonx.ai', 'alibaba', 'cerebras',
        'deepinfra', 'fireworks', 'groq', 'hyperbolic', 'nebius', 'novita', 'nvidia', 'ollama', 'sambanova', 'together_ai',
        'vllm'
    ) THEN 'host'
    WHEN word IN (
        'gcp.gen_ai', 'gcp.gemini', 'cohere', 'deepseek', 'mistral_ai', 'moonshot_ai', 'perplexity', 'x_ai'
    ) THEN 'maker'
    WHEN word = 'litellm' THEN 'library'
    WHEN word IS NOT NULL THEN 'unlisted'
END;

CREATE TEMP MACRO cloud_of_word(word) AS nullif(regexp_extract(word, '^(\w+)\.', 1), '');

-- Whether two spans that name these providers may tell of one call; `kind` is of `kind_of_word`.
CREATE TEMP MACRO may_be_said_of_one(word, kind, other_word, other_kind) AS
    coalesce(word = other_word, true)
    OR coalesce(cloud_of_word(word) = cloud_of_word(other_word), false)
    OR kind IN ('dialect', 'library') OR other_kind IN ('dialect', 'library')
    OR (kind = 'unlisted') <> (other_kind = 'unlisted')
    OR (kind = 'maker' AND other_kind IN ('host', 'router')) OR (other_kind = 'maker' AND kind IN ('host', 'router'))
    OR (kind = 'host' AND other_kind = 'router') OR (other_kind = 'host' AND kind = 'router');

-- The client library whose requests an instrumentation sees, by the name of its scope: a request goes through one of them.
-- NULL: frameworks, which ask through such libraries, and what the lake keeps, which is no name of a scope.
CREATE TEMP MACRO scope_word(teller) AS regexp_extract(
    lower(teller),
    '^(?:openinference\.instrumentation|opentelemetry\.instrumentation(?:\.genai)?|logfire|com)\.([a-z0-9_-]+)', 1
);
CREATE TEMP MACRO library_of(teller) AS CASE
    WHEN scope_word(teller) IN ('openai', 'openai_v2') THEN 'openai'
    WHEN scope_word(teller) IN ('bedrock', 'botocore', 'sagemaker') THEN 'boto3'
    WHEN scope_word(teller) IN ('google_genai', 'google_generativeai', 'vertexai') THEN 'google'
    WHEN scope_word(teller) IN ('mistral', 'mistralai') THEN 'mistral'
    WHEN scope_word(teller) IN ('anthropic', 'cohere', 'groq', 'ollama', 'replicate', 'together', 'watsonx', 'writer')
    THEN scope_word(teller)
END;

-- How much a word says of who is paid, the most first.
CREATE TEMP MACRO vagueness_of_word(word, host) AS CASE kind_of_word(word, host)
    WHEN 'own' THEN 0
    WHEN 'router' THEN 1
    WHEN 'host' THEN 2
    WHEN 'maker' THEN CASE WHEN word = 'gcp.gen_ai' THEN 4 ELSE 3 END
    WHEN 'dialect' THEN 5
    WHEN 'unlisted' THEN 5  -- perhaps a framework, perhaps a proxy: whose counts are better is believed
    WHEN 'library' THEN 6
END;
