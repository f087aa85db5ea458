"""What can go wrong at the lake.

WarehouseError
├── LakeUnavailable   the lake cannot be written or read now (disk full, read-only, store away): back off, do not commit
│   └── LakeDamaged   one of its files cannot be read, and waiting does not help
├── LakeMissing       there is no lake at this place yet
├── LakeMismatch      the lake belongs to another key or version than this process
├── BadQuestion       no such question, or a parameter it does not take
├── BadDimensions     the file of hierarchies and shared costs says what cannot be
├── BadPlans          the file of budgets and launches, or that of objectives, says what cannot be
└── BadFleet          the file of GPUs says what cannot be
"""


class WarehouseError(Exception):
    """Base of all errors of this package; the text says in one line what to do."""


class LakeUnavailable(WarehouseError):
    """The lake cannot be written or read now."""


class LakeDamaged(LakeUnavailable):
    """A file of the lake is damaged; the text names it."""


class LakeMissing(WarehouseError):
    """There is no lake at this place yet."""


class LakeMismatch(WarehouseError):
    """The lake belongs to another key or version than this process."""


class BadQuestion(WarehouseError):
    """There is no such question, or it does not take this parameter."""


class BadDimensions(WarehouseError):
    """The file of hierarchies and shared costs cannot be used; the text names the entry and what is allowed."""


class BadPlans(WarehouseError):
    """The file of plans or of objectives cannot be used; the text names the entry and what is allowed."""


class BadFleet(WarehouseError):
    """The file of GPUs cannot be used; the text names the entry and what is allowed."""


def stated(where: str, given: object) -> str:
    """How a value of a TOML file is called in errors: ``where = 'what it says'``, or that it is missing."""
    return f"{where} is missing" if given is None else f"{where} = {given!r}"
