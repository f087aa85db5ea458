"""Captured OTLP files sent again, to the gateway or straight to Kafka."""

from ingest.replay.captures import Capture, read_capture
from ingest.replay.sending import Plan, Sent, send_captures
from ingest.replay.sinks import HttpSink, KafkaSink, Sink, Verdict

__all__ = ["Capture", "HttpSink", "KafkaSink", "Plan", "Sent", "Sink", "Verdict", "read_capture", "send_captures"]
