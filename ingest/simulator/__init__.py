"""A believable multi-tenant workload, made by the real OpenTelemetry SDK, with the exact truth of what arrived."""
