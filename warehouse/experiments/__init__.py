"""Two of something side by side, as the report ``experiment`` tells: is one better, and do the calls suffice to say so.

=================  =================================================================================================
``estimates.py``   a share, a mean or a percentile with its interval, and the interval of a difference
``measures.py``    what is compared, from the answers to ``experiment`` and ``evaluations``
``compare.py``     the report ``experiment``
=================  =================================================================================================

``docs/product.md`` says what each number means.
"""

from __future__ import annotations

from warehouse.experiments.compare import NAME, compare, compare_by

__all__ = ["NAME", "compare", "compare_by"]
