"""Settings of the dashboard."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """Where the pages are served and which tenants they show."""

    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on."})
    port: int = field(default=8501, metadata={"help": "Port of the pages; 0 = a free one.", "min": 0, "max": 65535})
    tenants: tuple[str, ...] = field(default=(), metadata={"help": "Tenants the pages may show; empty = all."})
    refresh_s: float = field(default=5.0, metadata={"help": "Pause between refreshes of a live page.", "min": 1})

    def __post_init__(self) -> None:
        """Raises ValueError for no address: Streamlit would listen on all of them."""
        if not self.host.strip():
            raise ValueError("host is empty: must be an address, like 127.0.0.1")
