"""The command line: one folder for each family of commands, imported when one of them runs. No logic of its own."""
