"""What can go wrong while people are told.

AlertsError
├── BadCalendar   the file of announced events says what it may not
├── BadChannels   the file of channels says what it may not
├── BadUsage      a backtest was given usage that it cannot read
├── NotWritten    the journal of incidents took nothing: others were quicker each time
└── ChannelDown   a channel did not take a notification: it stays in the outbox and is tried again
    └── EventRefused   … and never will: it is given up
"""


class AlertsError(Exception):
    """Base of all errors of this package; the text says in one line what happened."""


class ChannelDown(AlertsError):
    """A channel did not take a notification, or did not answer in time."""


class BadCalendar(AlertsError):
    """A calendar of announced events cannot be read, or an entry of it says what it may not."""


class BadChannels(AlertsError):
    """A file of channels cannot be read, or an entry of it says what it may not."""


class BadUsage(AlertsError):
    """A file of usage is none, lacks a column, or has values that a column may not have."""


class NotWritten(AlertsError):
    """The journal of incidents could not be written."""


class EventRefused(ChannelDown):
    """A channel says that this very notification is wrong: sending it again would not help."""
