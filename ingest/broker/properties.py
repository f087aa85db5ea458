"""``server.properties`` of the local broker: one KRaft node that is broker and controller, on loopback only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LOOPBACK = "127.0.0.1"
MESSAGE_MAX_BYTES = 16 * 1024 * 1024
ASCII_END = 0x80


def server_properties(*, port: int, controller_port: int, log_dir: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything the node is told; ``extra`` has the last word.

    The client listener is called LOCAL, the controller's CONTROLLER.
    """
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"LOCAL://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"LOCAL://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "LOCAL",
        "log.dirs": str(log_dir),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(MESSAGE_MAX_BYTES),
        "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
        # Back in 4.5 s after a kill -9, not in 29 s: the controller must give up the broker's old session first.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        # One node: nothing can be replicated.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        # A small heap: the log cleaner alone would take 128 MiB of it.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.io.threads": "4",
        "num.network.threads": "2",
        **extra,
    }


def render(properties: Mapping[str, str]) -> str:
    r"""The file's text in ASCII: ``java.util.Properties`` reads Latin-1, and ``\uXXXX`` as one UTF-16 unit."""
    return "".join(f"{name}={_escape(value)}\n" for name, value in properties.items())


def _escape(value: str) -> str:
    plain = value.replace("\\", "\\\\").replace("\n", "\\n")
    units = memoryview(plain.encode("utf-16-le")).cast("H")
    return "".join(chr(unit) if unit < ASCII_END else f"\\u{unit:04x}" for unit in units)
