"""A month of the settled books as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

Rows are by UTC day, dimensions of the ledger, kind of token and unit price; their costs add up to the ledger's, to the
picodollar. Calls without a price have no rows: FOCUS has no NULL for a cost, and they did not cost nothing. The rows of
a closed month are kept.
"""

from warehouse.focus.export import Asked, Exported, export_month
from warehouse.focus.keeping import rows_to_keep
from warehouse.focus.offers import Offer, Seller, Sellers

__all__ = ["Asked", "Exported", "Offer", "Seller", "Sellers", "export_month", "rows_to_keep"]
