"""OTLP bytes to typed columns in one pass."""
