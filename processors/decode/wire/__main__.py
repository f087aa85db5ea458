"""``python -m processors.decode.wire``: compile the decoder now, so that the first start need not."""

import logging

from processors.decode.wire import load

logging.basicConfig(level=logging.INFO, format="      %(message)s")
logging.getLogger("numba").setLevel(logging.WARNING)
load()
