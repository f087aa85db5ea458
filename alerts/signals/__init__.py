"""What is odd about the usage of the minute that has just passed, series by series, without a look ahead.

A *leaf* is the usage of one tenant, feature, model and principal. Of each minute a leaf tells calls, tokens and USD.

```
usage of a minute ─▶ unit_prices  USD paid against USD at the prices learned so far  ─▶ unit_price
                  ─▶ envelope     spend and calls of 15 min, 1 h, 6 h against what   ─▶ spend, calls
                                  such hours of the last 7 days have seen at most
                  ─▶ per_call     input tokens a call of 1, 6, 24 h against the last ─▶ tokens_per_call
                                  days
```

``fold.Fold`` steps through minutes and yields what is odd, with a score and USD; which scores are told, and when
several are one incident, is for who listens (``benchmarks.spend`` so far).
"""
