"""Labelled images: labels.csv, the images it names, the targets of training, and weights for rare nodes."""
