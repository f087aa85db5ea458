"""Settings of the alerts."""

from dataclasses import dataclass, field

from alerts.addresses import fault_of
from alerts.signals.bars import LEAST_BUDGET, MOST_BUDGET


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """When a spend spike is an incident, and who is told."""

    enabled: bool = field(default=True, metadata={"help": "Judge spend and open incidents in the worker."})
    webhook_url: str | None = field(default=None, metadata={"help": "URL that receives incident events as JSON."})
    alertmanager_url: str | None = field(
        default=None, metadata={"help": "Base URL of a Prometheus Alertmanager (v2 API)."}
    )
    channels: str | None = field(
        default=None, metadata={"help": "File of channels and routes (TOML): docs/alerts.md has its form."}
    )
    min_excess_usd: float = field(
        default=1.0, metadata={"help": "Smallest excess over expectation that opens an incident, in USD.", "min": 0}
    )
    min_excess_percent: float = field(
        default=5.0,
        metadata={
            "help": "Smallest excess over expectation that opens an incident (of a price, its rise), in percent.",
            "min": 0,
        },
    )
    false_alerts_per_tenant_week: float = field(
        default=0.5,
        metadata={
            "help": "How many false alerts are bearable, per tenant and week.",
            "min": LEAST_BUDGET,
            "max": MOST_BUDGET,
        },
    )
    calendar: str | None = field(
        default=None, metadata={"help": "File of announced events (TOML): docs/alerts.md has its form."}
    )
    notify_max_age_s: int = field(
        default=3600,
        metadata={"help": "Older minutes train detectors but notify nobody.", "min": 60, "max": 86_400},
    )
    calm_minutes: int = field(
        default=10, metadata={"help": "An incident is resolved after so many calm full minutes.", "min": 1, "max": 60}
    )
    history_days: int = field(
        default=35, metadata={"help": "Days of usage from which detectors are trained at start.", "min": 1, "max": 400}
    )
    health: bool = field(
        default=True, metadata={"help": "Judge errors, speed, cache, safety, tools and silence as well."}
    )
    newcomer_usd: float = field(
        default=25.0,
        metadata={
            "help": "What a new tenant, model or principal may spend in its first two days unsaid, in USD.",
            "min": 0,
        },
    )
    budgets_every_s: int = field(
        default=300,
        metadata={"help": "Budgets (settle.budgets) are held against spend this often.", "min": 5, "max": 86_400},
    )
    resend_s: int = field(
        default=60,
        metadata={"help": "Active alerts are sent to the Alertmanager again this often.", "min": 10, "max": 3600},
    )
    dashboard_url: str = field(default="http://127.0.0.1:8501", metadata={"help": "Where links in notifications lead."})

    runbooks_url: str | None = field(
        default=None,
        metadata={"help": "Where the pages of docs/runbooks are served; without it notifications name the file."},
    )

    def __post_init__(self) -> None:
        for name in ("webhook_url", "alertmanager_url", "runbooks_url"):
            url = getattr(self, name)
            fault = None if url is None else fault_of(url)
            if fault:
                raise ValueError(f"{name} = {url!r}: {fault}")
