"""The processes: the composition root, the Celery application, and a worker with its threads."""
