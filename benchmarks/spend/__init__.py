"""The spend benchmark: weeks of minutes of many tenants, with labelled incidents, and how well detectors find them."""
