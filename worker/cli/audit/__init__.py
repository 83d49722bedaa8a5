"""`cladist audit`: one module a command."""
