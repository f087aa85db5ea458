"""What can go wrong with Spark.

WarehouseError
├── NoSpark   it is not installed, has no Java that suits, or does not start
└── NoEqual   a word of DuckDB's dialect that has no equal on Spark: the SQL file must say it otherwise

SparkFailed   a question failed on Spark: whoever asked says why, as of other failures of reading (``warehouse.damage``)
"""

from warehouse.errors import WarehouseError


class NoSpark(WarehouseError):
    """Spark cannot be used on this machine as it is; the text says what to install."""


class NoEqual(WarehouseError):
    """A word of DuckDB's dialect that has no equal on Spark."""


class SparkFailed(Exception):
    """A question failed on Spark."""
