"""What makes prices unusable.

BadPriceBook     a price book or an own price cannot be read; the text names the entry, its value and what is allowed
"""


class BadPriceBook(ValueError):
    """A price book cannot be read; the text names the entry, its value and what is allowed."""
