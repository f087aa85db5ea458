"""What can go wrong when the pages are served.

DashboardError
├── PortTaken     somebody else listens there
└── PagesFailed   Streamlit ended, or did not answer in time
"""


class DashboardError(Exception):
    """Base of all errors of this package; the text says in one line what to do."""


class PortTaken(DashboardError):
    """Somebody else listens on the port."""


class PagesFailed(DashboardError):
    """Streamlit ended, or did not answer in time."""
