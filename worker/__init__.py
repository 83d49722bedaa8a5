"""Everything that runs: jobs, database, Celery, command line."""
