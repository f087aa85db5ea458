"""The local broker: one real Apache Kafka node on loopback, from Python packages and locked jars alone."""

from ingest.broker.server import LocalBroker

__all__ = ["LocalBroker"]
