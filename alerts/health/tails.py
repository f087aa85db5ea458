"""How odd a share is: by how many powers of ten so many of so few are less likely than usual.

The tail of a binomial share is at most exp(-n KL(q, p)), whatever n (Chernoff, Annals of Mathematical Statistics 23,
1952; Hoeffding 1963, equation 2.1): 2 failures of 3 calls where 1 in 250 fails are 4.0, 150 of 500 are 100 and more.
Calls are no coins: they fail together, and the usual share is only known from so many calls before. Both make the
variance of a share 1 + (n - 1) rho times a binomial one's, which is that of a beta-binomial; so many times fewer calls
count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.signals.arrays import Floats

LN10 = float(np.log(10))
LEAST_USUAL = 1e-3
"""No share is taken to be rarer, however long nothing has failed."""


def score_of(part: NDArray[Any], whole: NDArray[Any], usual: NDArray[Any], rho: NDArray[Any]) -> Floats:
    """Powers of ten, 0 where ``whole`` is; of either direction."""
    some = np.maximum(whole, 1e-9)
    share = np.clip(part / some, 0.0, 1.0)
    calls = whole / (1 + np.maximum(whole - 1, 0) * rho)
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.where(share > 0, share * np.log(share / usual), 0.0)
        down = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - usual)), 0.0)
    return np.asarray(np.maximum(calls * (up + down), 0.0) / LN10)


def bounded(usual: Floats) -> Floats:
    """Usual shares as they are compared with."""
    return np.asarray(np.clip(usual, LEAST_USUAL, 1 - LEAST_USUAL))
