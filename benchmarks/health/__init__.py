"""The health benchmark: weeks of calls of tenants, with labelled incidents, and how well they are found."""
