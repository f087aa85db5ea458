"""How long a test waits before it says that something hangs.

No promise about speed: those are numbers of ``benchmarks/`` and of tests that name theirs. A machine with two cores and
five tests at once has been seen to need 60 s for what takes 4 s at rest, so that shorter waits failed where nothing was
wrong. It costs time only where a test fails.
"""

PATIENCE_S = 240.0
