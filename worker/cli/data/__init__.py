"""`cladist data`: options and output of the checks in `classifier.datacheck`."""
