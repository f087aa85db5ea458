"""The Numenta anomaly benchmark (NAB): a scorer of our own, our detector of metrics, and a rival in the same run."""
