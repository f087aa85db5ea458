"""Signals, detectors, incidents, explanation, channels; pure but for the channels."""
