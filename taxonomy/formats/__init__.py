"""Taxonomy files, one module for each format. Reads and writes graphs; compares none and compiles none.

`protocol` says what a format offers, `registry` which ones there are, `reading` finds the one that a file is in.
"""
