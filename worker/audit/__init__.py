"""Audit: what was decided, by what and by whom, so that it can be proved later. Records, chains of them, exports."""
