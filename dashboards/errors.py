"""What can go wrong when the pages are served.

DashboardError
├── PortTaken     somebody else listens there
├── PagesFailed   Streamlit ended, or did not answer in time
├── VerbFailed    a verb of the command line that a page needs did not do its work
├── BadPeople     the file that says who may see what cannot be read
└── OpenToAll     pages that others could reach, without anybody signing in
"""


class DashboardError(Exception):
    """Base of all errors of this package; the text says in one line what to do."""


class PortTaken(DashboardError):
    """Somebody else listens on the port."""


class PagesFailed(DashboardError):
    """Streamlit ended, or did not answer in time."""


class VerbFailed(DashboardError):
    """A verb of the command line that a page needs did not do its work; the text is what it says."""


class BadPeople(DashboardError):
    """The file that says who may see what cannot be read."""


class OpenToAll(DashboardError):
    """Pages that others could reach, without anybody signing in."""
