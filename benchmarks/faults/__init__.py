"""Parts of ``benchmarks.torture``: messages with their truth, what runs, what is done to it, and the verdict."""
