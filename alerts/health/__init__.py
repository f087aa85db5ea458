"""Health: how calls went, not what they cost. Error shares, speed, cache, safety, tools, silence, who is new.

```
health.sql ─▶ counts ─▶ fold (usual shares, sums of the last minutes) ─▶ what is odd ─▶ its scope ─▶ incidents
```

``table`` says what is watched. A share is odd where so many of so few calls come about by chance once in 10^bar looks
(``tails``); a quantile is watched as a share as well: of calls slower than nine in ten usually are. What is open, and
since when, is taken from the journal alone, as budgets do, so any worker can go on.
"""
