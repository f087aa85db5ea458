"""Real instrumentations with the real OpenAI client, against a small OpenAI-compatible server of the tests."""
