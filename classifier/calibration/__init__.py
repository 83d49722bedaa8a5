"""Fit on held-out images what makes confidences true and decisions trustworthy."""
