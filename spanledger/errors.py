"""What makes a verb stop.

CannotRun     a verb cannot do its work: exit code 2, the text says in one line what to do
"""


class CannotRun(Exception):
    """A verb cannot do its work; the text says in one line what to do. Exit code 2."""
