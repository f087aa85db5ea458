"""Who bears what: levels above the dimensions of the ledger, and rules by which shared costs are divided.

================  =================================================================================
``file.py``       the TOML file that says both; what is wrong in it is refused by name
``shares.py``     a sum of picodollars in parts that add up to it
``chargeback.py``  statements per tenant, business unit or cost centre and month: direct, adjusted, allocated
================  =================================================================================

``docs/finance.md`` shows such a file.
"""

from warehouse.allocation.chargeback import charge_back, check_months
from warehouse.allocation.file import Dimensions, read_dimensions

__all__ = ["Dimensions", "charge_back", "check_months", "read_dimensions"]
