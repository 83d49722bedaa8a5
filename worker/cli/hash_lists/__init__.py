"""`cladist hash-lists`."""
