"""Taxonomies in JSON other than our own canonical form: nested, or lists of nodes that name each other. No table."""
