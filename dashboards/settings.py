"""Settings of the dashboard."""

from dataclasses import dataclass, field

LEAST_SECRET = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """Where the pages are served and which tenants they show."""

    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on."})
    port: int = field(default=8501, metadata={"help": "Port of the pages; 0 = a free one.", "min": 0, "max": 65535})
    tenants: tuple[str, ...] = field(default=(), metadata={"help": "Tenants the pages may show; empty = all."})
    people: str = field(
        default="", metadata={"help": "TOML file of who may see what, behind a proxy that signs in; empty = all may."}
    )
    user_header: str = field(default="X-Forwarded-Email", metadata={"help": "Header by which the proxy names users."})
    proxy_secret: str = field(
        default="",
        metadata={"help": "Secret that the proxy proves itself by, in the header X-SpanLedger-Proxy.", "secret": True},
    )
    refresh_s: float = field(default=5.0, metadata={"help": "Pause between refreshes of a live page.", "min": 1})

    def __post_init__(self) -> None:
        """Raises ValueError for no address: Streamlit would listen on all of them."""
        if not self.host.strip():
            raise ValueError("host is empty: must be an address, like 127.0.0.1")
        if self.people and len(self.proxy_secret) < LEAST_SECRET:
            raise ValueError(
                f"people need a proxy that signs them in: set proxy_secret, {LEAST_SECRET} characters at least, and "
                "let the proxy send it in the header X-SpanLedger-Proxy"
            )
