"""Faust agents: thin shells over pure functions."""
