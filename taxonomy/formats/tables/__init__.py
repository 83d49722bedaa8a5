"""Taxonomies in lines and columns: paths, levels, edges, nodes with their parents' ids, labels.csv. No JSON."""
