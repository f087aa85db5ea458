"""Where incident events go: each module is one kind of channel; ``MemoryChannel`` is for tests of what comes before."""

from alerts.channels.action import Action
from alerts.channels.channel import Channel, MemoryChannel
from alerts.channels.email import Email
from alerts.channels.long_tail import Apprise
from alerts.channels.pagerduty import PagerDuty
from alerts.channels.prometheus import Alertmanager
from alerts.channels.slack import Slack
from alerts.channels.webhook import Webhook

__all__ = ["Action", "Alertmanager", "Apprise", "Channel", "Email", "MemoryChannel", "PagerDuty", "Slack", "Webhook"]
