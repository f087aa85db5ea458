"""Streamlit pages over warehouse questions and alerts incidents; no arithmetic."""
