"""What follows the once rules, which fill gaps from other spans, at a flush and at settlement."""

from __future__ import annotations

import pyarrow as pa

from processors.normalise.parts import refuse_contradictions
from processors.normalise.speed import forget_unstreamed


def finish(spans: pa.Table) -> pa.Table:
    """Spans without a first token where nobody has told of a stream, and without counts that contradict each other."""
    return refuse_contradictions(forget_unstreamed(spans))
