"""`cladist data`."""
