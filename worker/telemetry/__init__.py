"""What this process tells of itself: logs, metrics and traces, none with a secret in it."""
