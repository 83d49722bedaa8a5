"""Who is told of events: the sinks that the settings name, what they get, and how far each has come.

A sink knows neither the database nor the others. Nothing here changes jobs, labels or routings.
"""
