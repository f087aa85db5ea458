"""Other ways to do a part of the work, measured in the same run on the same payloads.

Rivals (a) ``rows`` and (b) ``pivot`` run in the benchmark's process and write the columns of ``wanted`` as Parquet:
content-free rows of spans, but neither normalised nor priced, billed once, classified or rolled up. Rival (c), the
OpenTelemetry Collector (``builder.yaml``, ``build.sh``), and rotel are processes of their own.
"""
