"""Policies without a database: the document, its conditions compiled, what is wrong with it, and why a rule matched."""
