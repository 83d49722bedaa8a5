"""Who is told of events by HTTP: the addresses of tenants, what is owed to each, and how it is signed and sent.

Nothing here changes jobs, labels or routings.
"""
