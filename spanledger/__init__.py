"""The command line: one module per verb, settings assembled once."""
