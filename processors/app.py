"""The Faust app: ``build_app`` puts agents on topics; no global app, no web server, no topics of Faust's own.

Settings that matter (design, section 4): ``mode.CrashingSupervisor`` so that an agent that raises stops the worker and
loses nothing; session 6 s (a setting); no leader topic and no declaring of topics, because ``ingest.topics`` does that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faust
from faust.types.auth import AuthProtocol

from alerts.watch import Watcher
from ingest.kafka import bootstrap_servers, tls_context
from ingest.settings import KafkaSettings
from processors.agents.alerts import add_alerts_agent
from processors.agents.chores import Chore, add_chores
from processors.agents.spans import FlushLoop, add_flush_ticker, add_otlp_agent
from processors.flush import Flusher
from processors.group import group_id
from processors.intake import Intake
from processors.pending import Pending
from processors.settings import WorkerSettings
from processors.transport import transport

HEARTBEATS_A_SESSION = 3
MAX_POLL_S = 86_400.0  # a lake may be away for a day without a rebalance
PARTITION_FETCH_BYTES = 4 * 1024 * 1024
BUFFER_MESSAGES = 64
TOPICS_SEEN_WITHIN_S = 5.0  # a broker that has just started tells of no topics: who joins then is assigned nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the app is built of."""

    kafka: KafkaSettings
    worker: WorkerSettings
    flusher: Flusher
    watcher: Watcher | None  # None = alerts are switched off
    chores: Sequence[Chore]  # what one worker does for all
    data: Path  # Faust's own directory; nothing of value is kept there


def build_app(parts: Parts) -> faust.App:
    """The worker's app, ready for ``faust.Worker``."""
    app = faust.App(
        group_id(parts.flusher.lake.id),
        broker=[f"aiokafka://{server}" for server in bootstrap_servers(parts.kafka)],
        broker_credentials=_credentials(parts.kafka),
        broker_session_timeout=parts.worker.session_seconds,
        broker_heartbeat_interval=parts.worker.session_seconds / HEARTBEATS_A_SESSION,
        broker_max_poll_interval=MAX_POLL_S,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        consumer_metadata_max_age_ms=round(TOPICS_SEEN_WITHIN_S * 1000),
        stream_buffer_maxsize=BUFFER_MESSAGES,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        agent_supervisor="mode.CrashingSupervisor",
        autodiscover=False,
        web_enabled=False,
        datadir=str(parts.data / "faust"),
        store="memory://",
        version=1,
    )
    intake: Intake[Any] = Intake(
        limit=parts.worker.hold_bytes,
        span_bytes=parts.worker.span_bytes,
        on_close=partial(parts.flusher.metrics.count, "pauses", 1),
    )
    app.transport = transport(app, intake)
    loop = FlushLoop(
        app=app,
        flusher=parts.flusher,
        pending=Pending(settings=parts.worker, clock=time.monotonic),
        intake=intake,
    )
    add_otlp_agent(app, _topic(app, parts.kafka.spans_topic), loop, name="spans")
    add_otlp_agent(app, _topic(app, parts.kafka.logs_topic), loop, name="logs")
    add_otlp_agent(app, _topic(app, parts.kafka.metrics_topic), loop, name="metrics")
    add_flush_ticker(app, loop)
    if parts.watcher is not None:
        add_alerts_agent(app, _topic(app, parts.kafka.commits_topic), parts.watcher)
    add_chores(app, _topic(app, parts.kafka.spans_topic), parts.chores)
    return app


def _topic(app: faust.App, name: str) -> faust.TopicT:
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _credentials(settings: KafkaSettings) -> faust.auth.Credentials | None:
    context = tls_context(settings)
    if settings.uses_sasl:
        credentials = faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
        credentials.protocol = AuthProtocol(settings.security_protocol)
        return credentials
    return None if context is None else faust.SSLCredentials(context)
