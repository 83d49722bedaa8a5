"""The HTTP API: what the command line does for people, for programs. Loads no model, and imports nothing of `cli`."""
