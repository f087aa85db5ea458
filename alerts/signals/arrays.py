"""Arrays whose last axis are series, of which more come as time goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Bools = NDArray[np.bool_]
TINY = 1e-12


def grown(array: NDArray[Any], series: int) -> NDArray[Any]:
    """The array with zeros for the series that it does not have yet."""
    missing = series - array.shape[-1]
    if missing <= 0:
        return array
    return np.concatenate([array, np.zeros((*array.shape[:-1], missing), array.dtype)], axis=-1)


def summed(values: Floats, group: Numbers, groups: int) -> Floats:
    """Sums by group of values by series."""
    return np.bincount(group, values, groups).astype(np.float64, copy=False)
