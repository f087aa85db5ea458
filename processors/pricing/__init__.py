"""What a call cost: rates resolved once per key, multiplied over integer columns, rounded once.

* ``book``: ``PriceBook``, the rates in force for a provider, model, service tier, tenant and instant.
* ``catalogue``: the rates of the ``genai-prices`` package; ``names``: how calls name its providers and models.
* ``entries``: the price book's file; ``own``: entries of our settings; ``amounts``: how both write rates.
* ``kinds``: what can be counted; ``quantities``: what calls used; ``rates``: one set of rates as integers over kinds.
* ``exact``: the arithmetic; ``columns``: ``price_spans``, which adds the cost columns to a table of spans.
* ``lines``: ``price_lines``, the same for one call, line by line.
* ``shown``, ``verdicts``: what ``spanledger prices`` prints.
"""
