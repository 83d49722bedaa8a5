"""`cladist taxonomy`."""
