"""Taxonomies in JSON other than our own canonical form: nested nodes, and lists of nodes that name each other."""
