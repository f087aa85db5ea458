"""What can go wrong while people are told.

AlertsError
└── ChannelDown   a channel did not take a notification: it stays in the outbox and is tried again
"""


class AlertsError(Exception):
    """Base of all errors of this package; the text says in one line what happened."""


class ChannelDown(AlertsError):
    """A channel did not take a notification, or did not answer in time."""
