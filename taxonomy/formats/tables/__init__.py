"""Taxonomies in lines and columns: paths, levels, edges, nodes with the ids of their parents, and labels.csv. No JSON."""
