"""Taxonomy files, one module for each format. Reads and writes graphs; compares none and compiles none.

`protocol` says what a format offers, `registry` which ones there are, `reading` finds the one that a file is in.
`text` is what comes before a format, `doubts` what is told beside a reading, `paths` what path-like formats share.
"""
