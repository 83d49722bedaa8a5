"""Taxonomy files, one module a format; `protocol` says what a format offers, `reading` finds the right one."""
