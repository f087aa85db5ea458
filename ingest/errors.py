"""What can go wrong on the way in.

IngestError
├── BrokerUnavailable   Kafka cannot be reached, or did not acknowledge in time: back off, do not commit
├── TopicsMissing       topics do not exist and the cluster forbids creating them
├── JarRefused          a jar of the local broker is missing or has another sha256 than the lock file
├── GatewayUnreachable  no gateway answers, or it takes nothing for too long
└── CannotStart         a port is taken, a Java is too old, a directory cannot be written …
"""


class IngestError(Exception):
    """Base of all errors of this package; the text says in one line what to do."""


class BrokerUnavailable(IngestError):
    """Kafka cannot be reached, or did not acknowledge in time."""


class TopicsMissing(IngestError):
    """Topics do not exist and the cluster forbids creating them."""


class JarRefused(IngestError):
    """A jar of the local broker is missing or has another sha256 than the lock file."""


class GatewayUnreachable(IngestError):
    """No gateway answers, or it takes nothing for too long."""


class CannotStart(IngestError):
    """A process cannot start on this machine as it is."""
