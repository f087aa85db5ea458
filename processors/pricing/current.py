"""The price book as its file is now: a worker that runs takes what was appended to it, and nothing else.

The file is looked at before each flush and each settlement (one ``stat``) and read again where it was written. A book
that cannot be read, or whose entries of before are not its first any more, is told in the log, once, and the prices at
hand stay: rows of one version are never priced otherwise than before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from processors.pricing.book import PriceBook
from processors.pricing.errors import BadPriceBook

log = logging.getLogger("spanledger.worker")

AT_REST_S = 1.0
"""So long ago a file was written last before it is read again: an editor may write it in parts."""

Written = tuple[int, int, int] | None


@dataclass(slots=True)
class CurrentBook:
    """Called, it gives the book of the settings ``worker.prices`` and ``worker.price_book``.

    Raises BadPriceBook when it is made, never when it is called.
    """

    prices: Mapping[str, object]
    file: str | None = None
    now: Callable[[], float] = time.time
    _book: PriceBook = field(init=False)
    _seen: Written = field(init=False)

    def __post_init__(self) -> None:
        self._seen = self._written()
        self._book = PriceBook.from_settings(self.prices, self.file)

    def __call__(self) -> PriceBook:
        """The book of now, or the last one that stood."""
        written = self._written()
        if written not in (None, self._seen) and not 0 <= self.now() - written[0] / 1e9 < AT_REST_S:
            self._seen = written
            self._read()
        return self._book

    def _read(self) -> None:
        try:
            new = PriceBook.from_settings(self.prices, self.file)
        except BadPriceBook as error:
            log.warning("the prices stay as they were: %s", error)
            return
        names = self._book.file.fingerprints
        if names and not new.file.count(names[-1]):
            log.warning("the prices stay as they were: price book %s does not begin with its %d entries of before: "
                        "restore them, and append instead", self.file, len(names))  # fmt: skip
            return
        if new.version != self._book.version:
            log.info("price book read again entries=%d version=%s", len(new.file.entries), new.version)
        self._book = new

    def _written(self) -> Written:
        """When the file was written last (ns), its size and which file it is; None where there is none."""
        if not self.file:
            return None
        try:
            said = Path(self.file).expanduser().stat()
        except OSError:
            return None
        return said.st_mtime_ns, said.st_size, said.st_ino
