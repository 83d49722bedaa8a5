"""Labelled images: labels.csv, the images it names, what a network is to say of each, and rare nodes."""
