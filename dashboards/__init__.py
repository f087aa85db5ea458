"""Streamlit pages over warehouse questions, reports and alerts incidents; they add up and subtract, no more."""
