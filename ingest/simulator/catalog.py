"""Who the simulator plays: models, services, features and tenants.

Five made-up companies with two or three features each. A feature's script (``ingest.simulator.scripts``) says what one
task of it does; its ``share`` is its part of all model calls. All models but Orion have a public price.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model as callers ask for it and as the provider answers. ``provider`` is also its id in genai-prices."""

    provider: str  # openai, anthropic, google
    name: str
    response_name: str
    context_tokens: int = 200_000
    output_tokens_per_s: float = 100.0
    reasoning: bool = False
    address: str = ""  # of a server of one's own; "" = the provider's


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One instrumented process: its resource, and whose attribute names its spans speak."""

    name: str
    version: str
    naming: str  # otel, openinference, openllmetry
    environment: str = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One product feature of one tenant. Token numbers are medians of one call."""

    tenant: str
    name: str
    share: float
    script: str  # answer, grounded, agent, extract, index
    service: Service
    model: Model
    side_model: Model | None = None  # embeddings of retrieval, or the fast model of an agent
    input_tokens: int = 1_500
    output_tokens: int = 300
    cached_share: float = 0.0  # of the input, once a session is warm
    stream: bool = False
    guarded: bool = False
    failure_rate: float = 0.03
    routed: bool = False  # a router sends its calls (routes.py)
    prompt_versions: tuple[str, ...] = ("1",)  # of two, the next is rolled out week by week (seasons.py)
    tools: tuple[str, ...] = field(default=())


GPT_41 = Model(provider="openai", name="gpt-4.1", response_name="gpt-4.1-2025-04-14", context_tokens=1_000_000)
GPT_41_MINI = Model(
    provider="openai", name="gpt-4.1-mini", response_name="gpt-4.1-mini-2025-04-14", context_tokens=1_000_000
)
GPT_4O_MINI = Model(
    provider="openai", name="gpt-4o-mini", response_name="gpt-4o-mini-2024-07-18", context_tokens=128_000
)
GPT_5 = Model(provider="openai", name="gpt-5", response_name="gpt-5-2025-08-07", context_tokens=400_000, reasoning=True)
GPT_5_MINI = Model(
    provider="openai", name="gpt-5-mini", response_name="gpt-5-mini-2025-08-07", context_tokens=400_000, reasoning=True
)
EMBEDDING_SMALL = Model(
    provider="openai", name="text-embedding-3-small", response_name="text-embedding-3-small", context_tokens=8_192
)
HAIKU = Model(provider="anthropic", name="claude-haiku-4-5", response_name="claude-haiku-4-5-20251001")
SONNET = Model(provider="anthropic", name="claude-sonnet-4-5", response_name="claude-sonnet-4-5-20250929")
OPUS = Model(
    provider="anthropic", name="claude-opus-4-1", response_name="claude-opus-4-1-20250805", output_tokens_per_s=60.0
)
FLASH_LITE = Model(
    provider="google",
    name="gemini-2.5-flash-lite",
    response_name="gemini-2.5-flash-lite",
    context_tokens=1_000_000,
    output_tokens_per_s=200.0,
)
FLASH = Model(
    provider="google",
    name="gemini-2.5-flash",
    response_name="gemini-2.5-flash",
    context_tokens=1_000_000,
    output_tokens_per_s=150.0,
)
GEMINI_PRO = Model(
    provider="google",
    name="gemini-2.5-pro",
    response_name="gemini-2.5-pro",
    context_tokens=1_000_000,
    reasoning=True,
)
GEMINI_EMBEDDING = Model(
    provider="google", name="gemini-embedding-001", response_name="gemini-embedding-001", context_tokens=8_192
)
ORION = Model(
    provider="openai",
    name="orion-13b-instruct",
    response_name="orion-13b-instruct",
    context_tokens=32_000,
    address="orion-0.orion.serving.svc",
)
"""Self-hosted behind an OpenAI-compatible server: nobody publishes a price for it."""

CHAT_MODELS = (GPT_41, GPT_41_MINI, GPT_4O_MINI, GPT_5, GPT_5_MINI, HAIKU, SONNET, OPUS, FLASH_LITE, FLASH, GEMINI_PRO)

SAFETY_GATEWAY = Service(name="safety-gateway", version="2.3.1", naming="otel")
RETRIEVAL = Service(name="retrieval-api", version="1.8.0", naming="otel")
STRANGER = Service(name="python-requests", version="2.32", naming="otel")
"""Who calls with a leaked key: a process that no tenant runs."""

FEATURES: tuple[Feature, ...] = (
    Feature(
        tenant="acme",
        name="support-chat",
        share=0.34,
        script="grounded",
        service=Service(name="acme-support-api", version="4.12.0", naming="otel"),
        model=GPT_41,
        side_model=EMBEDDING_SMALL,
        input_tokens=20_000,
        output_tokens=320,
        cached_share=0.4,
        stream=True,
        guarded=True,
        routed=True,
        prompt_versions=("7", "8"),
        tools=("lookup_order", "start_return"),
    ),
    Feature(
        tenant="acme",
        name="product-search",
        share=0.06,
        script="grounded",
        service=Service(name="acme-search", version="1.44.2", naming="openinference"),
        model=GPT_4O_MINI,
        side_model=EMBEDDING_SMALL,
        input_tokens=1_200,
        output_tokens=120,
        prompt_versions=("3",),
    ),
    Feature(
        tenant="acme",
        name="review-summaries",
        share=0.03,
        script="answer",
        service=Service(name="acme-batch", version="0.9.4", naming="openllmetry"),
        model=GPT_4O_MINI,
        input_tokens=3_500,
        output_tokens=220,
    ),
    Feature(
        tenant="globex",
        name="contract-review",
        share=0.06,
        script="agent",
        service=Service(name="globex-contracts", version="2.0.3", naming="otel"),
        model=SONNET,
        input_tokens=6_000,
        output_tokens=450,
        cached_share=0.7,
        prompt_versions=("2", "3"),
        tools=("read_clause", "compare_template", "search_precedents"),
    ),
    Feature(
        tenant="globex",
        name="meeting-notes",
        share=0.06,
        script="answer",
        service=Service(name="globex-notes", version="5.1.0", naming="otel"),
        model=FLASH,
        input_tokens=9_000,
        output_tokens=600,
    ),
    Feature(
        tenant="globex",
        name="report-writer",
        share=0.04,
        script="answer",
        service=Service(name="globex-reports", version="3.3.3", naming="openllmetry"),
        model=GPT_5,
        input_tokens=2_000,
        output_tokens=1_400,
        stream=True,
    ),
    Feature(
        tenant="initech",
        name="kyc-extract",
        share=0.05,
        script="extract",
        service=Service(name="initech-kyc", version="1.2.9", naming="openinference"),
        model=GPT_41_MINI,
        input_tokens=4_200,
        output_tokens=350,
        failure_rate=0.06,
        routed=True,
        prompt_versions=("11",),
    ),
    Feature(
        tenant="initech",
        name="fraud-explainer",
        share=0.05,
        script="answer",
        service=Service(name="initech-fraud", version="7.0.1", naming="otel"),
        model=GPT_5_MINI,
        input_tokens=1_800,
        output_tokens=500,
    ),
    Feature(
        tenant="initech",
        name="ledger-chat",
        share=0.04,
        script="answer",
        service=Service(name="initech-assistant", version="0.4.0", naming="otel"),
        model=ORION,
        input_tokens=1_600,
        output_tokens=250,
        stream=True,
    ),
    Feature(
        tenant="umbrella",
        name="triage-chat",
        share=0.05,
        script="grounded",
        service=Service(name="umbrella-triage", version="3.8.2", naming="otel"),
        model=HAIKU,
        side_model=GEMINI_EMBEDDING,
        input_tokens=2_200,
        output_tokens=280,
        stream=True,
        guarded=True,
        prompt_versions=("5",),
    ),
    Feature(
        tenant="umbrella",
        name="letter-drafts",
        share=0.03,
        script="answer",
        service=Service(name="umbrella-letters", version="1.0.7", naming="openinference"),
        model=SONNET,
        input_tokens=1_400,
        output_tokens=650,
        cached_share=0.5,
    ),
    Feature(
        tenant="hooli",
        name="code-assistant",
        share=0.12,
        script="agent",
        service=Service(name="hooli-code-agent", version="12.1.0", naming="otel"),
        model=SONNET,
        side_model=HAIKU,
        input_tokens=9_000,
        output_tokens=240,
        cached_share=0.85,
        stream=True,
        routed=True,
        prompt_versions=("21", "22"),
        tools=("read_file", "search_code", "run_tests", "edit_file"),
    ),
    Feature(
        tenant="hooli",
        name="commit-messages",
        share=0.03,
        script="answer",
        service=Service(name="hooli-commit-bot", version="2.2.0", naming="openllmetry"),
        model=GPT_41_MINI,
        input_tokens=1_100,
        output_tokens=60,
    ),
    Feature(
        tenant="hooli",
        name="doc-index",
        share=0.04,
        script="index",
        service=Service(name="hooli-indexer", version="1.6.0", naming="otel"),
        model=EMBEDDING_SMALL,
        input_tokens=5_000,
        output_tokens=0,
    ),
)

MOVED = (("globex", "meeting-notes"), ("initech", "fraud-explainer"))
"""Features that call Orion too where there is a fleet of GPUs, so that tenants share it."""


def features_on_gpus() -> tuple[Feature, ...]:
    """All features, with some moved to the self-hosted model."""
    return tuple(replace(one, model=ORION) if (one.tenant, one.name) in MOVED else one for one in FEATURES)


UTC_OFFSET_H = {"acme": 1, "globex": -5, "initech": 0, "umbrella": 2, "hooli": -8}
"""Where each tenant's working day lies."""


def find_feature(tenant: str, name: str) -> Feature:
    """The feature of that name; KeyError lists what there is."""
    for feature in FEATURES:
        if (feature.tenant, feature.name) == (tenant, name):
            return feature
    known = ", ".join(f"{feature.tenant}/{feature.name}" for feature in FEATURES)
    raise KeyError(f"there is no feature {tenant}/{name}; choose one of {known}")
