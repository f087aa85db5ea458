"""What a call cost: rates resolved once per key, multiplied over integer columns, rounded once.

* ``book``: ``PriceBook``, the rates in force for a provider, model, service tier and instant.
* ``catalogue``: the rates of the ``genai-prices`` package; ``own``: the rates of our settings, which go first.
* ``rates``: one set of rates as integers over token kinds; ``exact``: the arithmetic.
* ``columns``: ``price_spans``, which adds the cost columns to a table of spans.
"""
