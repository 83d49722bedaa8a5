"""Which job is published next: the outbox, queues and tenants with their shares, and the relay."""
