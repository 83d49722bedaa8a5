"""Taxonomies in columns: levels, edges, nodes with their parents' ids, labels.csv. No JSON."""
