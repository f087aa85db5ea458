"""One view across tables that are committed one after another.

A flush commits to six tables, ``flushes`` last. A reader in between would find calls in ``usage`` that are not yet in
``spans``. So it sees of every stream what ``flushes`` has of it, and hides the commits of other tables that are ahead.

A commit of several streams is hidden or seen as a whole. Where a worker died between two tables and only some of its
streams have been taken up again, a commit can hold seen and unseen streams; then the seen ones step back behind it, in
all tables, until the rest has arrived. Commits that are ``HORIZON_MS`` older than the newest one are never hidden: a
stream that nobody takes up again must not hold back the others for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from warehouse.lake.log import Commit

HORIZON_MS = 120_000


def hidden_commits(
    commits: Mapping[str, Iterable[Commit]], seen: Callable[[str], int | None]
) -> dict[str, list[Commit]]:
    """Which of the recent commits of each table a reader must not see, so that all tables have a stream equally far.

    ``seen`` gives the next offset of a stream in ``flushes``.
    """
    limits: dict[str, int] = {}

    def is_seen(stream: str, next_offset: int) -> bool:
        return next_offset <= limits.get(stream, seen(stream) or 0)

    while True:
        hidden = {
            table: [one for one in some if not all(is_seen(*pair) for pair in one.transactions.items())]
            for table, some in commits.items()
        }
        torn = {
            (stream, next_offset)
            for some in hidden.values()
            for one in some
            for stream, next_offset in one.transactions.items()
            if is_seen(stream, next_offset)
        }
        if not torn:
            return hidden
        for stream, next_offset in torn:
            limits[stream] = min(limits.get(stream, next_offset), next_offset - 1)
