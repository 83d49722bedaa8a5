"""`cladist policy` and `cladist routings`."""
