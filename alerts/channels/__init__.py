"""Where incident events go: webhook and Prometheus Alertmanager, and one in memory for tests of what comes before."""

from alerts.channels.channel import Channel, MemoryChannel
from alerts.channels.prometheus import Alertmanager
from alerts.channels.webhook import Webhook
from alerts.settings import AlertSettings

__all__ = ["Alertmanager", "Channel", "MemoryChannel", "Webhook", "open_channels"]


def open_channels(settings: AlertSettings) -> tuple[Channel, ...]:
    """The channels that the settings name."""
    found: list[Channel] = []
    if settings.webhook_url:
        found.append(Webhook(settings.webhook_url, dashboard_url=settings.dashboard_url))
    if settings.alertmanager_url:
        found.append(
            Alertmanager(
                settings.alertmanager_url, dashboard_url=settings.dashboard_url, refresh_s=float(settings.resend_s)
            )
        )
    return tuple(found)
