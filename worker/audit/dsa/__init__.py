"""Statements of reasons for the transparency database of the Digital Services Act, filled from audit records."""
