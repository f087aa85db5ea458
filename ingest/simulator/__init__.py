"""A believable multi-tenant workload, made by the real OpenTelemetry SDK, with the exact truth of what arrived."""

from ingest.simulator.catalog import UTC_OFFSET_H
from ingest.simulator.incidents import IncidentSpec
from ingest.simulator.simulation import Progress, Simulation, Workload
from ingest.simulator.targets import EVERY_TENANT, Target
from ingest.simulator.truth import IncidentTruth, Line, SafetyLine, Truth

TENANTS = tuple(UTC_OFFSET_H)
"""The companies that the simulator plays."""

__all__ = [
    "EVERY_TENANT",
    "TENANTS",
    "IncidentSpec",
    "IncidentTruth",
    "Line",
    "Progress",
    "SafetyLine",
    "Simulation",
    "Target",
    "Truth",
    "Workload",
]
