"""What happened: events, written with it in one transaction, read in order, and forgotten once everybody was told.

Nothing here knows what a job or a sink is.
"""
